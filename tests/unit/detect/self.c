/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "detect/detectors.h"
#include "support/support.h"

static void test_root_on_a_host(void **state)
{
	struct machine machine;
	const struct process_facts *p = &machine.facts.process;

	(void)state;
	machine_open(&machine, "hybrid-cgroup-vm");
	assert_int_equal(p->status.uid, 0);
	assert_int_equal(p->status.egid, 0);
	assert_int_equal(p->status.capabilities_known, TRI_YES);
	/* All but CAP_SYS_RESOURCE. */
	assert_int_equal(p->status.effective, 0x1fffeffffff);
	assert_int_equal(p->status.permitted, 0x1fffeffffff);
	assert_int_equal(p->status.inheritable, 0);
	assert_int_equal(p->status.ambient, 0);
	assert_int_equal(p->status.no_new_privs, TRI_NO);
	assert_int_equal(p->status.seccomp, 0);
	assert_int_equal(p->limits.memlock.soft, 8388608);
	assert_int_equal(p->limits.core.soft, 0);
	assert_int_equal(p->limits.core.hard, FACT_UNLIMITED);
	assert_int_equal(p->limits.oom_score_adj, 0);
	/* Of the process that read the capture, not ours. */
	assert_int_equal(p->start_time, FACT_UNKNOWN);
	machine_close(&machine);
}

static void test_restricted_pod(void **state)
{
	struct machine machine;
	const struct process_facts *p = &machine.facts.process;

	(void)state;
	machine_open(&machine, "cgroup-v2-memory-max");
	assert_int_equal(p->status.uid, 1000);
	assert_int_equal(p->status.euid, 1000);
	assert_int_equal(p->status.effective, 0);
	assert_int_equal(p->status.bounding, 0);
	assert_int_equal(p->status.no_new_privs, TRI_YES);
	assert_int_equal(p->status.seccomp, 2);
	machine_close(&machine);
	machine_open(&machine, "hgx-8gpu-two-socket");
	assert_int_equal(p->limits.memlock.soft, FACT_UNLIMITED);
	assert_int_equal(p->status.effective, 0x1ffffffffff);
	machine_close(&machine);
}

static void detect(struct tree *t, const char *status, const char *limits, struct facts *facts)
{
	tree_open(t);
	if (status)
		tree_write(t, "/proc/self/status", status);
	if (limits)
		tree_write(t, "/proc/self/limits", limits);
	*facts = (struct facts){ 0 };
	process_detect(&t->root, &t->mem, &facts->process);
}

