/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_AUDIT_H
#define ALLOCRUN_TEST_AUDIT_H

/* A captured machine with what the audit reads of it, and what its checks find. */

#include "audit/audit.h"
#include "audit/runner.h"
#include "detect/node.h"
#include "support/audit_note.h"
#include "support/scenario.h"

/* Short for who reads a test; for the linker each case has its own. */
#define AUDIT_SYMBOL(name) __asm__("audit_" #name)

#define NO_WORDS ((const char *const[]){ NULL })
#define AUDIT_DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

extern struct audit_state {
	struct node_facts node;
	struct thresholds thresholds;
	struct audit_facts facts;
} audit AUDIT_SYMBOL(audit);

/* Facts and node facts, to be changed before the first check. As scenario_open(). */
void audit_open(const char *name, const char *const *environment, const char *const *words) AUDIT_SYMBOL(audit_open);

/* The plan is made anew: facts may have been changed since the last check. */
struct finding audit_find(const char *id) AUDIT_SYMBOL(audit_find);

/* Its status, and a part of what it says. */
#define assert_finding(id, expected, part) \
	do { \
		struct finding finding_ = audit_find(id); \
		if (strcmp(check_status_name(finding_.status), (expected)) != 0 || !strstr(finding_.observed, (part))) \
			fail_msg("%s: got %s '%s', expected %s '...%s...'", (id), check_status_name(finding_.status), \
				 finding_.observed, (expected), (part)); \
	} while (0)

/* The variables of an environment block, in place of the machine's own. */
void audit_set_environment(const char *const *environment) AUDIT_SYMBOL(audit_set_environment);

#endif
