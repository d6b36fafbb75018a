/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_AUDIT_CASE_H
#define ALLOCRUN_TEST_AUDIT_CASE_H

/* A small table of checks with findings that a test chooses, and a run over it. */

#include "audit/formats/formats.h"
#include "support/pool.h"

/* Short for who reads a test; for the linker each case has its own. */
#define AUDIT_CASE_SYMBOL(name) __asm__("audit_case_" #name)

/* A name that tries to break out of every format, and bytes that are no UTF-8. */
#define HOSTILE "ev\033[31m|\"il' ]]> & <b> # SKIP $(x)\n\r\t\x7f\xff\xc2\x9b\xed\xa0\x80\xe2\x80\xae{}\\"

/* What each check of the table finds. */
extern struct finding case_found[4] AUDIT_CASE_SYMBOL(case_found);

extern const struct check case_table[] AUDIT_CASE_SYMBOL(case_table);

/* The run that a test changes before case_run(). */
extern struct audit_request request AUDIT_CASE_SYMBOL(request);
extern struct check_policy policy AUDIT_CASE_SYMBOL(policy);
extern struct audit_facts facts AUDIT_CASE_SYMBOL(facts);
extern struct facts machine AUDIT_CASE_SYMBOL(machine);
extern struct live_facts live AUDIT_CASE_SYMBOL(live);
extern struct live_process processes[2] AUDIT_CASE_SYMBOL(processes);
extern struct audit_result result AUDIT_CASE_SYMBOL(result);

struct finding case_finding(enum check_status status, const char *observed) AUDIT_CASE_SYMBOL(case_finding);

void case_reset(void) AUDIT_CASE_SYMBOL(case_reset);

void case_look_at_processes(void) AUDIT_CASE_SYMBOL(case_look_at_processes);

void case_ignore(const char *id, const char *until, int64_t end) AUDIT_CASE_SYMBOL(case_ignore);

void case_run(void) AUDIT_CASE_SYMBOL(case_run);

/* The finding of this id, of a process when one is given. Fails without one. */
const struct finding *case_of(const char *id, const struct live_process *process) AUDIT_CASE_SYMBOL(case_of);

bool case_has(const char *id) AUDIT_CASE_SYMBOL(case_has);

#endif
