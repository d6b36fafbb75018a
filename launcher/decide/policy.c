/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/policy.h"

#include <string.h>

#include "decide/decision.h"

/* "auto" leaves the allocator to what comes below. */
static bool policy_is_set(enum key key, const struct setting *s)
{
	return s->text && !(key == KEY_ALLOCATOR && strcmp(s->text, "auto") == 0);
}

struct setting policy_setting(const struct decision *d, enum key key)
{
	const struct setting *option = &d->options->settings[key];
	const struct setting *section = d->section && key < KEY_PROFILE_COUNT ?
					&d->section->settings[key] : NULL;
	const char *where = mem_printf(d->m, "profile %s", d->profile->name);

	if (policy_is_set(key, option))
		return *option;
	if (section && policy_is_set(key, section))
		return *section;
	switch (key) {
	case KEY_ALLOCATOR:
		return (struct setting){ d->profile->allocator, ORIGIN_BUILT_IN, where };
	case KEY_NUMA:
		return (struct setting){ d->profile->numa, ORIGIN_BUILT_IN, where };
	case KEY_THP:
		return (struct setting){ d->profile->thp, ORIGIN_BUILT_IN, where };
	default:
		return *option;
	}
}

bool policy_is_off(const struct decision *d, enum step step, const char *name)
{
	const struct ladder_setting *ladder = &d->options->ladders[step];

	if (ladder->ladder != LADDER_OFF)
		return false;
	plan_add_nothing(d->m, d->plan, step, name, LADDER_OFF,
			 mem_printf(d->m, "switched off (%s)", ladder->where));
	return true;
}

static void policy_list_settings(const struct decision *d)
{
	for (int k = 0; k < KEY_COUNT; k++) {
		struct setting s = policy_setting(d, (enum key)k);

		if (s.text)
			parts_add(d->m, &d->plan->settings, key_name((enum key)k), s.text, s.where);
	}
}

/* A policy file's profile stands for its built-in base plus a section. */
static void policy_find_profile(struct decision *d)
{
	const char *name = d->options->settings[KEY_PROFILE].text;

	d->section = options_find_section(d->options, name);
	d->profile = profile_find(d->section ? d->section->base : name);
	d->plan->profile = name;
}

void policy_decide(struct mem *m, const struct facts *facts, const struct options *options,
		   struct plan *ret)
{
	struct decision d = { .m = m, .facts = facts, .options = options, .plan = ret };

	*ret = (struct plan){ 0 };
	policy_find_profile(&d);
	d.framework = framework_find((const char *const *)options->argv);
	ret->framework = d.framework ? framework_name(d.framework) : NULL;
	if (options->policy_problem)
		plan_warn(m, ret, "policy ignored as a whole, built-in values used: %s",
			  options->policy_problem);
	for (size_t i = 0; i < options->n_warnings; i++)
		plan_warn(m, ret, "%s", options->warnings[i]);
	policy_list_settings(&d);
	policy_decide_numa(&d);
	policy_decide_thp(&d);
	policy_decide_limits(&d);
	policy_decide_preload(&d);
	policy_decide_integrity(&d);
	policy_decide_options(&d);
	policy_decide_privileges(&d);
}
