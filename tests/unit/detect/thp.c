/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detectors.h"
#include "support/support.h"

#define FOLDER "/sys/kernel/mm/transparent_hugepage"

static void test_captured(void **state)
{
	struct machine machine;
	const struct thp_facts *thp = &machine.facts.thp;

	(void)state;
	machine_open(&machine, "hybrid-cgroup-vm");
	assert_int_equal(thp->known, TRI_YES);
	assert_int_equal(thp->enabled, THP_MADVISE);
	assert_string_equal(thp->defrag, "madvise");
	assert_int_equal(thp->pmd_size, 2 << 20);
	assert_int_equal(machine.facts.process.status.thp, THP_PROCESS_ALLOWED);
	/* 8 kB is for shmem only. */
	assert_int_equal(thp->n_sizes, 8);
	assert_int_equal(thp->sizes[0].size, 16384);
	assert_string_equal(thp->sizes[0].enabled, "never");
	assert_int_equal(thp->sizes[7].size, 2 << 20);
	assert_string_equal(thp->sizes[7].enabled, "inherit");
	machine_close(&machine);
}

static void test_machines(void **state)
{
	static const struct {
		const char *machine;
		enum thp_mode enabled;
		const char *defrag;
		int64_t pmd_size;
		size_t n_sizes;
	} cases[] = {
		{ "laptop-one-node", THP_MADVISE, "madvise", 2 << 20, 8 },
		{ "hgx-8gpu-two-socket", THP_ALWAYS, "madvise", 2 << 20, 8 },
		{ "superchip-memory-only-nodes-64k", THP_MADVISE, "madvise", 512 << 20, 12 },
		{ "one-socket-four-nodes", THP_MADVISE, "defer+madvise", 2 << 20, 8 },
		{ "cgroup-v1-quota", THP_MADVISE, "madvise", 2 << 20, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine machine;

		print_message("%s\n", cases[i].machine);
		machine_open(&machine, cases[i].machine);
		assert_int_equal(machine.facts.thp.enabled, cases[i].enabled);
		assert_string_equal(machine.facts.thp.defrag, cases[i].defrag);
		assert_int_equal(machine.facts.thp.pmd_size, cases[i].pmd_size);
		assert_int_equal(machine.facts.thp.n_sizes, cases[i].n_sizes);
		machine_close(&machine);
	}
}

/* A launch asks for the PMD's size only, and not how hard a fault tries. */
static void test_not_thorough(void **state)
{
	struct machine machine;
	struct thp_facts thp = { 0 };

	(void)state;
	machine_open(&machine, "laptop-one-node");
	thp_detect(&machine.root, &machine.mem, false, &thp);
	assert_int_equal(thp.n_sizes, 1);
	assert_int_equal(thp.sizes[0].size, thp.pmd_size);
	assert_string_equal(thp.sizes[0].enabled, "inherit");
	assert_string_equal(thp.defrag, "");
	machine_close(&machine);
}

static void test_not_configured(void **state)
{
	struct machine machine;

	(void)state;
	machine_open(&machine, "no-numa-sysfs");
	assert_int_equal(machine.facts.thp.known, TRI_NO);
	assert_int_equal(machine.facts.process.status.thp, THP_PROCESS_UNKNOWN);
	machine_close(&machine);
}

static void test_choice(void **state)
{
	static const struct {
		const char *text;
		enum tristate known;
		enum thp_mode enabled;
	} cases[] = {
		{ "[always] madvise never\n", TRI_YES, THP_ALWAYS },
		{ "always madvise [never]\n", TRI_YES, THP_NEVER },
		{ "always madvise never\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "always [madvise never\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "always [] madvise never\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "[sometimes]\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "[a-word-that-is-much-too-long-for-this]\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "]always[\n", TRI_UNKNOWN, THP_UNKNOWN },
		{ "[always] madvise", TRI_UNKNOWN, THP_UNKNOWN },
		{ "", TRI_UNKNOWN, THP_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct thp_facts thp = { 0 };
		struct tree t;

		print_message("\"%s\"\n", cases[i].text);
		tree_open(&t);
		tree_write(&t, FOLDER "/enabled", cases[i].text);
		thp_detect(&t.root, &t.mem, true, &thp);
		assert_int_equal(thp.known, cases[i].known);
		assert_int_equal(thp.enabled, cases[i].enabled);
		assert_int_equal(thp.pmd_size, FACT_UNKNOWN);
		tree_close(&t);
	}
}

static void test_no_sys_is_unknown(void **state)
{
	struct thp_facts thp = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	thp_detect(&t.root, &t.mem, true, &thp);
	assert_int_equal(thp.known, TRI_UNKNOWN);
	tree_close(&t);
}

static void test_odd_sizes(void **state)
{
	struct thp_facts thp = { 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, FOLDER "/enabled", "[always] madvise never\n");
	tree_write(&t, FOLDER "/hpage_pmd_size", "0\n");
	tree_write(&t, FOLDER "/hugepages-64kB/enabled", "[always] inherit madvise never\n");
	tree_write(&t, FOLDER "/hugepages-64MB/enabled", "[always] inherit madvise never\n");
	tree_write(&t, FOLDER "/hugepages--4kB/enabled", "[always] inherit madvise never\n");
	tree_write(&t, FOLDER "/hugepages-99999999999999999999kB/enabled", "[always]\n");
	tree_mkdir(&t, FOLDER "/hugepages-128kB");
	thp_detect(&t.root, &t.mem, true, &thp);
	assert_int_equal(thp.known, TRI_YES);
	assert_int_equal(thp.pmd_size, FACT_UNKNOWN);
	assert_int_equal(thp.n_sizes, 1);
	assert_int_equal(thp.sizes[0].size, 64 << 10);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured),     cmocka_unit_test(test_machines),
		cmocka_unit_test(test_not_thorough), cmocka_unit_test(test_not_configured),
		cmocka_unit_test(test_choice),       cmocka_unit_test(test_no_sys_is_unknown),
		cmocka_unit_test(test_odd_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
