/* SPDX-License-Identifier: Apache-2.0 */
/* Facts and [node] -> the plan of writes. */
#include <errno.h>
#include <string.h>

#include "detect/node.h"
#include "support/tune_case.h"

static void test_differences(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("thp-defrag", "madvise");
	tune_want("thp-enabled.64K", "inherit");
	tune_want("khugepaged-max-ptes-none", "0");
	tune_want("numa-balancing", "0");
	tune_want("max-map-count", "65530");
	tune_decide_here();
	assert_int_equal(plan.n, 6);
	assert_write("thp-enabled", "planned always -> madvise");
	assert_write("thp-defrag", "unchanged madvise");
	assert_write("thp-enabled.64K", "planned never -> inherit");
	assert_write("khugepaged-max-ptes-none", "planned 511 -> 0");
	assert_write("numa-balancing", "planned 1 -> 0");
	assert_write("max-map-count", "unchanged 65530");
	assert_string_equal(tune_find("thp-enabled")->where, "p.conf:2");
	assert_int_equal(tune_count(&plan, TUNE_PLANNED), 4);
}

/* In the order of the table, whatever the policy's is. */
static void test_order(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("max-map-count", "7");
	tune_want("hugetlb.2M.node1", "1");
	tune_want("hugetlb.2M.node0", "1");
	tune_want("thp-enabled", "never");
	tune_decide_here();
	assert_string_equal(plan.writes[0].key, "thp-enabled");
	assert_string_equal(plan.writes[1].key, "hugetlb.2M.node0");
	assert_string_equal(plan.writes[2].key, "hugetlb.2M.node1");
	assert_string_equal(plan.writes[3].key, "max-map-count");
}

static void test_pools(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("hugetlb.2M.each", "64");
	tune_want("hugetlb.2M.node1", "4");
	tune_decide_here();
	/* Not the node without CPUs: that memory is a device's, or slow. */
	assert_int_equal(plan.n, 2);
	assert_write("hugetlb.2M.node0", "planned 4 -> 64");
	assert_write("hugetlb.2M.node1", "unchanged 4");
	assert_int_equal(tune_find("hugetlb.2M.node0")->n_saved, 1);

	policy.n = 0;
	tune_want("hugetlb.2M", "30");
	tune_want("hugetlb.2M.node2", "0");
	policy.n = 1;
	tune_decide_here();
	assert_write("hugetlb.2M", "planned 12 -> 30");
	/* Back to the nodes that had them, not spread anew. */
	assert_int_equal(tune_find("hugetlb.2M")->n_saved, 3);
	assert_string_equal(tune_find("hugetlb.2M")->saved[1].path,
			    NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages");
	assert_string_equal(tune_find("hugetlb.2M")->saved[1].value, "4");
	assert_int_equal(tune_find("hugetlb.2M")->n_notes, 1);
	assert_row_contains("note", tune_find("hugetlb.2M")->notes[0], "nodes 2 as well, which have no CPUs");
}

static void test_impossible(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, THP "/defrag", "always [madvise] never\n");
	tune_want("hugetlb.2M.node7", "1");
	tune_want("hugetlb.1G", "1");
	tune_want("hugetlb.1G.node0", "0");
	tune_want("weighted-interleave.node7", "1");
	tune_want("thp-defrag", "defer");
	tree_write(&tree, "/proc/sys/vm/max_map_count", "many\n");
	tune_want("max-map-count", "70000");
	tune_decide_here();
	assert_write("hugetlb.2M.node7", "impossible: there is no node 7 here (nodes 0-2)");
	assert_write("weighted-interleave.node7", "impossible: there is no node 7 here (nodes 0-2)");
	assert_write("hugetlb.1G", "impossible: this kernel has no hugetlb pages of 1G (it has 2M)");
	/* No pages are what there is. */
	assert_write("hugetlb.1G.node0", "skipped: this kernel has no hugetlb pages of 1G (it has 2M)");
	assert_write("thp-defrag", "impossible: this kernel offers: always madvise never");
	assert_write("max-map-count", "impossible: /proc/sys/vm/max_map_count is not in the form that is expected");
}

/* What the kernel lacks needs no setting: one policy serves many kernels. */
static void test_skipped(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, "/proc/sys/kernel/osrelease", "6.1.0-30-amd64\n");
	tree_remove(&tree, THP "/hugepages-64kB/enabled");
	tree_remove(&tree, WEIGHTS "/node1");
	tune_want("thp-enabled.64K", "madvise");
	tune_want("thp-shmem.64K", "never");
	tune_want("thp-shmem", "never");
	tune_want("khugepaged-defrag", "1");
	tune_want("weighted-interleave.node1", "2");
	tune_decide_here();
	assert_write("thp-enabled.64K", "skipped: it came with Linux 6.8, and this is 6.1.0-30-amd64");
	assert_write("thp-shmem.64K", "skipped: it came with Linux 6.11, and this is 6.1.0-30-amd64");
	assert_write("thp-shmem", "skipped: a kernel without transparent hugepages or shmem");
	assert_write("khugepaged-defrag", "skipped: this kernel has no " THP "/khugepaged/defrag");
	assert_write("weighted-interleave.node1", "skipped: it came with Linux 6.9, and this is 6.1.0-30-amd64");
}

