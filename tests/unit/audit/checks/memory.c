/* SPDX-License-Identifier: Apache-2.0 */
/* oom-headroom, cgroup-limit, page-cache, overcommit, swap. */
#include "support/audit.h"

#define GIB (INT64_C(1) << 30)
#define POD "cgroup-v2-memory-max"
#define LAPTOP "laptop-one-node"
#define HGX "hgx-8gpu-two-socket"

static struct cgroup_facts *cgroup = &scenario.machine.facts.cgroup;

static void set_usage(int64_t limit, int64_t current, int64_t inactive)
{
	cgroup->memory_max = limit;
	cgroup->memory_current = current;
	audit.node.cgroup.inactive_file = inactive;
	audit.node.cgroup.oom_kills = 0;
}

static void test_headroom(void **state)
{
	(void)state;
	audit_open(POD, NULL, NO_WORDS);
	assert_finding("oom-headroom", "fail", "2 processes killed for want of memory below /sys/fs/cgroup; ");
	set_usage(100 * GIB, 79 * GIB, 0);
	assert_finding("oom-headroom", "ok", "79% of 100 GiB");
	set_usage(100 * GIB, 80 * GIB, 0);
	assert_finding("oom-headroom", "warn", "80%");
	set_usage(100 * GIB, 92 * GIB, 0);
	assert_finding("oom-headroom", "warn", "92%");
	set_usage(100 * GIB, 93 * GIB, 0);
	assert_finding("oom-headroom", "fail", "93%");
	/* A page cache that fills the limit is how it should be. */
	set_usage(100 * GIB, 100 * GIB, 50 * GIB);
	assert_finding("oom-headroom", "ok", "50%");
	assert_finding("oom-headroom", "ok", "anonymous 3.5 GiB, shmem 205 MiB");
	audit.node.cgroup.peak = 99 * GIB;
	assert_finding("oom-headroom", "ok", "peak 99 GiB");
	/* The policy's thresholds count. */
	audit.thresholds.values[THRESHOLD_OOM_HEADROOM_FAIL] = 40;
	assert_finding("oom-headroom", "fail", "50%");
	audit.thresholds = thresholds_default();
	audit.node.cgroup.oom_kills = FACT_UNKNOWN;
	assert_finding("oom-headroom", "unknown", "killed cannot be read");
	cgroup->memory_current = FACT_UNKNOWN;
	assert_finding("oom-headroom", "unknown", "in use cannot be read");
	cgroup->memory_max = FACT_UNKNOWN;
	assert_finding("oom-headroom", "unknown", "memory limit");
}

static void test_headroom_high(void **state)
{
	(void)state;
	audit_open(POD, NULL, NO_WORDS);
	set_usage(100 * GIB, 50 * GIB, 0);
	cgroup->memory_high = 60 * GIB;
	assert_finding("oom-headroom", "ok", "50%");
	cgroup->memory_high = 40 * GIB;
	assert_finding("oom-headroom", "warn", "slowed down");
	/* What is worse than slow is not hidden by it. */
	set_usage(100 * GIB, 97 * GIB, 0);
	assert_finding("oom-headroom", "fail", "97% of 100 GiB");
	assert_finding("oom-headroom", "fail", "slowed down");
	set_usage(100 * GIB, 50 * GIB, 0);
	audit.node.cgroup.oom_kills = 1;
	assert_finding("oom-headroom", "fail", "1 process killed");
	cgroup->memory_max = FACT_UNLIMITED;
	assert_finding("oom-headroom", "warn", "slowed down");
}

static void test_headroom_of_machine(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("oom-headroom", "ok", "no limit");
	scenario.machine.facts.memory_total = 100 * GIB;
	audit.node.memory.available = 15 * GIB;
	assert_finding("oom-headroom", "warn", "85% of the machine's");
	audit.node.memory.available = GIB;
	assert_finding("oom-headroom", "fail", "99%");
	audit.node.memory.available = FACT_UNKNOWN;
	assert_finding("oom-headroom", "unknown", "/proc/meminfo");
}

