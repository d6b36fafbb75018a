/* SPDX-License-Identifier: Apache-2.0 */
/* Whose memory it is, what grows, and where it lies. */
#include "detect/node.h"
#include "support/process_case.h"

static void test_verdict(void **state)
{
	static const struct {
		const char *row;
		int64_t anon, file, shmem, hugetlb, resident, live;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "well", GIB(4), GIB(1), 0, 0, GIB(4), GIB(4), CHECK_OK,
		  "the allocator has 4 GiB resident for 4 GiB in use" },
		{ "retention", GIB(4), 0, 0, 0, GIB(4), GIB(3), CHECK_WARN,
		  "the allocator holds 133 % of what is in use" },
		{ "much retention", GIB(40), 0, 0, 0, GIB(40), GIB(10), CHECK_FAIL, "the allocator holds 400 %" },
		{ "little memory", MIB(200), 0, 0, 0, MIB(200), MIB(10), CHECK_OK, "200 MiB resident for 10 MiB" },
		{ "not the allocator", GIB(40), 0, 0, 0, GIB(1), GIB(1), CHECK_WARN,
		  "not the allocator: 97 % of the anonymous" },
		{ "stacks and pymalloc", GIB(10), 0, 0, 0, GIB(9), GIB(9), CHECK_OK, "9 GiB resident" },
		{ "little anonymous", MIB(200), 0, 0, 0, MIB(1), MIB(1), CHECK_OK, "1 MiB resident" },
		{ "mapped file", GIB(1), GIB(30), 0, 0, GIB(1), GIB(1), CHECK_OK,
		  "mostly not the allocator: anonymous 1 GiB, file 30 GiB" },
		{ "shared", GIB(1), 0, GIB(30), 0, GIB(1), GIB(1), CHECK_OK,
		  "mostly not the allocator: anonymous 1 GiB, file 0 B, shared 30 GiB" },
		{ "hugetlb", GIB(1), 0, 0, GIB(30), GIB(1), GIB(1), CHECK_OK, "mostly not the allocator" },
		{ "only resident", GIB(4), 0, 0, 0, GIB(4), FACT_UNKNOWN, CHECK_OK,
		  "the allocator has 4 GiB resident" },
		{ "only resident, and little", GIB(40), 0, 0, 0, GIB(1), FACT_UNKNOWN, CHECK_WARN,
		  "not the allocator: 97 %" },
		{ "mapped by the program", MIB(450), 0, 0, 0, MIB(1), MIB(1), CHECK_OK,
		  "mostly not the allocator: anonymous 450 MiB" },
		{ "most of it mapped", GIB(1), 0, 0, 0, MIB(511), MIB(511), CHECK_WARN, "not the allocator: 50 %" },
		{ "half of it mapped", MIB(900), 0, 0, 0, MIB(450), MIB(450), CHECK_OK,
		  "anonymous 900 MiB, file 0 B, shared 0 B, hugetlb 0 B: the" },
		{ "nothing known of it", GIB(4), 0, 0, 0, FACT_UNKNOWN, FACT_UNKNOWN, CHECK_UNKNOWN,
		  "the allocator's share is not known" },
		{ "nothing known of little", MIB(255), 0, 0, 0, FACT_UNKNOWN, FACT_UNKNOWN, CHECK_OK,
		  "little, whosever it is" },
		{ "of another", GIB(1), GIB(30), 0, 0, FACT_UNKNOWN, FACT_UNKNOWN, CHECK_OK,
		  "mostly not the allocator" },
		{ "more than there is", GIB(4), 0, 0, 0, GIB(5), GIB(5), CHECK_OK, "5 GiB resident" },
		{ "nothing in use", GIB(4), 0, 0, 0, GIB(4), 0, CHECK_OK, "4 GiB resident for 0 B in use" },
		{ "unreadable", FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
		  CHECK_UNKNOWN, "status does not say" },
		{ "largest numbers", INT64_MAX, INT64_MAX / 4, INT64_MAX / 4, 0, INT64_MAX, INT64_MAX, CHECK_OK,
		  "resident" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->status.rss_anon = cases[i].anon;
		p->status.rss_file = cases[i].file;
		p->status.rss_shmem = cases[i].shmem;
		p->status.hugetlb = cases[i].hugetlb;
		p->allocator_resident = cases[i].resident;
		p->allocator_live = cases[i].live;
		expect(audit_memory_verdict, cases[i].row, cases[i].status, cases[i].observed);
	}
	expect_of_states(audit_memory_verdict);
}

