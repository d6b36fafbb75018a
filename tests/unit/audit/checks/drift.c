/* SPDX-License-Identifier: Apache-2.0 */
/* The launch record against the process as it is now. */
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>

#include "support/process_case.h"
#include "util/kernel_abi.h"

static void test_launch_record(void **state)
{
	static const char *const outcomes[] = { "refused", "degraded" };

	(void)state;
	expect(audit_launch_record, "none", CHECK_SKIP, "or with no place to write one");
	add_step("affinity", "CPU affinity", "CPUs 0-7", "done");
	expect(audit_launch_record, "all done", CHECK_OK, "launched by allocrun 0.1");
	for (size_t i = 0; i < 2; i++) {
		add_step("mempolicy", "memory policy", "bind 0", outcomes[i]);
		expect(audit_launch_record, outcomes[i], CHECK_WARN,
		       mem_printf(&pool, "step mempolicy (memory policy) was %s", outcomes[i]));
	}
	p->record = &record;
	record.problem = mem_strdup(&pool, "it is damaged: line 1: x");
	expect(audit_launch_record, "damaged", CHECK_WARN, "/run/allocrun/4711.json: it is damaged");
	p->record = &record;
	record.problem = mem_strdup(&pool, "it cannot be read: Permission denied");
	record.is_unread = true;
	expect(audit_launch_record, "not for this user", CHECK_UNKNOWN, "4711.json: it cannot be read");
	p->record = &record;
	record.version = NULL;
	expect(audit_launch_record, "no version", CHECK_OK, "allocrun ?");
	/* A record can be read, where the process cannot. */
	p->state = LIVE_DENIED;
	p->problem = mem_strdup(&pool, "not yours");
	p->record = &record;
	expect(audit_launch_record, "denied", CHECK_OK, "every step done");
	p->state = LIVE_GONE;
	p->problem = mem_strdup(&pool, "gone");
	expect(audit_launch_record, "gone", CHECK_SKIP, "gone");
}

