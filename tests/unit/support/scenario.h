/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_SCENARIO_H
#define ALLOCRUN_TEST_SCENARIO_H

/* A captured machine, a command line, made-up builds, and the plan that comes of them. */

#include "audit/runner.h"
#include "decide/plan.h"
#include "decide/policy.h"
#include "options/read.h"
#include "support/pool.h"

#ifndef MACHINES_DIR
#define MACHINES_DIR "tests/machines"
#endif

#define SCENARIO_WORDS_MAX 12
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

extern struct scenario_state {
	struct machine machine;
	struct build_facts builds[2];
	struct options options;
	struct plan plan;
	bool is_open;
} scenario;

/* What goes into LD_PRELOAD behind the build. */
#define SCENARIO_CHILDREN "/opt/allocrun/lib/allocrun/children.so"

void scenario_make_build(struct build_facts *build, const char *allocator, const char *version, const char *soname);

/* An ordinary glibc program of this machine. */
void scenario_make_command(const char *name);

/* The options as the machine's own operator would give them: no policy file. */
void scenario_parse(const char *name, const char *const *words);

/*
 * Facts and options, to be changed before scenario_decide(). `environment` NULL: that of
 * the machine's folder. The last words are the command.
 */
void scenario_open(const char *name, const char *const *environment, const char *const *words);

void scenario_decide(void);

void scenario_close(void);

/* After a test that failed, too. */
int scenario_free(void **state);

#define SCENARIO_TEST(function) cmocka_unit_test_teardown(function, scenario_free)

/* The operation of this step and, unless that is NULL, of this name; it must be there. */
const struct operation *scenario_find(enum step step, const char *name);

/* "value" when it is to be done, else the outcome: "nothing to do", "refused", "off". */
const char *scenario_result(const struct operation *op);

/* The modes of the memory policy, best first: "preferred-many 0-1 | preferred 0". */
const char *scenario_memory(void);

/* The value of a part, "(out)" for one that was left out, NULL when there is none. */
const char *scenario_part(const struct operation *op, const char *name);

/* Is there a warning with these words in it? */
bool scenario_warns(const char *words);

#endif
