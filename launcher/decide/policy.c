/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/policy.h"

#include <string.h>

#include "decide/decision.h"

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

void policy_decide(struct mem *m, const struct facts *facts, const struct options *options, struct plan *ret)
{
	struct decision d = { .m = m, .facts = facts, .options = options, .plan = ret };

	*ret = (struct plan){ 0 };
	policy_find_profile(&d);
	wrapper_look_behind(m, (const char *const *)options->argv, &d.command);
	d.framework = framework_find(d.command.argv);
	ret->framework = d.framework ? framework_name(d.framework) : NULL;
	if (options->policy_problem)
		plan_warn(m, ret, "policy ignored as a whole, built-in values used: %s", options->policy_problem);
	for (size_t i = 0; i < options->n_warnings; i++)
		plan_warn(m, ret, "%s", options->warnings[i]);
	policy_list_settings(&d);
	policy_decide_numa(&d);
	policy_decide_thp(&d);
	policy_decide_limits(&d);
	policy_decide_preload(&d);
	policy_decide_integrity(&d);
	policy_decide_options(&d);
	policy_decide_children(&d);
	policy_decide_privileges(&d);
}