static void test_bare_kernel(void **state)
{
	(void)state;
	tree_mkdir(&tree, "/sys/devices/system");
	tree_mkdir(&tree, "/sys/kernel/mm");
	tree_write(&tree, "/proc/sys/kernel/osrelease", "6.12.0\n");
	tree_write(&tree, "/proc/sys/vm/max_map_count", "65530\n");
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		if (s->form == TUNE_WORD)
			tune_want(tune_setting_name(&pool, s, 0, 2 << 20), "never");
		else if (s->subject != TUNE_OF_NODE && s->subject != TUNE_OF_POOL_ON_NODE)
			tune_want(tune_setting_name(&pool, s, 0, 2 << 20), "1");
	}
	tune_want("hugetlb.1G.each", "1");
	tune_want("hugetlb.4M.node0", "1");
	tune_want("weighted-interleave.node0", "1");
	tune_decide_here();
	for (size_t i = 0; i < plan.n; i++) {
		bool is_pages = plan.writes[i].setting->form == TUNE_PAGES;
		bool is_there = strcmp(plan.writes[i].key, "max-map-count") == 0;

		assert_row_int(plan.writes[i].key, plan.writes[i].outcome,
			       is_there ? TUNE_PLANNED :
			       is_pages ? TUNE_IMPOSSIBLE :
					  TUNE_SKIPPED);
	}
	assert_write("thp-enabled", "skipped: a kernel without transparent hugepages");
	assert_write("zone-reclaim-mode", "skipped: a kernel without NUMA");
	assert_write("numa-balancing", "skipped: a kernel without NUMA balancing");
	assert_write("hugetlb.1G.each", "impossible: a kernel without hugetlb pages");
	assert_write("hugetlb.4M.node0", "impossible: a kernel without NUMA");
	assert_write("weighted-interleave.node0", "skipped: a kernel without NUMA");
}

/* Without NUMA the machine is the one node there is. */
static void test_each_without_numa(void **state)
{
	(void)state;
	tree_mkdir(&tree, "/sys/devices/system");
	tree_write(&tree, POOLS "/hugepages-2048kB/nr_hugepages", "0\n");
	tune_want("hugetlb.2M.each", "5");
	tune_decide_here();
	assert_int_equal(plan.n, 1);
	assert_string_equal(plan.writes[0].path, POOLS "/hugepages-2048kB/nr_hugepages");
	assert_int_equal(plan.writes[0].outcome, TUNE_PLANNED);
}

static void test_unreadable_nodes(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, NODES "/node1/cpulist", "garbage\n");
	tune_want("hugetlb.2M.each", "5");
	tune_want("hugetlb.2M.node1", "5");
	tune_decide_here();
	assert_write("hugetlb.2M.each", "impossible: the NUMA nodes cannot be read");
	assert_write("hugetlb.2M.node1", "impossible: the NUMA nodes cannot be read");
}

/* Pages cannot be had on a node without memory, whatever sizes there are. */
static void test_no_memory(void **state)
{
	(void)state;
	tune_write_machine();
	tune_write_node(1, "2-3", 0);
	tune_want("hugetlb.2M.node1", "5");
	tune_want("hugetlb.1G.node1", "5");
	tune_want("hugetlb.64K.node1", "0");
	tune_want("hugetlb.2M.each", "5");
	tree_remove(&tree, WEIGHTS "/node1");
	tune_want("weighted-interleave.node1", "2");
	tune_decide_here();
	assert_write("hugetlb.2M.node1", "impossible: node 1 has no memory");
	assert_write("hugetlb.1G.node1", "impossible: node 1 has no memory");
	assert_write("hugetlb.64K.node1", "skipped: node 1 has no memory");
	assert_write("weighted-interleave.node1", "skipped: node 1 has no memory");
	assert_write("hugetlb.2M.node0", "planned 4 -> 5");
	/* "each" is each that has both; a line of its own for all that have is no contradiction. */
	policy.n = 0;
	tune_want("hugetlb.2M.each", "5");
	tune_want("hugetlb.2M.node0", "6");
	tune_decide_here();
	assert_int_equal(plan.n, 1);
	tune_write_node(0, "0-1", 0);
	policy.n = 1;
	tune_decide_here();
	assert_int_equal(plan.n, 1);
	assert_write("hugetlb.2M.each", "impossible: no node has CPUs and memory");
	tune_want("hugetlb.2M.each", "0");
	tune_decide_here();
	assert_write("hugetlb.2M.each", "skipped: no node has CPUs and memory");
}