static void test_limit(void **state)
{
	(void)state;
	audit_open(POD, NULL, NO_WORDS);
	assert_finding("cgroup-limit", "ok", "16 GiB of the machine's 252 GiB");
	cgroup->memory_max = 300 * GIB;
	assert_finding("cgroup-limit", "warn", "protects nothing");
	scenario.machine.facts.memory_total = FACT_UNKNOWN;
	assert_finding("cgroup-limit", "unknown", "300 GiB");
	cgroup->memory_max = FACT_UNKNOWN;
	assert_finding("cgroup-limit", "unknown", "control group");
	cgroup->memory_max = FACT_UNLIMITED;
	assert_finding("cgroup-limit", "skip", "no memory limit");
	scenario_close();
	audit_open(POD, NULL, WORDS("--conf=dirty_decay_ms:-1", "x"));
	assert_finding("cgroup-limit", "fail", "dirty_decay_ms:-1 (--conf)");
	scenario_close();
	audit_open(POD, WORDS("MALLOC_CONF=dirty_decay_ms:-1"), NO_WORDS);
	assert_finding("cgroup-limit", "ok", "16 GiB");
	scenario_close();
	/* Bound for good to one node of 128 GiB. */
	audit_open(POD, NULL, WORDS("--numa-strict", "--numa=1", "x"));
	assert_finding("cgroup-limit", "ok", "16 GiB");
	cgroup->memory_max = 200 * GIB;
	assert_finding("cgroup-limit", "warn", "nodes are full before");
}

static void test_page_cache(void **state)
{
	(void)state;
	audit_open(POD, NULL, NO_WORDS);
	assert_finding("page-cache", "ok", "of 16 GiB");
	set_usage(100 * GIB, 95 * GIB, 0);
	audit.node.cgroup.file = 20 * GIB;
	assert_finding("page-cache", "ok", "25 GiB, 25% of 100 GiB");
	audit.node.cgroup.file = GIB;
	assert_finding("page-cache", "warn", "6%");
	set_usage(100 * GIB, 100 * GIB, 0);
	assert_finding("page-cache", "fail", "1%");
	set_usage(100 * GIB, 200 * GIB, 0);
	assert_finding("page-cache", "fail", "0%");
	/* The machine may have less than the limit leaves. */
	set_usage(100 * GIB, 10 * GIB, 0);
	audit.node.memory.available = 5 * GIB;
	assert_finding("page-cache", "warn", "5 GiB");
	audit.node.cgroup.file = FACT_UNKNOWN;
	assert_finding("page-cache", "unknown", "cannot be read");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("page-cache", "ok", "of 31 GiB");
	audit.node.memory.available = FACT_UNKNOWN;
	assert_finding("page-cache", "unknown", "cannot be read");
}

static void test_overcommit(void **state)
{
	struct meminfo *memory = &audit.node.memory;

	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("overcommit", "ok", "overcommit_memory=0");
	audit.node.overcommit_memory = 1;
	assert_finding("overcommit", "ok", "overcommit_memory=1");
	audit.node.overcommit_memory = 2;
	scenario.machine.facts.memory_total = 100 * GIB;
	memory->commit_limit = 100 * GIB;
	memory->committed = 10 * GIB;
	assert_finding("overcommit", "ok", "10% of 100 GiB");
	memory->commit_limit = 50 * GIB;
	assert_finding("overcommit", "warn", "and the machine has 100 GiB");
	memory->committed = 45 * GIB;
	assert_finding("overcommit", "warn", "90% of 50 GiB");
	memory->committed = 49 * GIB;
	assert_finding("overcommit", "fail", "98%");
	memory->committed = FACT_UNKNOWN;
	assert_finding("overcommit", "unknown", "/proc/meminfo");
	audit.node.overcommit_memory = FACT_UNKNOWN;
	assert_finding("overcommit", "unknown", "overcommit_memory");
}

static void test_swap(void **state)
{
	struct meminfo *memory = &audit.node.memory;

	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("swap", "warn", "1 GiB of 8.0 GiB of swap are in use");
	/* How readily the kernel swaps is another matter than what lies there. */
	audit.node.swappiness = 0;
	memory->swap_free = 0;
	assert_finding("swap", "warn", "8.0 GiB of 8.0 GiB of swap are in use");
	audit.node.swappiness = 60;
	memory->swap_free = memory->swap_total;
	assert_finding("swap", "warn", "swappiness 60");
	audit.node.swappiness = 10;
	assert_finding("swap", "ok", "swappiness 10");
	audit.node.swappiness = FACT_UNKNOWN;
	assert_finding("swap", "unknown", "how it is used");
	audit.node.cgroup.swap_max = 0;
	assert_finding("swap", "ok", "closed to this control group");
	memory->swap_total = 0;
	assert_finding("swap", "ok", "no swap");
	memory->swap_total = FACT_UNKNOWN;
	assert_finding("swap", "unknown", "/proc/meminfo");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("swap", "ok", "no GPU");
	scenario.machine.facts.numa.known = TRI_UNKNOWN;
	assert_finding("swap", "unknown", "whether there are GPUs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_headroom),
		SCENARIO_TEST(test_headroom_high),
		SCENARIO_TEST(test_headroom_of_machine),
		SCENARIO_TEST(test_limit),
		SCENARIO_TEST(test_page_cache),
		SCENARIO_TEST(test_overcommit),
		SCENARIO_TEST(test_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
