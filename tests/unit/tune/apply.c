/* SPDX-License-Identifier: Apache-2.0 */
/* The writer, on a tree of plain files. */
#include <errno.h>
#include <unistd.h>

#include "support/tune_case.h"

static void test_written(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("hugetlb.2M.node1", "6");
	tune_want("zone-reclaim-mode", "0");
	tune_decide_here();
	apply(false);
	assert_write("thp-enabled", "changed always -> madvise");
	assert_write("hugetlb.2M.node1", "changed 4 -> 6");
	assert_write("zone-reclaim-mode", "unchanged 0");
	assert_file(THP "/enabled", "madvise\n");
	assert_file(NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages", "6\n");
	/* A second time there is nothing left to do. */
	tune_decide_here();
	assert_int_equal(tune_count(&plan, TUNE_SAME), 3);
}

/* Compacted on its own node, or where there is no such file the whole machine. */
static void test_compacted(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, NODES "/node1/compact", "");
	tree_write(&tree, "/proc/sys/vm/compact_memory", "");
	tune_want("hugetlb.2M.node1", "6");
	tune_decide_here();
	apply(false);
	assert_file(NODES "/node1/compact", "1\n");
	assert_file("/proc/sys/vm/compact_memory", "");
	policy.n = 0;
	tune_want("hugetlb.2M.node1", "5");
	tune_want("hugetlb.2M.node0", "2");
	tree_write(&tree, NODES "/node1/compact", "");
	tune_decide_here();
	apply(false);
	/* Not to give pages back. */
	assert_file(NODES "/node1/compact", "");
	policy.n = 0;
	tune_want("hugetlb.2M.node0", "9");
	tune_decide_here();
	apply(false);
	assert_file("/proc/sys/vm/compact_memory", "1\n");
}

static void test_vanished(void **state)
{
	const struct tune_write *w = NULL;

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("hugetlb.2M.node1", "6");
	tune_want("max-map-count", "70000");
	vanish();
	/* Found out before anything is written. */
	assert_int_equal(tune_probe(&tree.root, &plan, &w), -ENOENT);
	assert_ptr_equal(w, tune_find("hugetlb.2M.node1"));
	assert_string_equal(tune_explain_error(&pool, w, -ENOENT), "node 1 has gone meanwhile");
	assert_file(THP "/enabled", "[always] madvise never\n");
	/* Or between that and the write. */
	apply(false);
	assert_write("hugetlb.2M.node1", "failed: node 1 has gone meanwhile");
	assert_write("thp-enabled", "changed always -> madvise");
	assert_file("/proc/sys/vm/max_map_count", "70000\n");
}

static void test_atomic(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("hugetlb.2M.node0", "6");
	tune_want("hugetlb.2M.node1", "6");
	tune_want("max-map-count", "70000");
	vanish();
	apply(true);
	assert_write("thp-enabled", "restored: put back: another one did not take");
	assert_string_equal(tune_find("thp-enabled")->got, "always");
	assert_write("max-map-count", "not written: another one did not take");
	/* There is nothing to put back where nothing could be written. */
	assert_write("hugetlb.2M.node1", "failed: node 1 has gone meanwhile");
	assert_file(THP "/enabled", "always\n");
	assert_file(NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
	assert_file("/proc/sys/vm/max_map_count", "65530\n");
}

/* Fewer pages than asked for: what there are goes back, and is then as it was found. */
static void test_atomic_short(void **state)
{
	const struct tune_write *w;

	(void)state;
	tune_write_machine();
	tune_want("hugetlb.2M.node0", "6");
	tune_want("hugetlb.2M.node1", "9");
	tune_decide_here();
	/* One file by two names: the second write is undone by nobody, the first by the second. */
	tree_remove(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages");
	assert_int_equal(link(tree_outside(&tree, NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages"),
			      tree_outside(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages")),
			 0);
	apply(true);
	w = tune_find("hugetlb.2M.node0");
	assert_int_equal(w->outcome, TUNE_FAILED);
	assert_string_equal(w->got, "4");
	assert_false(tune_has_changed(w));
	assert_write("hugetlb.2M.node1", "restored: put back: another one did not take");
	assert_file(NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
}

/* Two names of one file: what the first was set to is gone when the second is written. */
static void test_undone_meanwhile(void **state)
{
	(void)state;
	tune_write_machine();
	tune_want("hugetlb.2M.node0", "6");
	tune_want("hugetlb.2M.node1", "9");
	tree_remove(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages");
	assert_int_equal(link(tree_outside(&tree, NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages"),
			      tree_outside(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages")),
			 0);
	tune_decide_here();
	apply(false);
	assert_row_contains("undone", tune_find("hugetlb.2M.node0")->detail, "something else has set it to 9 since");
	assert_int_equal(tune_find("hugetlb.2M.node1")->outcome, TUNE_CHANGED);
}

static void test_not_read_back(void **state)
{
	(void)state;
	apply_through_pipe("max-map-count", "70000", "/proc/sys/vm/max_map_count", "");
	assert_int_equal(tune_find("max-map-count")->outcome, TUNE_FAILED);
	assert_row_contains("pipe", tune_find("max-map-count")->detail, "what cannot be read");
	/* As a kernel that rounds. */
	apply_through_pipe("max-map-count", "70000", "/proc/sys/vm/max_map_count", "65536\n");
	assert_write("max-map-count", "failed: written, and it says 65536");
	/* A pool is written again while that gains something. */
	apply_through_pipe("hugetlb.2M.node0", "9", NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
	assert_string_equal(tune_find("hugetlb.2M.node0")->to, "9");
	assert_row_contains("pool", tune_find("hugetlb.2M.node0")->detail, "it was set, and something else");
	/* Not when there are fewer, or when pages that are in use stay. */
	apply_through_pipe("hugetlb.2M.node0", "1", NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
	assert_write("hugetlb.2M.node0", "failed: 3 pages of 2M stay: they are in use");
}

static void test_probe(void **state)
{
	const struct tune_write *w = NULL;

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("max-map-count", "70000");
	tune_decide_here();
	tree_remove(&tree, "/proc/sys/vm/max_map_count");
	tree_mkdir(&tree, "/proc/sys/vm/max_map_count");
	assert_int_equal(tune_probe(&tree.root, &plan, &w), -EISDIR);
	assert_string_equal(w->path, "/proc/sys/vm/max_map_count");
	/* Nothing was written to find that out. */
	assert_file(THP "/enabled", "[always] madvise never\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_written),       TUNE_TEST(test_compacted),    TUNE_TEST(test_vanished),
		TUNE_TEST(test_atomic),        TUNE_TEST(test_atomic_short), TUNE_TEST(test_undone_meanwhile),
		TUNE_TEST(test_not_read_back), TUNE_TEST(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
