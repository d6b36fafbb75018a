/* SPDX-License-Identifier: Apache-2.0 */
/* locked-memory, memlock-limit, hugetlb-pools, shared-memory, max-map-count. */
#include "support/audit.h"
#include "util/kernel_abi.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)
#define POD "cgroup-v2-memory-max"
#define LAPTOP "laptop-one-node"
#define HGX "hgx-8gpu-two-socket"

static struct facts *f = &scenario.machine.facts;

static void set_memlock(int64_t soft, int64_t hard)
{
	f->process.limits.memlock = (struct limit){ soft, hard };
}

static void test_memlock(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("memlock-limit", "ok", "unlimited");
	set_memlock(64 * MIB, 64 * MIB);
	assert_finding("memlock-limit", "ok", "CAP_IPC_LOCK");
	f->process.status.effective = 0;
	assert_finding("memlock-limit", "warn", "64 MiB, and 8 RDMA devices may register more");
	set_memlock(8 * MIB, 8 * MIB);
	assert_finding("memlock-limit", "fail", "8 MiB");
	/* What the launcher raises counts as raised. */
	set_memlock(8 * MIB, FACT_UNLIMITED);
	assert_finding("memlock-limit", "ok", "unlimited");
	set_memlock(8 * MIB, 8 * MIB);
	audit.node.n_rdma = 0;
	assert_finding("memlock-limit", "ok", "no RDMA device");
	audit.node.n_rdma = FACT_UNKNOWN;
	assert_finding("memlock-limit", "unknown", "RDMA");
	set_memlock(FACT_UNKNOWN, FACT_UNKNOWN);
	assert_finding("memlock-limit", "unknown", "/proc/self/limits");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	set_memlock(MIB, MIB);
	assert_finding("memlock-limit", "ok", "no GPU is visible");
	f->numa.known = TRI_UNKNOWN;
	assert_finding("memlock-limit", "unknown", "whether there are GPUs");
	scenario_close();
	audit_open(LAPTOP, NULL, WORDS("--memlock=4G", "x"));
	set_memlock(MIB, MIB);
	assert_finding("memlock-limit", "warn", "the policy asks for 4 GiB, and the hard limit is 1 MiB");
}

static void test_locked(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("locked-memory", "ok", "0% of 31 GiB");
	f->memory_total = 100 * GIB;
	audit.node.memory.unevictable = 80 * GIB;
	assert_finding("locked-memory", "warn", "80%");
	/* The same pages may be both. */
	audit.node.events.pinned_pages = 93 * GIB / f->page_size;
	assert_finding("locked-memory", "fail", "93% of 100 GiB: unevictable 80 GiB, pinned 93 GiB");
	audit.node.events.pinned_pages = FACT_UNKNOWN;
	assert_finding("locked-memory", "warn", "not counted by this kernel");
	audit.node.memory.unevictable = FACT_UNKNOWN;
	assert_finding("locked-memory", "unknown", "/proc/meminfo");
}

/* A pool of 1 GiB pages of the whole machine and of one node. */
static void set_gib_pool(size_t node, int64_t total, int64_t free)
{
	for (size_t i = 0; i < f->hugetlb.n_pools; i++) {
		if (f->hugetlb.pools[i].page_size != GIB)
			continue;
		f->hugetlb.pools[i].total = total;
		f->hugetlb.pools[i].free = free;
		f->hugetlb.pools[i].reserved = 0;
		f->numa.nodes[node].pools[i] = f->hugetlb.pools[i];
		return;
	}
	fail_msg("no pool of 1 GiB pages");
}

static void test_hugetlb(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("hugetlb-pools", "ok", "1000 of 1024 pages of 2 MiB free");
	/* A tenth of the machine that nobody uses. */
	f->hugetlb.pools[0].total = f->hugetlb.pools[0].free = 110 * 1024;
	assert_finding("hugetlb-pools", "warn", "nobody uses");
	f->memory_total = FACT_UNKNOWN; /* kind M: of how much? */
	assert_finding("hugetlb-pools", "unknown", "is not known");
	f->hugetlb.pools[0].free = 0;
	assert_finding("hugetlb-pools", "ok", "0 of 112640");
	f->hugetlb.pools[0].free = FACT_UNKNOWN;
	assert_finding("hugetlb-pools", "unknown", "cannot be read");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("hugetlb-pools", "skip", "none are asked for");
	f->hugetlb.n_pools = 0;
	assert_finding("hugetlb-pools", "skip", "no pools");
	f->numa.known = TRI_UNKNOWN;
	assert_finding("hugetlb-pools", "unknown", "cannot be read");
}

