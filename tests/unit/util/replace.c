/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support/pool.h"
#include "util/replace.h"

static void assert_file(const char *path, const char *text)
{
	char *found = NULL;

	assert_int_equal(root_read(&tree.root, &pool, path, 1 << 20, &found, NULL), 0);
	assert_string_equal(found, text);
}

static void assert_only_file(const char *folder, const char *name)
{
	char **names = NULL;

	assert_int_equal(root_list(&tree.root, &pool, folder, "", &names), 0);
	assert_string_equal(names[0], name);
	assert_null(names[1]);
}

static void test_replace(void **state)
{
	mode_t before = umask(077);
	struct stat st;

	(void)state;
	tree_mkdir(&tree, "/d");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/x.prom"), "one\n"), 0);
	umask(before);
	assert_file("/d/x.prom", "one\n");
	assert_int_equal(root_stat(&tree.root, "/d/x.prom", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/x.prom"), "two\n"), 0);
	assert_file("/d/x.prom", "two\n");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/x.prom"), ""), 0);
	assert_file("/d/x.prom", "");
	assert_only_file("/d", "x.prom");
}

/* A file name without a folder is one of the working directory. */
static void test_relative(void **state)
{
	char *before = getcwd(NULL, 0);

	(void)state;
	tree_mkdir(&tree, "/d");
	assert_int_equal(chdir(tree_outside(&tree, "/d")), 0);
	assert_int_equal(replace_file(&pool, "x", "here"), 0);
	assert_int_equal(chdir(before), 0);
	free(before);
	assert_file("/d/x", "here");
}

static void test_refused(void **state)
{
	(void)state;
	tree_mkdir(&tree, "/d");
	tree_mkdir(&tree, "/d/folder");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/folder"), "x"), -EEXIST);
	/* As /dev/null is; that one is not put at risk here. */
	assert_int_equal(mkfifo(tree_outside(&tree, "/d/pipe"), 0600), 0);
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/pipe"), "x"), -EEXIST);
	assert_int_equal(unlink(tree_outside(&tree, "/d/pipe")), 0);
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/none/x"), "x"), -ENOENT);
	assert_only_file("/d", "folder");
	/* The link itself is not what was meant to be replaced. */
	tree_write(&tree, "/target", "old");
	tree_symlink(&tree, "/d/link", "../target");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/link"), "x"), -EEXIST);
	assert_file("/target", "old");
}

/* Killed between writing and renaming, and started again with the same PID. */
static void test_leftover(void **state)
{
	(void)state;
	tree_write(&tree, mem_printf(&pool, "/d/.x.%d.tmp", (int)getpid()), "half");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/x"), "whole"), 0);
	assert_file("/d/x", "whole");
	assert_only_file("/d", "x");
}

static void make_old(const char *path, time_t age)
{
	const struct timespec times[2] = { { .tv_sec = time(NULL) - age }, { .tv_sec = time(NULL) - age } };

	assert_int_equal(utimensat(AT_FDCWD, tree_outside(&tree, path), times, AT_SYMLINK_NOFOLLOW), 0);
}

/* No process has this PID: the kernel gives none above 4194304. */
#define NOBODY "2147483647"

/* Killed over a file or a folder: what another process, or another name, may still need stays. */
static void test_prune(void **state)
{
	static const char *const kept[] = { "/d/.x.1.tmp", "/d/.x." NOBODY, "/d/.y." NOBODY ".tmp",
					    "/d/x." NOBODY ".tmp" };
	struct stat st;

	(void)state;
	tree_write(&tree, "/d/.x." NOBODY ".tmp/proc/self/status", "half");
	make_old("/d/.x." NOBODY ".tmp", 60);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		tree_write(&tree, kept[i], "kept");
		make_old(kept[i], 60);
	}
	tree_write(&tree, "/d/.x.2147483646.tmp", "young");
	assert_int_equal(replace_file(&pool, tree_outside(&tree, "/d/x"), "whole"), 0);
	assert_int_equal(root_stat(&tree.root, "/d/.x." NOBODY ".tmp", &st), -ENOENT);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		assert_file(kept[i], "kept");
	assert_file("/d/.x.2147483646.tmp", "young");
	make_old("/d/.x.2147483646.tmp", 60);
	/* Process 1 has not done that an hour ago. */
	make_old("/d/.x.1.tmp", 4000);
	replace_prune(&pool, tree_outside(&tree, "/d/x"));
	assert_int_equal(root_stat(&tree.root, "/d/.x.2147483646.tmp", &st), -ENOENT);
	assert_int_equal(root_stat(&tree.root, "/d/.x.1.tmp", &st), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_replace),  TREE_TEST(test_relative), TREE_TEST(test_refused),
		TREE_TEST(test_leftover), TREE_TEST(test_prune),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
