/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detectors.h"
#include "detect/meminfo.h"
#include "support/support.h"

#define FOLDER "/sys/kernel/mm/hugepages"

static void test_empty_pools(void **state)
{
	struct machine machine;
	const struct hugetlb_facts *hugetlb = &machine.facts.hugetlb;

	(void)state;
	machine_open(&machine, "hybrid-cgroup-vm");
	assert_int_equal(hugetlb->n_pools, 2);
	assert_int_equal(hugetlb->pools[0].page_size, 2 << 20);
	assert_int_equal(hugetlb->pools[1].page_size, 1 << 30);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(hugetlb->pools[i].total, 0);
		assert_int_equal(hugetlb->pools[i].free, 0);
		assert_int_equal(hugetlb->pools[i].reserved, 0);
	}
	machine_close(&machine);
}

static void test_pages_on_one_node(void **state)
{
	struct machine machine;
	const struct facts *facts = &machine.facts;

	(void)state;
	machine_open(&machine, "hgx-8gpu-two-socket");
	assert_int_equal(facts->hugetlb.n_pools, 2);
	assert_int_equal(facts->hugetlb.pools[0].total, 1024);
	assert_int_equal(facts->hugetlb.pools[0].free, 1000);
	assert_int_equal(facts->hugetlb.pools[0].reserved, 16);
	assert_int_equal(facts->hugetlb.pools[1].total, 0);
	assert_int_equal(facts->numa.nodes[0].n_pools, 2);
	assert_int_equal(facts->numa.nodes[0].pools[0].total, 1024);
	assert_int_equal(facts->numa.nodes[0].pools[0].free, 1000);
	assert_int_equal(facts->numa.nodes[0].pools[0].reserved, FACT_UNKNOWN);
	assert_int_equal(facts->numa.nodes[1].pools[0].total, 0);
	assert_int_equal(facts->numa.nodes[1].pools[0].free, 0);
	machine_close(&machine);
}

static void test_sizes_of_64k_pages(void **state)
{
	struct machine machine;

	(void)state;
	machine_open(&machine, "superchip-memory-only-nodes-64k");
	assert_int_equal(machine.facts.hugetlb.n_pools, 3);
	assert_int_equal(machine.facts.hugetlb.pools[1].page_size, 512 << 20);
	assert_int_equal(machine.facts.hugetlb.pools[2].page_size, INT64_C(16) << 30);
	machine_close(&machine);
}

/* What meminfo says in one line is not asked again. */
static void test_pools_that_meminfo_says_are_empty(void **state)
{
	struct hugetlb_facts hugetlb = { 0 };
	struct meminfo memory = meminfo_unknown;
	struct tree t;

	(void)state;
	memory.hugetlb = 0;
	tree_open(&t);
	tree_write(&t, FOLDER "/hugepages-2048kB/nr_hugepages", "5\n");
	hugetlb_detect(&t.root, &t.mem, &memory, &hugetlb);
	assert_int_equal(hugetlb.n_pools, 1);
	assert_int_equal(hugetlb.pools[0].total, 0);
	tree_close(&t);
}

static void test_unreadable_numbers(void **state)
{
	struct hugetlb_facts hugetlb = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, FOLDER "/hugepages-64kB/nr_hugepages", "many\n");
	tree_write(&t, FOLDER "/hugepages-2048kB/nr_hugepages", "5\n");
	tree_mkdir(&t, FOLDER "/hugepages-kB");
	tree_mkdir(&t, FOLDER "/hugepages-12");
	hugetlb_detect(&t.root, &t.mem, &meminfo_unknown, &hugetlb);
	assert_int_equal(hugetlb.n_pools, 2);
	assert_int_equal(hugetlb.pools[0].page_size, 64 << 10);
	assert_int_equal(hugetlb.pools[0].total, FACT_UNKNOWN);
	assert_int_equal(hugetlb.pools[0].free, FACT_UNKNOWN);
	assert_int_equal(hugetlb.pools[0].reserved, FACT_UNKNOWN);
	assert_int_equal(hugetlb.pools[1].total, 5);
	assert_int_equal(hugetlb.pools[1].free, FACT_UNKNOWN);
	tree_close(&t);
}

static void test_kernel_without_hugetlb(void **state)
{
	struct hugetlb_facts hugetlb = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	hugetlb_detect(&t.root, &t.mem, &meminfo_unknown, &hugetlb);
	assert_int_equal(hugetlb.n_pools, 0);
	tree_close(&t);
}

/* Kind M: no pools below /sys, and meminfo has those of the default size. */
static void test_pools_of_meminfo(void **state)
{
	struct hugetlb_facts hugetlb = { 0 };
	struct meminfo memory = meminfo_unknown;
	struct tree t;

	(void)state;
	meminfo_parse("HugePages_Total:     200\nHugePages_Free:      181\nHugePages_Rsvd: x\nHugepagesize:  2048 kB\n",
		      &memory);
	tree_open(&t);
	hugetlb_detect(&t.root, &t.mem, &memory, &hugetlb);
	assert_int_equal(hugetlb.n_pools, 1);
	assert_int_equal(hugetlb.pools[0].page_size, 2 << 20);
	assert_int_equal(hugetlb.pools[0].total, 200);
	assert_int_equal(hugetlb.pools[0].free, 181);
	assert_int_equal(hugetlb.pools[0].reserved, FACT_UNKNOWN);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_pools),        cmocka_unit_test(test_pages_on_one_node),
		cmocka_unit_test(test_sizes_of_64k_pages), cmocka_unit_test(test_pools_that_meminfo_says_are_empty),
		cmocka_unit_test(test_unreadable_numbers), cmocka_unit_test(test_kernel_without_hugetlb),
		cmocka_unit_test(test_pools_of_meminfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
