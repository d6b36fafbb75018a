/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a launch, and of --explain: decided, and tried where it may not hold. */
#include "apply/trial.h"
#include "decide/policy.h"
#include "modes/modes.h"

static void decide_reject(struct facts *facts, const struct build_facts *build, char *problem)
{
	for (size_t i = 0; i < facts->catalog.n_builds; i++) {
		if (&facts->catalog.builds[i] == build)
			facts->catalog.builds[i].problem = problem;
	}
}

void commands_decide(struct mem *m, const struct options *options, bool always_try, struct facts *facts,
		     struct plan *ret)
{
	policy_decide(m, facts, options, ret);
	/* On another machine, or without a command, there is no loader to ask. */
	while (ret->build && facts->is_live && facts->command.elf.interpreter) {
		const char *reason = trial_find_reason(m, facts, ret, options->environment), *problem;

		if (!reason && !always_try)
			return;
		problem = trial_load(m, facts, ret, options->environment);
		if (!problem) {
			ret->trial = mem_printf(m, "tried%s%s: %s loads it, and it serves malloc",
						reason ? ", for " : "", reason ? reason : "",
						facts->command.elf.interpreter);
			return;
		}
		decide_reject(facts, ret->build,
			      reason ? mem_printf(m, "%s (tried, for %s)", problem, reason) :
				       mem_printf(m, "%s (tried)", problem));
		policy_decide(m, facts, options, ret);
	}
}
