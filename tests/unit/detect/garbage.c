/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc and /sys files that are missing, empty, binary, too long or nonsense: each file
 * of two machines in each form. What is in it becomes unknown, and nothing else breaks.
 */
#include <string.h>

#include "detect/detect.h"
#include "support/support.h"

static void check_number(int64_t value)
{
	assert_true(value >= 0 || value == FACT_UNKNOWN);
}

/* What holds for any facts, so that a policy can rely on it. */
static void check_sane(const struct facts *f, const char *path, const char *form)
{
	print_message("%s: %s\n", path, form);
	assert_true(f->cpu.effective >= 1 || f->cpu.effective == FACT_UNKNOWN);
	check_number(f->cpu.quota_milli);
	assert_true(f->page_size == FACT_UNKNOWN || (f->page_size & (f->page_size - 1)) == 0);
	check_number(f->memory_total);
	assert_true(f->numa.known == TRI_YES ? f->numa.n_nodes > 0 : f->numa.n_nodes == 0);
	for (size_t i = 0; i < f->numa.n_nodes; i++) {
		const struct numa_node *node = &f->numa.nodes[i];

		check_number(node->memory_total);
		for (size_t k = 0; node->distances && k < f->numa.n_nodes; k++)
			assert_in_range(node->distances[k], 1, 255);
		for (size_t k = 0; k < node->n_pools; k++)
			check_number(node->pools[k].free);
	}
	assert_true(f->thp.pmd_size > 0 || f->thp.pmd_size == FACT_UNKNOWN);
	check_number(f->cgroup.memory_max);
	check_number(f->cgroup.memory_current);
	check_number(f->cgroup.cpu_quota_milli);
	for (size_t i = 0; i < f->gpu.n_gpus; i++)
		assert_true(f->gpu.gpus[i].node >= GPU_NODE_UNREAD && f->gpu.gpus[i].address[0]);
	assert_true(f->process.status.capabilities_known == TRI_YES ||
		    f->process.status.capabilities_known == TRI_UNKNOWN);
}

/* Is the fact that stands in the file unknown? For the files that decide most. */
struct expectation {
	const char *path;
	bool (*is_unknown)(const struct facts *f);
	bool may_be_missing; /* that it is not there is an answer */
};

static bool no_cpus_online(const struct facts *f)
{
	return bitmap_is_empty(&f->cpu.online);
}

static bool no_thp(const struct facts *f)
{
	return f->thp.known == TRI_UNKNOWN;
}

static bool no_pmd_size(const struct facts *f)
{
	return f->thp.pmd_size == FACT_UNKNOWN;
}

static bool no_numa(const struct facts *f)
{
	return f->numa.known == TRI_UNKNOWN;
}

static bool no_distances(const struct facts *f)
{
	return f->numa.known == TRI_YES && !f->numa.nodes[0].distances;
}

static bool no_node_memory(const struct facts *f)
{
	return f->numa.nodes[0].memory_total == FACT_UNKNOWN;
}

static bool no_memory_total(const struct facts *f)
{
	return f->memory_total == FACT_UNKNOWN;
}

static bool no_process(const struct facts *f)
{
	return f->process.status.uid == FACT_UNKNOWN && bitmap_is_empty(&f->process.status.cpus) &&
	       f->process.status.capabilities_known == TRI_UNKNOWN;
}

static bool no_limits(const struct facts *f)
{
	return f->process.limits.memlock.soft == FACT_UNKNOWN;
}

static bool no_page_size(const struct facts *f)
{
	return f->page_size == FACT_UNKNOWN;
}

static bool no_memory_limit(const struct facts *f)
{
	return f->cgroup.memory_max == FACT_UNKNOWN;
}

static bool no_quota(const struct facts *f)
{
	return f->cgroup.cpu_quota_milli == FACT_UNKNOWN;
}

static bool no_cgroup(const struct facts *f)
{
	return no_memory_limit(f) && no_quota(f);
}

