/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_STEPS_H
#define ALLOCRUN_OPTIONS_STEPS_H

/* The steps of a launch, in the order in which they are carried out. */
enum step {
	STEP_AFFINITY,
	STEP_MEMPOLICY,
	STEP_THP,
	STEP_RLIMITS,
	STEP_OOM_SCORE,
	STEP_PRELOAD,
	STEP_INTEGRITY,
	STEP_OPTIONS,
	STEP_USER,
	STEP_CAPS,
	STEP_NO_NEW_PRIVS,
	STEP_COUNT,
};

/* What happens when a step cannot be done. */
enum ladder {
	LADDER_OFF,     /* it is not tried */
	LADDER_PREFER,  /* the server starts without it, and that is said */
	LADDER_REQUIRE, /* the server does not start: exit 125 */
};

/* "mempolicy": the word for --require, --prefer and --off. */
const char *step_name(enum step step);
const char *ladder_name(enum ladder ladder);
/* All step names, NULL-terminated. */
extern const char *const step_names[];

/*
 * The ladder of a step that nobody spoke about. `prefer`, save for
 *  - integrity, which is off: it reads whole libraries, three milliseconds for each
 *    megabyte, on a path that takes one;
 *  - the three that give up privileges: they run only when asked for, and a server that
 *    keeps the root which it was told to drop is not a start that worked.
 */
enum ladder step_default_ladder(enum step step);

#endif