/* What all of these have in common. */
static void test_nothing_to_compare(void **state)
{
	static const struct {
		check_assess *assess;
		const char *step, *name;
	} checks_of[] = {
		{ audit_affinity_in_force, "affinity", "CPU affinity" },
		{ audit_mempolicy_in_force, "mempolicy", "memory policy" },
		{ audit_thp_in_force, "thp", "transparent hugepages" },
		{ audit_capabilities_left, "caps", "capabilities" },
		{ audit_limits_in_force, "rlimits", "locked memory" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof checks_of / sizeof *checks_of; i++) {
		const char *step = checks_of[i].step, *name = checks_of[i].name;
		check_assess *assess = checks_of[i].assess;

		expect(assess, step, CHECK_SKIP, "no launch record says");
		add_step(step, name, NULL, "nothing to do");
		expect(assess, step, CHECK_SKIP, "the launch left it alone");
		add_step(step, name, NULL, "off");
		expect(assess, step, CHECK_SKIP, "the launch left it alone");
		add_step(step, name, "something", "refused");
		expect(assess, step, CHECK_SKIP, "the launch asked for something, which was refused");
		add_step(step, name, "something", "done");
		record.problem = mem_strdup(&pool, "damaged");
		expect(assess, step, CHECK_SKIP, "no launch record says");
		expect_of_states(assess);
	}
}

static void test_affinity(void **state)
{
	static const struct {
		const char *now, *launched;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "0-7", "CPUs 0-7", CHECK_OK, "CPUs 0-7" },
		{ "2", "CPUs 0-7", CHECK_OK, "CPUs 2" }, /* a worker that binds itself */
		{ "0-7", "CPUs 0-3", CHECK_FAIL, "CPUs 0-7, launched on CPUs 0-3" },
		{ "8", "CPUs 0-7", CHECK_FAIL, "CPUs 8, launched on CPUs 0-7" },
		{ "", "CPUs 0-7", CHECK_UNKNOWN, "cannot be compared" },
		{ "0-7", "0-7", CHECK_UNKNOWN, "cannot be compared with '0-7'" },
		{ "0-7", "CPUs x", CHECK_UNKNOWN, "cannot be compared" },
		{ "0-7", "CPUs 0-7,99999", CHECK_UNKNOWN, "cannot be compared" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(bitmap_parse_list(cases[i].now, &p->status.cpus), 0);
		add_step("affinity", "CPU affinity", cases[i].launched, "done");
		expect(audit_affinity_in_force, cases[i].launched, cases[i].status, cases[i].observed);
	}
}

static void test_mempolicy(void **state)
{
	static const struct {
		int64_t policy;
		const char *nodes, *launched;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ MPOL_BIND, "0-1", "bind 0-1", CHECK_OK, "bind 0-1" },
		{ MPOL_PREFERRED_MANY, "0", "preferred-many 0", CHECK_OK, "preferred-many 0" },
		{ MPOL_BIND, "1", "bind 0", CHECK_WARN, "bind 1, launched with bind 0" },
		{ MPOL_DEFAULT, "", "interleave 0-1", CHECK_WARN, "default, launched with interleave 0-1" },
		{ MPOL_LOCAL, "", "bind 0", CHECK_WARN, "local, launched with" },
		{ 6, "0-1", "interleave 0-1", CHECK_WARN, "weighted-interleave 0-1, launched with interleave 0-1" },
		{ FACT_UNKNOWN, "", "bind 0", CHECK_UNKNOWN, "numa_maps cannot be read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->memory_policy = cases[i].policy;
		assert_int_equal(bitmap_parse_list(cases[i].nodes, &p->policy_nodes), 0);
		add_step("mempolicy", "memory policy", cases[i].launched, "done");
		expect(audit_mempolicy_in_force, cases[i].launched, cases[i].status, cases[i].observed);
	}
	p->memory_policy = MPOL_PREFERRED;
	assert_int_equal(bitmap_parse_list("1", &p->policy_nodes), 0);
	assert_int_equal(bitmap_parse_list("0", &p->status.memory_nodes), 0);
	add_step("mempolicy", "memory policy", "preferred 1", "done");
	expect(audit_mempolicy_in_force, "a cpuset that moved", CHECK_WARN,
	       "preferred 1, but its cpuset lets it have memory of nodes 0 only");
}

static void test_thp(void **state)
{
	static const struct {
		enum thp_process now;
		const char *launched;
		enum check_status status;
	} cases[] = {
		{ THP_PROCESS_DISABLED, "off", CHECK_OK },       { THP_PROCESS_ALLOWED, "off", CHECK_FAIL },
		{ THP_PROCESS_ALLOWED, "on", CHECK_OK },         { THP_PROCESS_DISABLED, "on", CHECK_FAIL },
		{ THP_PROCESS_ALLOWED, "advised", CHECK_OK },    { THP_PROCESS_EXCEPT_ADVISED, "advised", CHECK_OK },
		{ THP_PROCESS_DISABLED, "advised", CHECK_FAIL }, { THP_PROCESS_UNKNOWN, "advised", CHECK_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->status.thp = cases[i].now;
		add_step("thp", "transparent hugepages", cases[i].launched, "done");
		expect(audit_thp_in_force, cases[i].launched, cases[i].status, "");
	}
}

#define CAP(n) (UINT64_C(1) << (n))

static void test_capabilities(void **state)
{
	static const struct {
		uint64_t now;
		const char *launched;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ 0, "none", CHECK_OK, "none" },
		{ CAP(CAP_SYS_NICE), "none", CHECK_FAIL, "in effect are cap_sys_nice, launched with none" },
		{ CAP(CAP_SYS_NICE), "keep sys_nice", CHECK_OK, "keep sys_nice" },
		{ CAP(CAP_SYS_NICE) | CAP(CAP_IPC_LOCK), "keep CAP_SYS_NICE,ipc_lock", CHECK_OK, "keep" },
		{ 0, "keep sys_nice", CHECK_OK, "keep sys_nice" },
		{ CAP(CAP_SYS_ADMIN) | CAP(CAP_SYS_NICE), "keep sys_nice", CHECK_FAIL,
		  "in effect are cap_sys_admin, launched with keep sys_nice" },
		{ CAP(CAP_SYS_NICE), "keep sys_nice_more,sys", CHECK_FAIL, "cap_sys_nice" },
		{ CAP(63), "none", CHECK_FAIL, "63" },
		{ UINT64_MAX, "keep all", CHECK_OK, "keep all" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->status.effective = cases[i].now;
		add_step("caps", "capabilities", cases[i].launched, "done");
		expect(audit_capabilities_left, cases[i].launched, cases[i].status, cases[i].observed);
	}
	p->status.capabilities_known = TRI_UNKNOWN;
	add_step("caps", "capabilities", "none", "done");
	expect(audit_capabilities_left, "unreadable", CHECK_UNKNOWN, "cannot be read");
}

static void test_user(void **state)
{
	static const struct {
		int64_t now;
		enum tristate is_container;
		const char *caps;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ 1000, TRI_NO, NULL, CHECK_OK, "user vllm (1000:1000, 1 groups)" },
		{ 1000, TRI_NO, "none", CHECK_OK, "none, user vllm (1000:1000, 1 groups)" },
		{ 0, TRI_NO, NULL, CHECK_FAIL, "its user is 0, launched as vllm (1000:1000, 1 groups)" },
		{ 0, TRI_NO, "none", CHECK_FAIL, "its user is 0" },
		/* Its users may have other numbers. */
		{ 101000, TRI_YES, "none", CHECK_OK, "none; the user is not compared" },
		{ 101000, TRI_YES, NULL, CHECK_SKIP,
		  "no launch record says what it should be; the user is not compared" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->status.uid = cases[i].now;
		p->other_mounts = cases[i].is_container;
		add_step("user", "user", "vllm (1000:1000, 1 groups)", "done");
		if (cases[i].caps)
			add_step("caps", "capabilities", cases[i].caps, "done");
		expect(audit_capabilities_left, cases[i].observed, cases[i].status, cases[i].observed);
	}
	add_step("no-new-privs", "no-new-privs", "set", "done");
	add_step("caps", "capabilities", "none", "done");
	expect(audit_capabilities_left, "what is not read", CHECK_OK, "none; no-new-privs is not compared");
}

static void test_limits(void **state)
{
	static const struct {
		int64_t now;
		const char *launched;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ FACT_UNLIMITED, "unlimited", CHECK_OK, "locked memory: unlimited" },
		{ 65536, "65536", CHECK_OK, "locked memory: 65536" },
		{ 65536, "unlimited", CHECK_WARN, "locked memory: 65536, launched with unlimited" },
		{ FACT_UNKNOWN, "unlimited", CHECK_UNKNOWN, "locked memory of /proc/4711 cannot be read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->limits.memlock.soft = cases[i].now;
		add_step("rlimits", "locked memory", cases[i].launched, "done");
		expect(audit_limits_in_force, cases[i].launched, cases[i].status, cases[i].observed);
	}
}

static void test_other_limits(void **state)
{
	static const struct {
		const char *step, *name;
		int64_t *now, value;
		const char *launched;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "rlimits", "core dumps", &processes[0].limits.core.soft, 0, "0", CHECK_OK, "core dumps: 0" },
		{ "rlimits", "core dumps", &processes[0].limits.core.soft, FACT_UNLIMITED, "0", CHECK_WARN,
		  "core dumps: unlimited, launched with 0" },
		{ "rlimits", "core dumps", &processes[0].limits.core.soft, FACT_UNKNOWN, "0", CHECK_UNKNOWN,
		  "core dumps of /proc/4711" },
		{ "oom-score", "oom-score", &processes[0].limits.oom_score_adj, -500, "-500", CHECK_OK,
		  "oom-score: -500" },
		{ "oom-score", "oom-score", &processes[0].limits.oom_score_adj, -1, "-1", CHECK_OK, "oom-score: -1" },
		{ "oom-score", "oom-score", &processes[0].limits.oom_score_adj, 0, "-500", CHECK_WARN,
		  "oom-score: 0, launched with -500" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		*cases[i].now = cases[i].value;
		add_step("rlimits", "locked memory", NULL, "nothing to do");
		add_step(cases[i].step, cases[i].name, cases[i].launched, "done");
		expect(audit_limits_in_force, cases[i].observed, cases[i].status, cases[i].observed);
	}
}

static void test_locked_memory(void **state)
{
	static const struct {
		int64_t locked, pinned, limit;
		uint64_t capabilities;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ MIB(7), 0, MIB(8), 0, CHECK_WARN, "7 MiB are locked or pinned, of at most 8 MiB" },
		{ 0, MIB(7), MIB(8), 0, CHECK_WARN, "7 MiB are locked or pinned, of at most 8 MiB" },
		{ MIB(6), MIB(6), MIB(8), 0, CHECK_SKIP, "no launch record" },
		{ MIB(7), 0, MIB(8), CAP(CAP_IPC_LOCK), CHECK_SKIP, "no launch record" },
		{ GIB(7), 0, FACT_UNLIMITED, 0, CHECK_SKIP, "no launch record" },
		{ GIB(7), 0, FACT_UNKNOWN, 0, CHECK_SKIP, "no launch record" },
		{ FACT_UNKNOWN, FACT_UNKNOWN, MIB(8), 0, CHECK_SKIP, "no launch record" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->status.locked = cases[i].locked;
		p->status.pinned = cases[i].pinned;
		p->limits.memlock.soft = cases[i].limit;
		p->status.effective = cases[i].capabilities;
		expect(audit_limits_in_force, cases[i].observed, cases[i].status, cases[i].observed);
	}
	p->status.locked = MIB(8);
	p->limits.memlock.soft = MIB(8);
	add_step("rlimits", "locked memory", "unlimited", "done");
	expect(audit_limits_in_force, "both", CHECK_WARN, "launched with unlimited; 8 MiB are locked or pinned");
	p->status.locked = MIB(3);
	p->limits.memlock.soft = MIB(8);
	thresholds.values[THRESHOLD_LOCKED_WARN] = 30;
	expect(audit_limits_in_force, "the policy's threshold", CHECK_WARN, "3 MiB are locked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_TEST(test_launch_record), CASE_TEST(test_nothing_to_compare),
		CASE_TEST(test_affinity),      CASE_TEST(test_mempolicy),
		CASE_TEST(test_thp),           CASE_TEST(test_capabilities),
		CASE_TEST(test_user),          CASE_TEST(test_limits),
		CASE_TEST(test_other_limits),  CASE_TEST(test_locked_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
