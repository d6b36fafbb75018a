/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_PROCESS_CASE_H
#define ALLOCRUN_TEST_PROCESS_CASE_H

/* A made-up server process that is fine, to be changed by a case, and the checks' view of it. */

#include "audit/checks/assess_process.h"
#include "live/context.h"
#include "support/audit_note.h"
#include "support/pool.h"

/* Short for who reads a test; for the linker each case has its own. */
#define PROCESS_CASE_SYMBOL(name) __asm__("process_case_" #name)

#define GIB(n) (INT64_C(n) << 30)
#define MIB(n) (INT64_C(n) << 20)
#define OURS "/opt/allocrun/lib/allocrun/jemalloc/libjemalloc.so.2"

extern struct build_facts build PROCESS_CASE_SYMBOL(build);
extern struct live_library libraries[4] PROCESS_CASE_SYMBOL(libraries);
extern struct live_record record PROCESS_CASE_SYMBOL(record);
extern struct live_process processes[3] PROCESS_CASE_SYMBOL(processes);
extern struct facts machine PROCESS_CASE_SYMBOL(machine);
extern struct node_facts node PROCESS_CASE_SYMBOL(node);
extern struct live_facts live PROCESS_CASE_SYMBOL(live);
extern struct live_samples samples PROCESS_CASE_SYMBOL(samples);
extern struct audit_facts audit PROCESS_CASE_SYMBOL(audit);
extern struct thresholds thresholds PROCESS_CASE_SYMBOL(thresholds);
/* The server itself; [1] is free for a child of it. */
extern struct live_process *const p PROCESS_CASE_SYMBOL(p);
extern struct live_library *const library PROCESS_CASE_SYMBOL(library);

/* NAME=VALUE, NULL-terminated, kept in the pool. */
char **variables(const char *const *list) PROCESS_CASE_SYMBOL(variables);

#define VARIABLES(...) variables((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

void set_option(const char *key, const char *value) PROCESS_CASE_SYMBOL(set_option);

/* As a record of version 1 has it: what was set is read from the words. */
void add_step(const char *step, const char *name, const char *value, const char *outcome) PROCESS_CASE_SYMBOL(add_step);

void make_libraries(void) PROCESS_CASE_SYMBOL(make_libraries);

/* Launched by allocrun on its jemalloc, eight CPUs, one node, all that is known is well. */
void make_server(void) PROCESS_CASE_SYMBOL(make_server);

int open_case(void **state) PROCESS_CASE_SYMBOL(open_case);

#define CASE_TEST(function) cmocka_unit_test_setup_teardown(function, open_case, pool_free)

/* The verdict on one process; `part` is in what was observed. Begins anew afterwards. */
void expect_of(const struct live_process *process, check_assess *assess, const char *row, enum check_status status,
	       const char *part) PROCESS_CASE_SYMBOL(expect_of);

#define expect(assess, row, status, part) expect_of(p, assess, row, status, part)

/* No check says ok of a process of which nothing can be told. */
void expect_of_states(check_assess *assess) PROCESS_CASE_SYMBOL(expect_of_states);

#endif
