/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the policy share. */
#include "decide/decision.h"

#include <string.h>

struct setting policy_setting(const struct decision *d, enum key key)
{
	struct setting setting = options_setting(d->options, key);
	const char *where = mem_printf(d->m, "profile %s", d->profile->name);

	if (setting.text)
		return setting;
	switch (key) {
	case KEY_ALLOCATOR:
		return (struct setting){ d->profile->allocator, ORIGIN_BUILT_IN, where };
	case KEY_NUMA:
		return (struct setting){ d->profile->numa, ORIGIN_BUILT_IN, where };
	case KEY_THP:
		return (struct setting){ d->profile->thp, ORIGIN_BUILT_IN, where };
	default:
		return setting;
	}
}

bool policy_is_off(const struct decision *d, enum step step, const char *name)
{
	const struct ladder_setting *ladder = &d->options->ladders[step];

	if (ladder->ladder != LADDER_OFF)
		return false;
	policy_leave(d, step, name, mem_printf(d->m, "switched off (%s)", ladder->where));
	return true;
}

struct operation *policy_add(const struct decision *d, enum step step, enum operation_kind kind, const char *name)
{
	return plan_add(d->m, d->plan, step, kind, name, policy_ladder(d, step));
}

struct operation *policy_leave(const struct decision *d, enum step step, const char *name, const char *why)
{
	return plan_add_nothing(d->m, d->plan, step, name, policy_ladder(d, step), why);
}

struct operation *policy_refuse(const struct decision *d, enum step step, const char *name, const char *why)
{
	return plan_add_refused(d->m, d->plan, step, name, policy_ladder(d, step), why);
}
