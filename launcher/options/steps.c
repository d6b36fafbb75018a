/* SPDX-License-Identifier: Apache-2.0 */
#include "options/steps.h"

#include <stddef.h>

const char *const step_names[] = {
	[STEP_AFFINITY] = "affinity",   [STEP_MEMPOLICY] = "mempolicy",       [STEP_THP] = "thp",
	[STEP_RLIMITS] = "rlimits",     [STEP_OOM_SCORE] = "oom-score",       [STEP_PRELOAD] = "preload",
	[STEP_INTEGRITY] = "integrity", [STEP_OPTIONS] = "options",           [STEP_USER] = "user",
	[STEP_CAPS] = "caps",           [STEP_NO_NEW_PRIVS] = "no-new-privs", [STEP_COUNT] = NULL,
};

const char *step_name(enum step step)
{
	return step_names[step];
}

const char *ladder_name(enum ladder ladder)
{
	static const char *const names[] = { "off", "prefer", "require" };

	return names[ladder];
}

enum ladder step_default_ladder(enum step step)
{
	if (step == STEP_INTEGRITY)
		return LADDER_OFF;
	return step >= STEP_USER ? LADDER_REQUIRE : LADDER_PREFER;
}
