/* SPDX-License-Identifier: Apache-2.0 */
/* The writer, and the state of what it found, on a tree of plain files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tune_case.h"

static void apply(bool is_atomic)
{
	tune_apply(&tree.root, &pool, &plan, is_atomic, false);
}

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

/* A node that is taken away between the look and the write. */
static void vanish(void)
{
	tune_decide_here();
	tree_remove(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages");
}

static void test_vanished(void **state)
{
	const char *path;

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("hugetlb.2M.node1", "6");
	tune_want("max-map-count", "70000");
	vanish();
	assert_int_equal(tune_probe(&tree.root, &plan, &path), 0);
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
	assert_write("max-map-count", "restored: not written: another one did not take");
	assert_int_equal(tune_find("hugetlb.2M.node1")->outcome, TUNE_FAILED);
	assert_file(THP "/enabled", "always\n");
	assert_file(NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
	assert_file("/proc/sys/vm/max_map_count", "65530\n");
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
			      tree_outside(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages")), 0);
	tune_decide_here();
	apply(false);
	assert_row_contains("undone", tune_find("hugetlb.2M.node0")->detail, "something else has set it to 9 since");
	assert_int_equal(tune_find("hugetlb.2M.node1")->outcome, TUNE_CHANGED);
}

/* A file that says what was written once, and then nothing: a pipe. `first`: what it says before. */
static void apply_through_pipe(const char *key, const char *value, const char *path, const char *first)
{
	int fd;

	policy.n = 0;
	tune_write_machine();
	tune_want(key, value);
	tune_decide_here();
	tree_remove(&tree, path);
	assert_int_equal(mkfifo(tree_outside(&tree, path), 0600), 0);
	/* Someone has to read a pipe for it to be written to. */
	fd = open(tree_outside(&tree, path), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, first, strlen(first)), strlen(first));
	apply(false);
	close(fd);
	tree_remove(&tree, path);
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
	const char *path = NULL;

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("max-map-count", "70000");
	tune_decide_here();
	tree_remove(&tree, "/proc/sys/vm/max_map_count");
	tree_mkdir(&tree, "/proc/sys/vm/max_map_count");
	assert_int_equal(tune_probe(&tree.root, &plan, &path), -EISDIR);
	assert_string_equal(path, "/proc/sys/vm/max_map_count");
	/* Nothing was written to find that out. */
	assert_file(THP "/enabled", "[always] madvise never\n");
}

/* --- the state --------------------------------------------------------------- */

static int parse(const char *text, struct tune_state *ret, const char **ret_problem)
{
	return tune_state_parse(&pool, text, strlen(text), ret, ret_problem);
}

#define STATE(settings) "{\"version\": 1, \"boot\": \"b007\", \"settings\": [" settings "]}"
#define ENTRY(path, found) "{\"path\": \"" path "\", \"found\": \"" found "\"}"

static void test_state_parse(void **state)
{
	static const struct {
		const char *text, *problem;
	} bad[] = {
		{ "", "line 1" },
		{ "[]", "not a state of version 1" },
		{ "{\"version\": 2, \"boot\": \"b\", \"settings\": []}", "not a state of version 1" },
		{ "{\"version\": 1, \"settings\": []}", "not a state of version 1" },
		{ STATE("{\"path\": \"/proc/sys/vm/max_map_count\"}"), "entry 1 lacks path or found" },
		{ STATE("7"), "entry 1 lacks path or found" },
		{ STATE(ENTRY("/etc/passwd", "x")), "entry 1 is about a file that --tune does not set" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count/../drop_caches", "3")), "entry 1 is about a file" },
		{ STATE(ENTRY("/sys/devices/system/node/node0x/hugepages/hugepages-2048kB/nr_hugepages", "3")), "entry 1 is" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "")), "entry 1 has a value that no such file has" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "1\\n2")), "entry 1 has a value" },
		{ STATE(ENTRY(THP "/enabled", "a b")), "entry 1 has a value" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "1") "," ENTRY("/proc/sys/vm/max_map_count", "2")),
		  "entry 2 is about a file that was there before" },
	};
	struct tune_state parsed = { .saved = NULL };
	const char *problem;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		problem = NULL;
		assert_row_int(bad[i].text, parse(bad[i].text, &parsed, &problem), -EINVAL);
		assert_row_contains(bad[i].text, problem, bad[i].problem);
		assert_null(parsed.saved);
	}
	assert_int_equal(parse(STATE(ENTRY(THP "/defrag", "defer+madvise") "," ENTRY(WEIGHTS "/auto", "true")), &parsed,
			       &problem), 0);
	assert_int_equal(parsed.n_saved, 2);
	assert_string_equal(parsed.boot_id, "b007");
	assert_string_equal(parsed.saved[0].value, "defer+madvise");
}

static const char *folder(void)
{
	return tree_outside(&tree, TUNE_STATE_FOLDER);
}