/* As many pages as a huge page has, less one. */
static void test_most_ptes(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, THP "/khugepaged/max_ptes_none", "100\n");
	tree_write(&tree, THP "/khugepaged/max_ptes_swap", "100\n");
	tree_write(&tree, THP "/khugepaged/pages_to_scan", "4096\n");
	tree_write(&tree, THP "/hpage_pmd_size", "2097152\n");
	tree_write(&tree, "/proc/self/smaps", "KernelPageSize:        4 kB\n");
	tune_want("khugepaged-max-ptes-none", "511");
	tune_want("khugepaged-max-ptes-swap", "512");
	tune_want("khugepaged-pages-to-scan", "8192");
	tune_decide_here();
	assert_write("khugepaged-max-ptes-none", "planned 100 -> 511");
	assert_write("khugepaged-max-ptes-swap",
		     "impossible: a huge page has 512 pages here, and the kernel takes at most one less: 511");
	assert_write("khugepaged-pages-to-scan", "planned 4096 -> 8192");
	/* Not known: the kernel will say. */
	tree_remove(&tree, THP "/hpage_pmd_size");
	tune_decide_here();
	assert_write("khugepaged-max-ptes-swap", "planned 100 -> 512");
}

/* What --revert would not take from its state is not replaced. */
static void test_unknown_word(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, THP "/enabled", "always madvise never [sometimes]\n");
	tune_want("thp-enabled", "madvise");
	tune_decide_here();
	assert_write("thp-enabled",
		     "impossible: " THP "/enabled says 'sometimes', which is none of: always madvise never");
}

/* The kernel's own choice ends with the first weight: a change of its own, made first. */
static void test_weights(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("weighted-interleave.node0", "3");
	tune_want("weighted-interleave.node1", "1");
	tune_decide_here();
	assert_int_equal(plan.n, 2);
	for (int i = 0; i < 2; i++) {
		tree_write(&tree, i ? WEIGHTS "/__auto_type" : WEIGHTS "/auto", "true\n");
		tune_decide_here();
		assert_int_equal(plan.n, 3);
		assert_string_equal(plan.writes[0].key, "weighted-interleave.auto");
		assert_string_equal(plan.writes[0].path, i ? WEIGHTS "/__auto_type" : WEIGHTS "/auto");
		assert_write("weighted-interleave.auto", "planned true -> false");
		assert_write("weighted-interleave.node0", "planned 1 -> 3");
		tree_remove(&tree, plan.writes[0].path);
	}
	tree_write(&tree, WEIGHTS "/auto", "false\n");
	tune_decide_here();
	assert_int_equal(plan.n, 2);
	/* Nothing to write, nothing to switch. */
	tree_write(&tree, WEIGHTS "/auto", "true\n");
	tree_write(&tree, WEIGHTS "/node0", "3\n");
	tune_decide_here();
	assert_int_equal(plan.n, 2);
	assert_int_equal(tune_count(&plan, TUNE_SAME), 2);
}

/* Every preset asks each captured machine for nothing that it cannot have. */
static void test_machines(void **state)
{
	static const char *const machines[] = {
		"cgroup-v1-quota",     "cgroup-v2-memory-max",  "cpus-512-nodes-16",
		"hgx-8gpu-two-socket", "hybrid-cgroup-vm",      "laptop-one-node",
		"no-numa-sysfs",       "one-socket-four-nodes", "superchip-memory-only-nodes-64k",
	};

	(void)state;
	tune_want("thp-enabled", "madvise");
	tune_want("numa-balancing", "0");
	tune_want("max-map-count", "1048576");
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		struct node_facts node;
		struct machine machine;

		machine_open(&machine, machines[i]);
		node_detect(&machine.root, &pool, &machine.facts, &node);
		tune_detect(&machine.root, &pool, &facts);
		tune_decide(&pool, &facts, &policy, &plan);
		assert_row_int(machines[i], (int)plan.n, 3);
		assert_row_int(machines[i], (int)tune_count(&plan, TUNE_IMPOSSIBLE), 0);
		/* What the audit's detector reads is what is compared. */
		assert_row_string(machines[i], tune_find("numa-balancing")->from,
				  node.balancing == FACT_UNKNOWN ?
					  NULL :
					  mem_printf(&pool, "%lld", (long long)node.balancing));
		assert_row_int(machines[i], tune_find("thp-enabled")->outcome,
			       machine.facts.thp.known != TRI_YES       ? TUNE_SKIPPED :
			       machine.facts.thp.enabled == THP_MADVISE ? TUNE_SAME :
									  TUNE_PLANNED);
		machine_close(&machine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_differences),
		TUNE_TEST(test_order),
		TUNE_TEST(test_pools),
		TUNE_TEST(test_impossible),
		TUNE_TEST(test_skipped),
		TUNE_TEST(test_bare_kernel),
		TUNE_TEST(test_each_without_numa),
		TUNE_TEST(test_unreadable_nodes),
		TUNE_TEST(test_no_memory),
		TUNE_TEST(test_most_ptes),
		TUNE_TEST(test_unknown_word),
		TUNE_TEST(test_weights),
		TUNE_TEST(test_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
