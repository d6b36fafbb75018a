/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detectors.h"
#include "support/support.h"

static void assert_distances(const struct numa_facts *numa, size_t node, const int *expected)
{
	assert_non_null(numa->nodes[node].distances);
	for (size_t i = 0; i < numa->n_nodes; i++)
		assert_int_equal(numa->nodes[node].distances[i], expected[i]);
}

static void test_one_node(void **state)
{
	struct machine machine;
	const struct numa_facts *numa = &machine.facts.numa;

	(void)state;
	machine_open(&machine, "hybrid-cgroup-vm");
	assert_int_equal(numa->known, TRI_YES);
	assert_int_equal(numa->n_nodes, 1);
	assert_list_equal(&machine.facts.process.status.memory_nodes, "0");
	assert_int_equal(numa->nodes[0].id, 0);
	assert_list_equal(&numa->nodes[0].cpus, "0-1");
	assert_true(numa->nodes[0].memory_total > 0);
	assert_distances(numa, 0, (const int[]){ 10 });
	/* The machine has no page, so that the node has none: its sizes are known all the same. */
	assert_int_equal(numa->nodes[0].n_pools, 2);
	assert_int_equal(numa->nodes[0].pools[1].page_size, 1 << 30);
	assert_int_equal(numa->nodes[0].pools[1].total, 0);
	machine_close(&machine);
}

static void test_two_sockets(void **state)
{
	struct machine machine;
	const struct numa_facts *numa = &machine.facts.numa;

	(void)state;
	machine_open(&machine, "hgx-8gpu-two-socket");
	assert_int_equal(numa->n_nodes, 2);
	assert_list_equal(&numa->nodes[0].cpus, "0-55,112-167");
	assert_list_equal(&numa->nodes[1].cpus, "56-111,168-223");
	assert_int_equal(numa->nodes[1].memory_total, INT64_C(1056825668) * 1024);
	assert_distances(numa, 0, (const int[]){ 10, 21 });
	assert_distances(numa, 1, (const int[]){ 21, 10 });
	machine_close(&machine);
}

static void test_memory_only_nodes_with_holes(void **state)
{
	static const int ids[] = { 0, 1, 2, 10, 18, 26 };
	struct machine machine;
	const struct numa_facts *numa = &machine.facts.numa;

	(void)state;
	machine_open(&machine, "superchip-memory-only-nodes-64k");
	assert_int_equal(numa->known, TRI_YES);
	assert_int_equal(numa->n_nodes, 6);
	assert_list_equal(&machine.facts.process.status.memory_nodes, "0-2,10,18,26");
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(numa->nodes[i].id, ids[i]);
		assert_int_equal(bitmap_is_empty(&numa->nodes[i].cpus), i >= 2);
		assert_true(numa->nodes[i].memory_total > INT64_C(100) << 30);
	}
	assert_distances(numa, 0, (const int[]){ 10, 40, 80, 80, 120, 120 });
	assert_distances(numa, 4, (const int[]){ 120, 80, 120, 120, 10, 120 });
	machine_close(&machine);
}

/* Kernels around 5.15 had the end of the text in the file; a zero anywhere else is garbage. */
static void test_a_zero_behind_the_line(void **state)
{
	struct numa_facts numa;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/sys/devices/system/node/online", "0\n");
	tree_write_bytes(&t, "/sys/devices/system/node/node0/cpulist", "0-1\n", 5);
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_YES);
	assert_list_equal(&numa.nodes[0].cpus, "0-1");
	tree_write_bytes(&t, "/sys/devices/system/node/node0/cpulist", "0\0-1\n", 5);
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_UNKNOWN);
	tree_close(&t);
}

static void test_many_nodes(void **state)
{
	struct machine machine;
	const struct numa_facts *numa = &machine.facts.numa;

	(void)state;
	machine_open(&machine, "cpus-512-nodes-16");
	assert_int_equal(numa->n_nodes, 16);
	assert_list_equal(&numa->nodes[9].cpus, "144-159,400-415");
	assert_list_equal(&numa->nodes[15].cpus, "240-255,496-509");
	assert_int_equal(numa->nodes[3].distances[4], 22);
	assert_int_equal(numa->nodes[3].distances[2], 16);
	machine_close(&machine);
	machine_open(&machine, "one-socket-four-nodes");
	assert_int_equal(numa->n_nodes, 4);
	assert_distances(numa, 2, (const int[]){ 12, 12, 10, 12 });
	machine_close(&machine);
}

