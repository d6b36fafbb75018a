/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_AUDIT_H
#define ALLOCRUN_TEST_AUDIT_H

/* A captured machine with what the audit reads of it, and what its checks find. */

#include "audit/audit.h"
#include "audit/runner.h"
#include "detect/node.h"
#include "support/audit_note.h"
#include "support/scenario.h"

#define NO_WORDS ((const char *const[]){ NULL })
#define AUDIT_DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct {
	struct node_facts node;
	struct thresholds thresholds;
	struct audit_facts facts;
} audit;

/* Facts and node facts, to be changed before the first check. As scenario_open(). */
static inline void audit_open(const char *name, const char *const *environment, const char *const *words)
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

/* The plan is made anew: facts may have been changed since the last check. */
static inline struct finding audit_find(const char *id)
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

/* Its status, and a part of what it says. */
#define assert_finding(id, expected, part) \
	do { \
		struct finding finding_ = audit_find(id); \
		if (strcmp(check_status_name(finding_.status), (expected)) != 0 || !strstr(finding_.observed, (part))) \
			fail_msg("%s: got %s '%s', expected %s '...%s...'", (id), check_status_name(finding_.status), \
				 finding_.observed, (expected), (part)); \
	} while (0)

/* The variables of an environment block, in place of the machine's own. */
static inline void audit_set_environment(const char *const *environment)
{
	char **block = NULL;
	size_t n = 0;

	for (; *environment; environment++)
		*MEM_PUSH(&pool, block, n) = mem_strdup(&pool, *environment);
	*MEM_PUSH(&pool, block, n) = NULL;
	scenario.options.environment = block;
}

#endif