static void test_hugetlb_demand(void **state)
{
	(void)state;
	audit_open(HGX, WORDS("MIMALLOC_RESERVE_HUGE_OS_PAGES=16"), NO_WORDS);
	assert_finding("hugetlb-pools", "fail", "to reserve 16 pages of 1 GiB, and 0 are free");
	set_gib_pool(1, 32, 32);
	assert_finding("hugetlb-pools", "ok", "16 pages of 1 GiB are asked for, and 32 are free");
	set_gib_pool(1, 17, 17);
	assert_finding("hugetlb-pools", "warn", "next to none is spare");
	/* A server that runs has them already. */
	set_gib_pool(1, 17, 1);
	assert_finding("hugetlb-pools", "ok", "so many are in use");
	set_gib_pool(1, 32, FACT_UNKNOWN);
	assert_finding("hugetlb-pools", "unknown", "cannot be read");
	set_gib_pool(1, 32, 32);
	audit_set_environment(WORDS("MIMALLOC_RESERVE_HUGE_OS_PAGES=16", "MIMALLOC_RESERVE_HUGE_OS_PAGES_AT=0"));
	assert_finding("hugetlb-pools", "fail", "on node 0, and 0 are free");
	audit_set_environment(WORDS("MIMALLOC_RESERVE_HUGE_OS_PAGES=16", "MIMALLOC_RESERVE_HUGE_OS_PAGES_AT=1"));
	assert_finding("hugetlb-pools", "ok", "on node 1");
	f->hugetlb.n_pools = 0;
	assert_finding("hugetlb-pools", "unknown", "/sys/kernel/mm/hugepages");
	scenario_close();
	/* What the policy sets counts as what the user has set. */
	audit_open(HGX, NULL, WORDS("--allocator=mimalloc", "--mimalloc=reserve_huge_os_pages=4", "x"));
	assert_finding("hugetlb-pools", "fail", "to reserve 4 pages");
}

static void set_shm(int64_t size, int64_t used)
{
	audit.node.shm = (struct node_shm){ TRI_YES, size, used };
}

static void test_shm(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("shared-memory", "ok", "at least");
	set_shm(100 * GIB, 91 * GIB);
	assert_finding("shared-memory", "warn", "9 GiB of 100 GiB");
	set_shm(100 * GIB, 90 * GIB);
	assert_finding("shared-memory", "ok", "10 GiB of 100 GiB");
	set_shm(512 * MIB, 0);
	assert_finding("shared-memory", "warn", "512 MiB, for 4 GPUs");
	set_shm(64 * MIB, 0);
	assert_finding("shared-memory", "fail", "64 MiB, for 4 GPUs");
	set_shm(FACT_UNLIMITED, 0);
	assert_finding("shared-memory", "ok", "no limit of its own");
	set_shm(FACT_UNKNOWN, FACT_UNKNOWN);
	assert_finding("shared-memory", "unknown", "in use cannot be read");
	audit.node.shm.is_mounted = TRI_NO;
	assert_finding("shared-memory", "fail", "no tmpfs");
	audit.node.shm.is_mounted = TRI_UNKNOWN;
	assert_finding("shared-memory", "unknown", "/dev/shm");
	scenario_close();
	/* One GPU, or none, in a plain container. */
	audit_open(POD, NULL, NO_WORDS);
	set_shm(64 * MIB, 0);
	assert_finding("shared-memory", "ok", "64 MiB of 64 MiB");
	audit.node.shm.is_mounted = TRI_NO;
	assert_finding("shared-memory", "warn", "no tmpfs");
}

static void test_maps(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	audit.node.max_map_count = 65530;
	assert_finding("max-map-count", "ok", "65530");
	audit.node.max_map_count = 65529;
	assert_finding("max-map-count", "warn", "below 65530");
	audit.node.max_map_count = FACT_UNKNOWN;
	assert_finding("max-map-count", "unknown", "cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_memlock),        SCENARIO_TEST(test_locked), SCENARIO_TEST(test_hugetlb),
		SCENARIO_TEST(test_hugetlb_demand), SCENARIO_TEST(test_shm),    SCENARIO_TEST(test_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