static void test_kernel_without_numa(void **state)
{
	struct machine machine;

	(void)state;
	machine_open(&machine, "no-numa-sysfs");
	assert_int_equal(machine.facts.numa.known, TRI_NO);
	assert_int_equal(machine.facts.numa.n_nodes, 0);
	assert_true(bitmap_is_empty(&machine.facts.process.status.memory_nodes));
	machine_close(&machine);
}

static void numa_write_node(struct tree *t, int id, const char *cpus, const char *distance)
{
	tree_write(t, mem_printf(&t->mem, "/sys/devices/system/node/node%d/cpulist", id), cpus);
	tree_write(t, mem_printf(&t->mem, "/sys/devices/system/node/node%d/distance", id), distance);
}

static void test_listing_without_online(void **state)
{
	struct numa_facts numa = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	numa_write_node(&t, 3, "2-3\n", "20 10\n");
	numa_write_node(&t, 1, "0-1\n", "10 20\n");
	tree_mkdir(&t, "/sys/devices/system/node/nodex");
	tree_mkdir(&t, "/sys/devices/system/node/node1x");
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_YES);
	assert_int_equal(numa.n_nodes, 2);
	assert_int_equal(numa.nodes[0].id, 1);
	assert_int_equal(numa.nodes[1].id, 3);
	assert_int_equal(numa.nodes[0].memory_total, FACT_UNKNOWN);
	assert_distances(&numa, 1, (const int[]){ 20, 10 });
	tree_close(&t);
}

static void test_doubtful_distances(void **state)
{
	static const char *const lines[] = { "10\n", "10 20 30\n", "10 0\n", "10 256\n", "10 x\n", "10 20", "" };

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct numa_facts numa = { 0 };
		struct tree t;

		print_message("\"%s\"\n", lines[i]);
		tree_open(&t);
		tree_write(&t, "/sys/devices/system/node/online", "0-1\n");
		numa_write_node(&t, 0, "0\n", lines[i]);
		numa_write_node(&t, 1, "1\n", "20 10\n");
		numa_detect(&t.root, &t.mem, NULL, &numa);
		assert_int_equal(numa.n_nodes, 2);
		assert_null(numa.nodes[0].distances);
		assert_non_null(numa.nodes[1].distances);
		tree_close(&t);
	}
}

/* Unreadable CPUs must not look like a memory-only node. */
static void test_unreadable_cpus(void **state)
{
	static const char *const lists[] = { "0-", "0-3", "", "x\n" };

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct numa_facts numa = { 0 };
		struct tree t;

		print_message("\"%s\"\n", lists[i]);
		tree_open(&t);
		tree_write(&t, "/sys/devices/system/node/online", "0-1\n");
		numa_write_node(&t, 0, "0-3\n", "10 20\n");
		numa_write_node(&t, 1, lists[i], "20 10\n");
		numa_detect(&t.root, &t.mem, NULL, &numa);
		assert_int_equal(numa.known, TRI_UNKNOWN);
		assert_int_equal(numa.n_nodes, 0);
		tree_close(&t);
	}
}

static void test_impossible_numbers(void **state)
{
	struct numa_facts numa = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	/* No kernel has so many nodes, even where the folder is there. */
	tree_write(&t, "/sys/devices/system/node/online", "1024\n");
	numa_write_node(&t, 1024, "0\n", "10\n");
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_UNKNOWN);
	tree_write(&t, "/sys/devices/system/node/online", "0-8191\n");
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_UNKNOWN);
	tree_close(&t);
}

static void test_no_sys_is_unknown(void **state)
{
	struct numa_facts numa = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	numa_detect(&t.root, &t.mem, NULL, &numa);
	assert_int_equal(numa.known, TRI_UNKNOWN);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_two_sockets),
		cmocka_unit_test(test_memory_only_nodes_with_holes),
		cmocka_unit_test(test_many_nodes),
		cmocka_unit_test(test_a_zero_behind_the_line),
		cmocka_unit_test(test_kernel_without_numa),
		cmocka_unit_test(test_listing_without_online),
		cmocka_unit_test(test_doubtful_distances),
		cmocka_unit_test(test_unreadable_cpus),
		cmocka_unit_test(test_impossible_numbers),
		cmocka_unit_test(test_no_sys_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
