/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_APPLY_CHILD_H
#define ALLOCRUN_TEST_APPLY_CHILD_H

/* A plan carried out in a child process, and what the kernel says of that afterwards. */

#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "apply/apply.h"
#include "support/pool.h"
#include "util/environment.h"

/* Short for who reads a test; for the linker each case has its own. */
#define APPLY_CHILD_SYMBOL(name) __asm__("apply_child_" #name)

#define NOBODY 65534
#define OPERATIONS_MAX 6

/* What the child finds; in memory that both share. */
struct result {
	enum outcome outcomes[OPERATIONS_MAX];
	char details[OPERATIONS_MAX][256];
	struct bitmap cpus;
	int mode, thp, no_new_privs, n_groups;
	uid_t uid[3];
	gid_t gid[3], groups[8];
	uint64_t nodes[16];
	struct rlimit core;
	char oom_score[16], home[64];
	char capabilities[5][32]; /* CapInh CapPrm CapEff CapBnd CapAmb */
};

extern struct result *result APPLY_CHILD_SYMBOL(result);
extern struct plan plan APPLY_CHILD_SYMBOL(plan);

int map_result(void **state) APPLY_CHILD_SYMBOL(map_result);

int unmap_result(void **state) APPLY_CHILD_SYMBOL(unmap_result);

int forget_plan(void **state) APPLY_CHILD_SYMBOL(forget_plan);

struct operation *add(enum step step, enum operation_kind kind) APPLY_CHILD_SYMBOL(add);

void read_capabilities(void) APPLY_CHILD_SYMBOL(read_capabilities);

void look_around(void) APPLY_CHILD_SYMBOL(look_around);

/* As nobody, with /proc/self still its own. */
void drop_privileges(void) APPLY_CHILD_SYMBOL(drop_privileges);

void apply_in_child(bool is_privileged) APPLY_CHILD_SYMBOL(apply_in_child);

void assert_outcome(size_t i, enum outcome outcome, const char *detail) APPLY_CHILD_SYMBOL(assert_outcome);

#define RESULT_TEST(function) cmocka_unit_test_teardown(function, forget_plan)

#endif
