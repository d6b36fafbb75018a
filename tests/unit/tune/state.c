/* SPDX-License-Identifier: Apache-2.0 */
/* The state: what was found, kept for --revert, and the lock beside it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/tune_case.h"

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
		{ STATE(ENTRY("/sys/devices/system/node/node0x/hugepages/hugepages-2048kB/nr_hugepages", "3")),
		  "entry 1 is" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "")), "entry 1 has a value that no such file has" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "1\\n2")), "entry 1 has a value" },
		{ STATE(ENTRY(THP "/enabled", "a b")), "entry 1 has a value" },
		/* Of another form than the file's. */
		{ STATE(ENTRY(THP "/enabled", "bogus")), "entry 1 has a value" },
		{ STATE(ENTRY(THP "/enabled", "inherit")), "entry 1 has a value" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "abc")), "entry 1 has a value" },
		{ STATE(ENTRY("/proc/sys/vm/max_map_count", "007")), "entry 1 has a value" },
		{ STATE(ENTRY(WEIGHTS "/auto", "1")), "entry 1 has a value" },
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
			       &problem),
			 0);
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
	lock = tune_state_lock(folder(), 0);
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

/* What is there and cannot be read has not gone; what has gone is kept for when it comes back. */
static void test_state_unread(void **state)
{
	static const struct tune_saved saved[] = {
		{ "/proc/sys/vm/max_map_count", "65530" },
		{ "/proc/sys/vm/zone_reclaim_mode", "1" },
		{ NODES "/node9/hugepages/hugepages-2048kB/nr_hugepages", "1" },
		{ NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages", "7" },
		{ THP "/hugepages-64kB/enabled", "never" },
	};
	struct tune_state kept = { .boot_id = "b007" };

	(void)state;
	tune_write_machine();
	tree_write(&tree, "/proc/sys/vm/max_map_count", "many\n");
	tree_remove(&tree, "/proc/sys/vm/zone_reclaim_mode");
	tree_mkdir(&tree, "/proc/sys/vm/zone_reclaim_mode");
	/* The nodes as a whole are not known then, and their files are looked at all the same. */
	tree_write(&tree, NODES "/node0/cpulist", "garbage\n");
	for (size_t i = 0; i < sizeof saved / sizeof *saved; i++)
		*MEM_PUSH(&pool, kept.saved, kept.n_saved) = saved[i];
	tree_remove(&tree, THP "/hugepages-64kB/enabled");
	tune_detect(&tree.root, &pool, &facts);
	tune_detect_saved(&tree.root, &pool, kept.saved, kept.n_saved, &facts);
	tune_state_plan(&pool, &facts, &kept, &plan);
	assert_write("max-map-count", "failed: /proc/sys/vm/max_map_count is not in the form that is expected");
	assert_write("zone-reclaim-mode", "failed: /proc/sys/vm/zone_reclaim_mode cannot be read: Is a directory");
	assert_write("hugetlb.2M.node9", "skipped: it is not there now; what was found is kept");
	assert_write("thp-enabled.64K", "skipped: it is not there now; what was found is kept");
	assert_write("hugetlb.2M.node1", "planned 4 -> 7");
	/* Nothing of what is not known is written. */
	tune_apply(&tree.root, &pool, &plan, false, true);
	assert_file("/proc/sys/vm/max_map_count", "many\n");
	for (size_t i = 0; i < plan.n; i++)
		assert_row_int(plan.writes[i].key, plan.writes[i].from != NULL,
			       strcmp(plan.writes[i].key, "hugetlb.2M.node1") == 0);
}

/* A value that was taken and cannot be read back has changed, for all that is known. */
static void test_state_not_read_back(void **state)
{
	struct tune_state before = { .boot_id = "b007" }, after = before;

	(void)state;
	apply_through_pipe("max-map-count", "70000", "/proc/sys/vm/max_map_count", "");
	assert_int_equal(tune_find("max-map-count")->outcome, TUNE_FAILED);
	*MEM_PUSH(&pool, after.saved, after.n_saved) = tune_find("max-map-count")->saved[0];
	tune_state_settle(&pool, &after, &before, &plan);
	assert_int_equal(after.n_saved, 1);
	assert_string_equal(after.saved[0].value, "65530");
}

static void test_lock(void **state)
{
	struct stat st;
	int first, second, other;

	(void)state;
	first = tune_state_lock(folder(), 0);
	assert_true(first >= 0);
	assert_int_equal(tune_state_lock(folder(), 0), -EWOULDBLOCK);
	assert_int_equal(tune_state_lock(folder(), 150), -EWOULDBLOCK);
	/* Another user can open the folder, and hold a lock of that for ever. */
	assert_int_equal(stat(tree_outside(&tree, TUNE_STATE_FOLDER "/" TUNE_LOCK_FILE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(first);
	other = open(folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	second = tune_state_lock(folder(), 10000);
	assert_true(second >= 0);
	close(second);
	close(other);
	tree_write(&tree, "/file", "");
	assert_int_equal(tune_state_lock(tree_outside(&tree, "/file/below"), 0), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_state_parse),  TUNE_TEST(test_state_round),         TUNE_TEST(test_state_settled),
		TUNE_TEST(test_state_unread), TUNE_TEST(test_state_not_read_back), TUNE_TEST(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