/* 40 GiB resident for 10 in use, of which 29 were freed just now. */
static void make_freed(const char *decay, int64_t threads)
{
	p->status.rss_anon = p->allocator_resident = GIB(40);
	p->allocator_dirty = GIB(29);
	p->allocator_live = GIB(10);
	p->purge_threads = threads;
	set_option("dirty_decay_ms", decay);
}

static void test_verdict_of_fragmentation(void **state)
{
	static const struct {
		int64_t dirty;
		const char *observed, *fix;
	} cases[] = {
		{ MIB(10), "30 GiB of it is fragmentation", "fragmentation: " },
		{ GIB(29), "29 GiB of it are freed and kept; 1 GiB of it is fragmentation", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct finding f;

		p->status.rss_anon = p->allocator_resident = GIB(40);
		p->allocator_live = GIB(10);
		p->allocator_dirty = cases[i].dirty;
		f = audit_memory_verdict(&pool, &audit, &thresholds, p);
		assert_int_equal(f.status, CHECK_FAIL);
		assert_row_contains(cases[i].observed, f.observed, cases[i].observed);
		assert_int_equal(!f.fix, !cases[i].fix);
		if (f.fix)
			assert_row_contains(cases[i].observed, f.fix, cases[i].fix);
	}
}

static void test_verdict_right_after_a_free(void **state)
{
	static const char due[] = "29 GiB of it are due to go back within 10 s";
	static const struct live_purge running = { .state = PURGE_THREAD_RUNS, .pid = 4711, .window_ms = 5000 };
	static const struct live_purge stale = { .state = PURGE_THREAD_RUNS, .pid = 4711, .look_age_ms = 100000 };

	(void)state;
	make_freed("10000", 2);
	expect(audit_memory_verdict, "all that is kept decays", CHECK_OK, due);
	make_freed("9001", 2);
	expect(audit_memory_verdict, "seconds are rounded up", CHECK_OK, due);
	make_freed("10000", 2);
	p->allocator_live = GIB(5);
	expect(audit_memory_verdict, "not all", CHECK_FAIL, "the allocator holds 220 % of what is in use");
	make_freed("10000", 2);
	p->allocator_live = GIB(7);
	expect(audit_memory_verdict, "not all, and said", CHECK_WARN, due);
	/* Of a bundled build the purge thread gives it back, whatever the decay. */
	make_freed("-1", 0);
	p->purge = &running;
	expect(audit_memory_verdict, "our thread", CHECK_OK,
	       "29 GiB of it are due to go back within 5 s; 1 GiB of it is");
	make_freed("-1", 0);
	p->purge = &stale;
	expect(audit_memory_verdict, "our thread stands still", CHECK_FAIL, "29 GiB of it are freed and kept");
	/* It stays. */
	make_freed("-1", 2);
	expect(audit_memory_verdict, "no decay", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("10000", 0);
	expect(audit_memory_verdict, "nobody to purge", CHECK_FAIL, "40 GiB resident for 10 GiB in use");
	make_freed("10000", FACT_UNKNOWN);
	expect(audit_memory_verdict, "threads unknown", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("10000", 2);
	p->options_evidence = EVIDENCE_ASSUMED;
	expect(audit_memory_verdict, "a decay that it was told", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("10000", 2);
	p->allocator_dirty = FACT_UNKNOWN;
	expect(audit_memory_verdict, "dirty pages unknown", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("soon", 2);
	expect(audit_memory_verdict, "no number", CHECK_FAIL, "the allocator holds 400 %");
	/* 104 days: for an operator it is kept. */
	make_freed("9000000000", 2);
	expect(audit_memory_verdict, "a long decay", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("60001", 2);
	expect(audit_memory_verdict, "more than a minute", CHECK_FAIL, "the allocator holds 400 %");
	make_freed("60000", 2);
	expect(audit_memory_verdict, "a minute", CHECK_OK, "due to go back within 60 s");
	/* A few pages are due all the time. */
	make_freed("10000", 2);
	p->allocator_resident = p->status.rss_anon = GIB(10);
	p->allocator_dirty = MIB(15);
	expect(audit_memory_verdict, "little", CHECK_OK, "10 GiB resident for 10 GiB in use");
}

/* Two looks, ten seconds apart; both are of the process unless `start_time` says another. */
static void make_samples(int64_t start_time, const struct live_point *first, const struct live_point *last)
{
	struct live_sample *items = mem_alloc(&pool, 2 * sizeof *items);

	items[0] = (struct live_sample){ 0, mem_dup(&pool, first, sizeof *first), 1 };
	items[1] = (struct live_sample){ 9700, mem_dup(&pool, last, sizeof *last), 1 };
	for (int i = 0; i < 2; i++)
		items[i].points->pid = p->pid;
	items[0].points->start_time = start_time;
	items[1].points->start_time = p->start_time;
	samples = (struct live_samples){ items, 2 };
	audit.samples = &samples;
}

#define POINT(anon, file, shmem, huge) \
	{ \
		.rss_anon = (anon), .rss_file = (file), .rss_shmem = (shmem), .hugetlb = (huge), \
		.allocator_resident = FACT_UNKNOWN \
	}

static void test_growth(void **state)
{
	static const struct {
		const char *row;
		struct live_point first, last;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "leak", POINT(GIB(2), GIB(1), 0, 0), POINT(GIB(4), GIB(1), 0, 0), CHECK_WARN,
		  "anonymous memory grew by 2 GiB in 10 s" },
		{ "shared", POINT(GIB(4), GIB(1), 0, 0), POINT(GIB(4), GIB(1), GIB(1), 0), CHECK_WARN,
		  "not the allocator: shared memory grew by 1 GiB" },
		{ "file", POINT(GIB(4), 0, 0, 0), POINT(GIB(4), GIB(1), 0, 0), CHECK_WARN,
		  "not the allocator: mapped files grew by 1 GiB" },
		{ "hugetlb", POINT(GIB(4), GIB(1), 0, 0), POINT(GIB(4), GIB(1), 0, GIB(1)), CHECK_WARN,
		  "not the allocator: hugetlb memory grew by 1 GiB" },
		{ "the most of them", POINT(GIB(3), 0, 0, 0), POINT(GIB(4), GIB(3), 0, 0), CHECK_WARN,
		  "mapped files grew by 3 GiB" },
		{ "steady", POINT(GIB(4), GIB(1), 0, 0), POINT(GIB(4), GIB(1), 0, 0), CHECK_UNKNOWN,
		  "share is not known" },
		{ "less", POINT(GIB(8), GIB(1), 0, 0), POINT(GIB(4), GIB(1), 0, 0), CHECK_UNKNOWN,
		  "share is not known" },
		{ "below a tenth", POINT(GIB(4) - MIB(400), GIB(1), 0, 0), POINT(GIB(4), GIB(1), 0, 0), CHECK_UNKNOWN,
		  "not known" },
		/* What was not known before has not grown. */
		{ "unknown at first", POINT(-1, -1, -1, -1), POINT(GIB(4), GIB(1), 0, 0), CHECK_UNKNOWN, "not known" },
		{ "unknown at last", POINT(GIB(2), GIB(1), 0, 0), POINT(-1, -1, -1, -1), CHECK_UNKNOWN, "not known" },
	};
	struct live_point first = POINT(GIB(2), GIB(1), 0, 0), last = POINT(GIB(4), GIB(1), 0, 0);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_samples(p->start_time, &cases[i].first, &cases[i].last);
		expect(audit_memory_verdict, cases[i].row, cases[i].status, cases[i].observed);
	}
	make_samples(p->start_time - 1, &first, &last);
	expect(audit_memory_verdict, "another process of this PID", CHECK_UNKNOWN, "not known");
	make_samples(p->start_time, &first, &last);
	samples.n = 1;
	expect(audit_memory_verdict, "one look", CHECK_UNKNOWN, "not known");
	/* Small numbers may well double. */
	p->status.rss_anon = MIB(20);
	p->status.rss_file = MIB(5);
	first = (struct live_point)POINT(MIB(10), MIB(5), 0, 0);
	last = (struct live_point)POINT(MIB(20), MIB(5), 0, 0);
	make_samples(p->start_time, &first, &last);
	expect(audit_memory_verdict, "small", CHECK_OK, "little");
}

/* Whose the growth is, and a verdict that is worse than growth. */
static void test_growth_of_the_allocator(void **state)
{
	static const struct {
		const char *row;
		int64_t first, last, live; /* of the allocator; what the program has of it */
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "a leak", GIB(2), GIB(4), GIB(4), CHECK_WARN,
		  "anonymous memory grew by 2 GiB in 10 s; anonymous 4 GiB" },
		{ "most of it a leak", GIB(2), GIB(3), GIB(3), CHECK_WARN,
		  "anonymous memory grew by 2 GiB in 10 s; not the allocator" },
		{ "mapped by the program", GIB(4), GIB(4), GIB(4), CHECK_WARN,
		  "not the allocator: anonymous memory grew by 2 GiB in 10 s, the allocator's by 0 B" },
		{ "given back meanwhile", GIB(4), GIB(3), GIB(3), CHECK_WARN,
		  "grew by 2 GiB in 10 s, the allocator's by 0 B" },
		{ "not known at first", FACT_UNKNOWN, GIB(4), GIB(4), CHECK_WARN,
		  "anonymous memory grew by 2 GiB in 10 s;" },
		{ "a leak and retention", GIB(2), GIB(4), GIB(1), CHECK_FAIL,
		  "hugetlb 0 B: the allocator has 4 GiB resident for 1 GiB in use; anonymous memory grew by 2 GiB in 10 s" },
		{ "some retention", GIB(2), GIB(4), GIB(3), CHECK_WARN,
		  "anonymous memory grew by 2 GiB in 10 s; the allocator holds 133 % of what is in use" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct live_point first = POINT(GIB(2), GIB(1), 0, 0), last = POINT(GIB(4), GIB(1), 0, 0);

		first.allocator_resident = cases[i].first;
		last.allocator_resident = p->allocator_resident = cases[i].last;
		p->allocator_live = cases[i].live;
		make_samples(p->start_time, &first, &last);
		expect(audit_memory_verdict, cases[i].row, cases[i].status, cases[i].observed);
	}
}

static void make_nodes(int64_t first, int64_t second)
{
	static struct gpu gpus[2];

	gpus[0] = (struct gpu){ .vendor = GPU_NVIDIA, .node = 1, .visible = TRI_YES };
	gpus[1] = (struct gpu){ .vendor = GPU_NVIDIA, .node = 0, .visible = TRI_NO };
	machine.gpu = (struct gpu_facts){ .gpus = gpus, .n_gpus = 2 };
	machine.numa.n_nodes = 2;
	p->node_bytes = mem_alloc(&pool, 2 * sizeof *p->node_bytes);
	p->node_bytes[0] = first;
	p->node_bytes[1] = second;
	p->n_node_bytes = 2;
}

static void test_local_memory(void **state)
{
	static const struct {
		int64_t remote, local;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ 0, GIB(4), CHECK_OK, "100 % of its memory is on the GPUs' nodes 1" },
		{ GIB(5), GIB(95), CHECK_OK, "95 %" },
		{ GIB(6), GIB(94), CHECK_WARN, "94 %" },
		{ GIB(20), GIB(80), CHECK_WARN, "80 %" },
		{ GIB(21), GIB(79), CHECK_FAIL, "79 %" },
		{ GIB(4), 0, CHECK_FAIL, "0 %" },
		/* A shell in front of the server. */
		{ MIB(4), 0, CHECK_SKIP, "too little" },
		{ 0, 0, CHECK_SKIP, "too little" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_nodes(cases[i].remote, cases[i].local);
		expect(audit_local_memory, cases[i].observed, cases[i].status, cases[i].observed);
	}
	make_nodes(GIB(4), 0);
	machine.numa.n_nodes = 1;
	expect(audit_local_memory, "one node", CHECK_SKIP, "one NUMA node");
	make_nodes(GIB(4), 0);
	machine.gpu.n_gpus = 0;
	expect(audit_local_memory, "no GPU", CHECK_SKIP, "no GPU");
	make_nodes(GIB(4), 0);
	p->node_bytes = NULL;
	expect(audit_local_memory, "unreadable", CHECK_UNKNOWN, "numa_maps cannot be read");
	expect_of_states(audit_local_memory);
}

static void test_rdma_hooks(void **state)
{
	static const struct {
		const char *library, *variable;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "/usr/lib/libc.so.6", NULL, CHECK_SKIP, "no UCX library" },
		{ "/opt/libucm.so.0", NULL, CHECK_WARN,
		  "libucm.so.0 is loaded, and UCX_MEM_MMAP_HOOK_MODE is not set" },
		{ "/opt/libucs.so.0", "UCX_MEM_MMAP_HOOK_MODE=bistro", CHECK_WARN, "is bistro" },
		{ "/opt/libucm.so.0", "UCX_MEM_MMAP_HOOK_MODE=none", CHECK_OK, "UCX_MEM_MMAP_HOOK_MODE=none" },
		{ "/opt/libucm.so.0/libother.so", NULL, CHECK_SKIP, "no UCX library" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->loaded = VARIABLES("", cases[i].library);
		p->environment = cases[i].variable ? VARIABLES(cases[i].variable) : VARIABLES();
		expect(audit_rdma_hooks, cases[i].library, cases[i].status, cases[i].observed);
	}
	/* A leak of what they hold, while it is watched. */
	for (int row = 0; row < 4; row++) {
		struct live_point first = POINT(GIB(2), GIB(1), 0, 0), last = POINT(GIB(4), GIB(1), 0, 0);

		first.allocator_resident = GIB(1);
		last.allocator_resident = row == 1 ? GIB(3) : row == 2 ? FACT_UNKNOWN : GIB(1);
		make_samples(p->start_time, &first, &last);
		p->loaded = VARIABLES("/opt/libucm.so.0");
		p->environment = row == 3 ? VARIABLES("UCX_MEM_MMAP_HOOK_MODE=none") : VARIABLES();
		expect(audit_rdma_hooks, "a leak",
		       row == 0 ? CHECK_FAIL :
		       row == 3 ? CHECK_OK :
				  CHECK_WARN,
		       row == 0 ? "is not set, and not the allocator: anonymous memory grew by 2 GiB" : "libucm");
	}
	p->loaded = VARIABLES("/opt/libucm.so.0");
	p->environment = NULL;
	expect(audit_rdma_hooks, "environment unreadable", CHECK_UNKNOWN, "its environment cannot be read");
	p->loaded = NULL;
	expect(audit_rdma_hooks, "unreadable", CHECK_UNKNOWN, "not known");
	expect_of_states(audit_rdma_hooks);
}

static void test_mappings(void **state)
{
	static const struct {
		int64_t n, most;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ 900, 65530, CHECK_OK, "900 mappings of at most 65530" },
		{ 33400, 65530, CHECK_OK, "33400" },
		{ 33500, 65530, CHECK_WARN, "33500" },
		{ 52400, 65530, CHECK_WARN, "52400" },
		{ 53100, 65530, CHECK_FAIL, "53100" },
		{ 70000, 65530, CHECK_FAIL, "70000" },
		{ FACT_UNKNOWN, 65530, CHECK_UNKNOWN, "cannot be read" },
		{ 900, FACT_UNKNOWN, CHECK_UNKNOWN, "cannot be read" },
		{ 900, 0, CHECK_UNKNOWN, "cannot be read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->n_mappings = cases[i].n;
		node.max_map_count = cases[i].most;
		expect(audit_mappings, cases[i].observed, cases[i].status, cases[i].observed);
	}
	expect_of_states(audit_mappings);
}

/* The process's own group, not that of the audit, which has no limit here. */
static void test_headroom(void **state)
{
	static const struct {
		int64_t max, current, kills;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ GIB(10), GIB(5), 0, CHECK_OK, "50% of 10 GiB in use" },
		{ GIB(10), GIB(9), 0, CHECK_WARN, "90% of 10 GiB in use" },
		{ GIB(100), GIB(95), 0, CHECK_FAIL, "95% of 100 GiB in use" },
		{ GIB(10), GIB(1), 2, CHECK_FAIL, "2 processes killed" },
		{ FACT_UNLIMITED, GIB(1), 0, CHECK_SKIP, "has no limit" },
		{ FACT_UNKNOWN, FACT_UNKNOWN, 0, CHECK_UNKNOWN, "cannot be read" },
		{ GIB(10), FACT_UNKNOWN, 0, CHECK_UNKNOWN, "cannot be read" },
	};
	struct node_facts usage = node_unknown;
	struct live_cgroup group = { .usage = &usage };

	(void)state;
	machine.cgroup.memory_max = FACT_UNLIMITED;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		group.limits = (struct cgroup_facts){ .memory_max = cases[i].max,
						      .memory_high = FACT_UNLIMITED,
						      .memory_current = cases[i].current };
		usage.cgroup.oom_kills = cases[i].kills;
		p->cgroup = &group;
		expect(audit_process_headroom, cases[i].observed, cases[i].status, cases[i].observed);
	}
	/* A child in the same group has nothing to add. */
	p->cgroup = &group;
	processes[1] = processes[0];
	processes[1].pid = 4712;
	processes[1].parent = 4711;
	live.n_processes = 2;
	assert_int_equal(audit_process_headroom(&pool, &audit, &thresholds, &processes[1]).status, CHECK_SKIP);
	p->cgroup = NULL;
	expect(audit_process_headroom, "unreadable", CHECK_UNKNOWN, "cannot be read");
	expect_of_states(audit_process_headroom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_TEST(test_verdict),
		CASE_TEST(test_verdict_of_fragmentation),
		CASE_TEST(test_verdict_right_after_a_free),
		CASE_TEST(test_growth),
		CASE_TEST(test_growth_of_the_allocator),
		CASE_TEST(test_local_memory),
		CASE_TEST(test_rdma_hooks),
		CASE_TEST(test_mappings),
		CASE_TEST(test_headroom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