/* What the first of several tunes found is what comes back. */
static void test_state_round(void **state)
{
	struct tune_state kept = { .boot_id = "b007" };
	const char *problem;
	int lock;

	(void)state;
	tune_write_machine();
	lock = tune_state_lock(folder(), false);
	assert_true(lock >= 0);
	tune_want("hugetlb.2M", "30");
	tune_want("thp-enabled", "madvise");
	tune_decide_here();
	tune_state_add(&pool, &kept, &plan);
	assert_int_equal(kept.n_saved, 4);
	assert_int_equal(tune_state_write(&pool, folder(), &kept), 0);
	apply(false);
	tree_write(&tree, NODES "/node2/hugepages/hugepages-2048kB/nr_hugepages", "22\n");

	kept = (struct tune_state){ .boot_id = NULL };
	assert_int_equal(tune_state_read(&tree.root, &pool, &kept, &problem), 0);
	assert_string_equal(kept.boot_id, "b007");
	policy.n = 0;
	tune_want("thp-enabled", "never");
	tune_want("numa-balancing", "0");
	tune_decide_here();
	tune_state_add(&pool, &kept, &plan);
	assert_int_equal(kept.n_saved, 5);
	apply(false);

	tune_detect(&tree.root, &pool, &facts);
	tune_state_plan(&pool, &facts, &kept, &plan);
	/* The last one first. */
	assert_string_equal(plan.writes[0].key, "numa-balancing");
	assert_write("numa-balancing", "planned 0 -> 1");
	assert_write("thp-enabled", "planned never -> always");
	assert_write("hugetlb.2M.node2", "planned 22 -> 4");
	assert_write("hugetlb.2M.node0", "unchanged 4");
	tune_apply(&tree.root, &pool, &plan, false, true);
	assert_file(THP "/enabled", "always\n");
	assert_file(NODES "/node2/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
	/* Nothing is left: the file goes. */
	kept.n_saved = 0;
	assert_int_equal(tune_state_write(&pool, folder(), &kept), 0);
	assert_int_equal(tune_state_read(&tree.root, &pool, &kept, &problem), -ENOENT);
	assert_int_equal(tune_state_write(&pool, folder(), &kept), 0);
	close(lock);
}

/* Only what has changed in the end is worth reverting. */
static void test_state_settled(void **state)
{
	struct tune_state before = { .boot_id = "b007" }, after = before;

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled", "madvise");
	tune_want("hugetlb.2M.node1", "6");
	*MEM_PUSH(&pool, before.saved, before.n_saved) = (struct tune_saved){ "/proc/sys/vm/max_map_count", "1" };
	*MEM_PUSH(&pool, after.saved, after.n_saved) = before.saved[0];
	vanish();
	tune_state_add(&pool, &after, &plan);
	assert_int_equal(after.n_saved, 3);
	apply(false);
	tune_state_settle(&pool, &after, &before, &plan);
	assert_int_equal(after.n_saved, 2);
	assert_string_equal(after.saved[0].path, "/proc/sys/vm/max_map_count");
	assert_string_equal(after.saved[1].path, THP "/enabled");
	/* All put back: as it was before. */
	tune_write_machine();
	vanish();
	apply(true);
	tune_state_add(&pool, &after, &plan);
	tune_state_settle(&pool, &after, &before, &plan);
	assert_int_equal(after.n_saved, 1);
}

static void test_state_gone(void **state)
{
	struct tune_state kept = { .boot_id = "b007" };

	(void)state;
	tune_write_machine();
	*MEM_PUSH(&pool, kept.saved, kept.n_saved) = (struct tune_saved){
		NODES "/node9/hugepages/hugepages-2048kB/nr_hugepages", "1" };
	tune_detect(&tree.root, &pool, &facts);
	tune_state_plan(&pool, &facts, &kept, &plan);
	assert_int_equal(plan.writes[0].outcome, TUNE_SKIPPED);
	assert_string_equal(plan.writes[0].detail, "it has gone meanwhile");
}

static void test_lock(void **state)
{
	int first, second;

	(void)state;
	first = tune_state_lock(folder(), false);
	assert_true(first >= 0);
	assert_int_equal(tune_state_lock(folder(), false), -EWOULDBLOCK);
	close(first);
	second = tune_state_lock(folder(), true);
	assert_true(second >= 0);
	close(second);
	tree_write(&tree, "/file", "");
	assert_int_equal(tune_state_lock(tree_outside(&tree, "/file/below"), false), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_written), TUNE_TEST(test_compacted), TUNE_TEST(test_vanished), TUNE_TEST(test_atomic),
		TUNE_TEST(test_undone_meanwhile), TUNE_TEST(test_not_read_back), TUNE_TEST(test_probe),
		TUNE_TEST(test_state_parse), TUNE_TEST(test_state_round), TUNE_TEST(test_state_settled),
		TUNE_TEST(test_state_gone), TUNE_TEST(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
