/* SPDX-License-Identifier: Apache-2.0 */
#include "support/audit_case.h"

#include <string.h>

struct finding case_found[4];

#define CASE_ASSESS(n) \
	static struct finding case_assess_##n(struct mem *m, const struct audit_facts *f, const struct thresholds *t, \
					      const struct live_process *p) \
	{ \
		(void)m, (void)f, (void)t, (void)p; \
		return case_found[n]; \
	}
CASE_ASSESS(0)
CASE_ASSESS(1)
CASE_ASSESS(2)
CASE_ASSESS(3)

const struct check case_table[] = {
	{ "first", "the first", SCOPE_NODE, case_assess_0, "good", "because", "do this", "NODE", NEEDS_NODE },
	{ "second", "the second", SCOPE_NODE, case_assess_1, "well", "since", "do that", "NODE", NEEDS_LITTLE },
	{ "third", "of a process", SCOPE_PROCESS, case_assess_2, "fine", "as", "do it", "PROCESS", NEEDS_THOROUGH },
	{ "fourth", "of a process too", SCOPE_PROCESS, case_assess_3, "fine", "as", "do it", "PROCESS", 0 },
	{ .id = NULL },
};

struct audit_request request;

struct check_policy policy;

struct audit_facts facts;

struct facts machine;

struct live_facts live;

struct live_process processes[2];

struct audit_result result;

struct finding case_finding(enum check_status status, const char *observed)
{
	return (struct finding){ .status = status, .observed = observed };
}

void case_reset(void)
{
	policy = (struct check_policy){ .n_ignores = 0 };
	request = (struct audit_request){
		.selection = { .table = case_table },
		.policy = &policy,
		.fail_on = CHECK_FAIL,
		.now = 1795334400, /* 2026-11-22T08:00:00Z */
	};
	machine = (struct facts){ .kernel = "6.18.5",
				  .machine = "x86_64",
				  .is_live = true,
				  .page_size = 4096,
				  .memory_total = 1 << 30,
				  .cpu.effective = 2,
				  .cgroup.memory_max = FACT_UNLIMITED };
	facts = (struct audit_facts){ .machine = &machine };
	processes[0] = (struct live_process){ .pid = 100, .parent = 1, .name = "server", .status.inner_pid = 100 };
	processes[1] = (struct live_process){ .pid = 101, .parent = 100, .name = "worker", .status.inner_pid = 7 };
	live = (struct live_facts){ .asked = "PID 100", .processes = processes, .n_processes = 2 };
	for (size_t i = 0; i < 4; i++)
		case_found[i] = case_finding(CHECK_OK, "all is well");
}

void case_look_at_processes(void)
{
	facts.live = &live;
	request.selection.has_processes = true;
}

void case_ignore(const char *id, const char *until, int64_t end)
{
	*MEM_PUSH(&pool, policy.ignores, policy.n_ignores) = (struct check_ignore){ id, "known", until, end,
										    "p.conf:3" };
}

void case_run(void)
{
	audit_run(&pool, &request, &facts, &result);
}

const struct finding *case_of(const char *id, const struct live_process *process)
{
	for (size_t i = 0; i < result.n_findings; i++) {
		if (strcmp(result.findings[i].check->id, id) == 0 && result.findings[i].process == process)
			return &result.findings[i];
	}
	fail_msg("no finding of %s", id);
	return NULL;
}

bool case_has(const char *id)
{
	for (size_t i = 0; i < result.n_findings; i++) {
		if (strcmp(result.findings[i].check->id, id) == 0)
			return true;
	}
	return false;
}