static void test_thp_of_the_process(void **state)
{
	static const struct {
		const char *status;
		enum thp_process expected;
	} cases[] = {
		{ "THP_enabled:\t1\n", THP_PROCESS_ALLOWED }, { "THP_enabled:\t0\n", THP_PROCESS_DISABLED },
		{ "THP_enabled:\t2\n", THP_PROCESS_UNKNOWN }, { "THP_enabled:\t0", THP_PROCESS_UNKNOWN },
		{ "Name:\tx\n", THP_PROCESS_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct facts facts;
		struct tree t;

		detect(&t, cases[i].status, NULL, &facts);
		assert_int_equal(facts.process.status.thp, cases[i].expected);
		tree_close(&t);
	}
}

static void test_nothing_is_unknown(void **state)
{
	struct facts facts;
	struct tree t;

	(void)state;
	detect(&t, NULL, NULL, &facts);
	assert_int_equal(facts.process.status.uid, FACT_UNKNOWN);
	assert_int_equal(facts.process.status.capabilities_known, TRI_UNKNOWN);
	assert_int_equal(facts.process.status.no_new_privs, TRI_UNKNOWN);
	assert_int_equal(facts.process.status.seccomp, FACT_UNKNOWN);
	assert_int_equal(facts.process.limits.memlock.soft, FACT_UNKNOWN);
	assert_int_equal(facts.process.limits.oom_score_adj, FACT_UNKNOWN);
	assert_int_equal(facts.process.status.thp, THP_PROCESS_UNKNOWN);
	assert_true(bitmap_is_empty(&facts.process.status.cpus));
	tree_close(&t);
}

static void test_halves_are_unknown(void **state)
{
	static const char status[] = "Uid:\t5\nGid:\tx\nCapInh:\t0\nCapPrm:\tzz\nCapEff:\t0\nCapBnd:\t0\n"
				     "NoNewPrivs:\t7\nCpus_allowed_list:\t0-\nMems_allowed_list:\t0";
	static const char limits[] = "Max core file size        0                    many\n"
				     "Max locked memory         unlimited            65536";
	struct facts facts;
	struct tree t;

	(void)state;
	detect(&t, status, limits, &facts);
	assert_int_equal(facts.process.status.uid, FACT_UNKNOWN);
	assert_int_equal(facts.process.status.gid, FACT_UNKNOWN);
	assert_int_equal(facts.process.status.capabilities_known, TRI_UNKNOWN);
	assert_int_equal(facts.process.status.no_new_privs, TRI_UNKNOWN);
	assert_int_equal(facts.process.limits.core.soft, FACT_UNKNOWN);
	assert_int_equal(facts.process.limits.memlock.soft, FACT_UNKNOWN);
	assert_true(bitmap_is_empty(&facts.process.status.cpus));
	assert_true(bitmap_is_empty(&facts.process.status.memory_nodes));
	tree_close(&t);
}

static void test_before_ambient_capabilities(void **state)
{
	struct facts facts;
	struct tree t;

	(void)state;
	detect(&t, "CapInh:\t0\nCapPrm:\tff\nCapEff:\t0f\nCapBnd:\t00000000a80425fb\n", NULL, &facts);
	assert_int_equal(facts.process.status.capabilities_known, TRI_YES);
	assert_int_equal(facts.process.status.permitted, 0xff);
	assert_int_equal(facts.process.status.effective, 0x0f);
	assert_int_equal(facts.process.status.bounding, 0xa80425fb);
	assert_int_equal(facts.process.status.ambient, 0);
	tree_close(&t);
}

static void test_live(void **state)
{
	struct facts facts = { 0 };
	struct mem m = MEM_INIT;
	int64_t start_time;
	struct rlimit limit;
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(prctl(PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L), 0);
	process_detect(&root, &m, &facts.process);
	assert_int_equal(facts.process.status.uid, getuid());
	assert_int_equal(facts.process.status.egid, getegid());
	/* The name stands before it, and may look like anything. */
	start_time = facts.process.start_time;
	assert_true(start_time > 0);
	assert_int_equal(prctl(PR_SET_NAME, "a) 1 (b 2 3"), 0);
	process_detect(&root, &m, &facts.process);
	assert_int_equal(facts.process.start_time, start_time);
	assert_int_equal(facts.process.status.thp, THP_PROCESS_DISABLED);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	assert_int_equal(facts.process.limits.memlock.soft,
			 limit.rlim_cur == RLIM_INFINITY ? FACT_UNLIMITED : (int64_t)limit.rlim_cur);
	assert_int_equal(prctl(PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L), 0);
	/* 6.18 can disable it except where advised; before that the kernel says EINVAL. */
	if (prctl(PR_SET_THP_DISABLE, 1L, 2L, 0L, 0L) == 0) {
		process_detect(&root, &m, &facts.process);
		assert_int_equal(facts.process.status.thp, THP_PROCESS_EXCEPT_ADVISED);
		assert_int_equal(prctl(PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L), 0);
	}
	mem_free_all(&m);
}

/* Each detector fills its own part alone, whatever was there: what they say does not hang on their order. */
static void test_any_order(void **state)
{
	static const char *const machines[] = { "hgx-8gpu-two-socket", "cgroup-v2-memory-max", "no-numa-sysfs" };

	(void)state;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		struct machine machine;
		struct facts *f, *seen = calloc(1, sizeof *seen);
		struct hugetlb_facts none = { NULL, 0 };

		assert_non_null(seen);
		machine_open(&machine, machines[i]);
		f = &machine.facts;
		memset(seen, 0x5a, sizeof *seen);
		gpu_detect(&machine.root, &machine.mem, machine.environment, &seen->gpu);
		cgroup_detect(&machine.root, &machine.mem, true, &seen->cgroup);
		numa_detect(&machine.root, &machine.mem, &none, &seen->numa);
		thp_detect(&machine.root, &machine.mem, true, &seen->thp);
		cpu_detect(&machine.root, &seen->cpu);
		process_detect(&machine.root, &machine.mem, &seen->process);
		assert_memory_equal(&seen->process.status, &f->process.status, sizeof f->process.status);
		assert_memory_equal(&seen->process.limits, &f->process.limits, sizeof f->process.limits);
		assert_true(bitmap_is_equal(&seen->cpu.online, &f->cpu.online));
		assert_int_equal(seen->numa.n_nodes, f->numa.n_nodes);
		assert_int_equal(seen->thp.enabled, f->thp.enabled);
		assert_int_equal(seen->thp.n_sizes, f->thp.n_sizes);
		assert_int_equal(seen->cgroup.memory_max, f->cgroup.memory_max);
		assert_int_equal(seen->gpu.n_gpus, f->gpu.n_gpus);
		free(seen);
		machine_close(&machine);
	}
}

/* What decides nothing is not looked at for a launch. */
static void test_launch(void **state)
{
	struct machine machine;
	const struct facts *f = &machine.facts;

	(void)state;
	machine_is_thorough = false;
	machine_open(&machine, "hgx-8gpu-two-socket");
	machine_is_thorough = true;
	assert_int_equal(f->numa.n_nodes, 2);
	assert_int_equal(f->numa.nodes[0].n_pools, 0);
	assert_int_equal(f->hugetlb.n_pools, 0);
	assert_int_equal(f->thp.enabled, THP_ALWAYS);
	assert_string_equal(f->thp.defrag, "");
	assert_int_equal(f->thp.n_sizes, 1);
	assert_int_equal(f->cgroup.memory_current, FACT_UNKNOWN);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_on_a_host),
		cmocka_unit_test(test_restricted_pod),
		cmocka_unit_test(test_thp_of_the_process),
		cmocka_unit_test(test_nothing_is_unknown),
		cmocka_unit_test(test_halves_are_unknown),
		cmocka_unit_test(test_before_ambient_capabilities),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
