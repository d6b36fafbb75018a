/* SPDX-License-Identifier: Apache-2.0 */
#include "support/audit.h"

#include <string.h>

struct audit_state audit;

void audit_open(const char *name, const char *const *environment, const char *const *words)
{
	scenario_open(name, environment, words);
	for (size_t i = 0; i < 2; i++) {
		/* As on this machine; scenario_make_build() asks the command. */
		if (!*scenario.builds[i].machine)
			scenario.builds[i].machine = mem_strdup(&pool, scenario.machine.facts.machine);
		scenario.builds[i].sha256 = mem_strdup(&pool, AUDIT_DIGEST);
		scenario.builds[i].digest = mem_strdup(&pool, AUDIT_DIGEST);
	}
	node_detect(&scenario.machine.root, &pool, &scenario.machine.facts, &audit.node);
	audit.thresholds = thresholds_default();
}

struct finding audit_find(const char *id)
{
	const struct check *check = runner_find(checks, id);
	struct finding finding;

	if (!check)
		fail_msg("no check '%s'", id);
	scenario_decide();
	audit.facts = (struct audit_facts){
		.machine = &scenario.machine.facts,
		.node = &audit.node,
		.options = &scenario.options,
		.plan = &scenario.plan,
	};
	finding = check->assess(&pool, &audit.facts, &audit.thresholds, NULL);
	if (!finding.observed || !*finding.observed || strchr(finding.observed, '\n'))
		fail_msg("%s: not one line: '%s'", id, finding.observed ? finding.observed : "(null)");
	audit_note(check->assess, finding.status);
	return finding;
}

void audit_set_environment(const char *const *environment)
{
	char **block = NULL;
	size_t n = 0;

	for (; *environment; environment++)
		*MEM_PUSH(&pool, block, n) = mem_strdup(&pool, *environment);
	*MEM_PUSH(&pool, block, n) = NULL;
	scenario.options.environment = block;
}