static bool no_gpu_node(const struct facts *f)
{
	return f->gpu.gpus[0].node == GPU_NODE_UNREAD;
}

static bool no_uuid(const struct facts *f)
{
	return !f->gpu.gpus[0].uuid;
}

#define NODE "/sys/devices/system/node/"
#define THP "/sys/kernel/mm/transparent_hugepage/"

static const struct expectation expectations[] = {
	{ "/sys/devices/system/cpu/online", no_cpus_online, false },
	{ THP "enabled", no_thp, false },
	{ THP "hpage_pmd_size", no_pmd_size, false },
	{ NODE "node0/cpulist", no_numa, false },
	{ NODE "node0/distance", no_distances, false },
	{ NODE "node0/meminfo", no_node_memory, false },
	{ "/proc/meminfo", no_memory_total, false },
	{ "/proc/self/status", no_process, false },
	{ "/proc/self/limits", no_limits, false },
	{ "/proc/self/smaps", no_page_size, false },
	{ "/proc/self/cgroup", no_cgroup, true },
	{ "/proc/self/mountinfo", no_cgroup, false },
	{ "/sys/fs/cgroup/memory.max", no_memory_limit, true },
	{ "/sys/fs/cgroup/cpu.max", no_quota, true },
	{ "/sys/bus/pci/devices/0000:81:00.0/numa_node", no_gpu_node, false },
	{ "/proc/driver/nvidia/gpus/0000:81:00.0/information", no_uuid, false },
};

static bool was_checked[sizeof expectations / sizeof *expectations];

static void check_unknown(const struct facts *f, const char *path, const char *form)
{
	check_sane(f, path, form);
	for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
		if (strcmp(path, expectations[i].path) != 0 ||
		    (expectations[i].may_be_missing && strcmp(form, "missing") == 0))
			continue;
		assert_true(expectations[i].is_unknown(f));
		was_checked[i] = true;
	}
}

static void test_container(void **state)
{
	(void)state;
	garbage_check_machine("cgroup-v2-memory-max", check_unknown);
	for (size_t i = 0; i < sizeof was_checked / sizeof *was_checked; i++)
		assert_true(was_checked[i]);
}

static void test_hybrid(void **state)
{
	(void)state;
	garbage_check_machine("hybrid-cgroup-vm", check_sane);
}

/* No file at all. */
static void test_empty_root(void **state)
{
	struct detect_request request = { 0 };
	struct facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	facts_detect(&t.root, &t.mem, &request, &facts);
	check_sane(&facts, "/", "empty");
	assert_string_equal(facts.kernel, "");
	assert_string_equal(facts.machine, "");
	assert_int_equal(facts.cpu.effective, FACT_UNKNOWN);
	assert_int_equal(facts.cgroup.version, CGROUP_UNKNOWN);
	assert_int_equal(facts.numa.known, TRI_UNKNOWN);
	assert_int_equal(facts.thp.known, TRI_UNKNOWN);
	tree_close(&t);
}

/* Folders where files should be, and the other way round. */
static void test_wrong_kinds(void **state)
{
	static const char *const folders[] = {
		"/proc/self/status",
		"/proc/self/cgroup",
		"/proc/self/mountinfo",
		"/proc/meminfo",
		"/sys/devices/system/cpu/online",
		NODE "online",
		THP "enabled",
		"/sys/fs/cgroup/memory.max",
	};
	struct detect_request request = { .thorough = true };
	struct facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		tree_mkdir(&t, folders[i]);
	tree_write(&t, "/sys/kernel/mm/hugepages", "");
	tree_write(&t, "/proc/driver/nvidia/gpus", "");
	tree_write(&t, "/sys/class/kfd/kfd/topology/nodes", "");
	facts_detect(&t.root, &t.mem, &request, &facts);
	check_sane(&facts, "/", "wrong kinds");
	assert_int_equal(facts.cpu.effective, FACT_UNKNOWN);
	assert_int_equal(facts.gpu.n_gpus, 0);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_empty_root),
		cmocka_unit_test(test_wrong_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
