/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/record.h"
#include "support/pool.h"

static char *path;

static int open_tree(void **state)
{
	tree_set_up(state);
	path = tree_outside(&tree, "/record.json");
	return 0;
}

static const char *content(const char *name)
{
	char *text = NULL;

	return root_read(&tree.root, &pool, name, 65536, &text, NULL) < 0 ? NULL : text;
}

/* The names in the folder: the record and nothing left beside it. */
static void assert_names(const char *joined)
{
	char **names, *text = mem_strdup(&pool, "");

	assert_int_equal(root_list(&tree.root, &pool, "/", "", &names), 0);
	for (; *names; names++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? " " : "", *names);
	assert_string_equal(text, joined);
}

static void test_prepare(void **state)
{
	struct record r;

	(void)state;
	r = record_prepare(&pool, "auto");
	assert_string_equal(r.path, mem_printf(&pool, "/run/allocrun/%d.json", (int)getpid()));
	assert_int_equal(r.fd, -1);
	r = record_prepare(&pool, "none");
	assert_null(r.path);
	r = record_prepare(&pool, "./none");
	assert_string_equal(r.path, "./none");
}

static void test_publish(void **state)
{
	struct record r = record_prepare(&pool, path);
	struct stat st;

	(void)state;
	assert_int_equal(record_publish(&pool, &r, "{ \"a\": 1 }\n"), 0);
	assert_string_equal(content("/record.json"), "{ \"a\": 1 }\n");
	assert_names("record.json");
	assert_true(r.fd >= 0);
	assert_true(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0644U, 0);
	close(r.fd);
	/* A new one replaces the old file; who has that open keeps the old. */
	r = record_prepare(&pool, path);
	assert_int_equal(record_publish(&pool, &r, "new\n"), 0);
	assert_string_equal(content("/record.json"), "new\n");
	assert_names("record.json");
	close(r.fd);
}

static void test_none(void **state)
{
	struct record r = record_prepare(&pool, "none");

	(void)state;
	assert_int_equal(record_publish(&pool, &r, "x"), 0);
	assert_int_equal(record_amend(&pool, &r, "y"), 0);
	record_remove(&pool, &r);
	assert_int_equal(r.fd, -1);
	assert_names("");
}

/* After the user was changed: through the descriptor, shorter or longer. */
static void test_amend(void **state)
{
	struct record r = record_prepare(&pool, path);

	(void)state;
	assert_int_equal(record_publish(&pool, &r, "a long first text\n"), 0);
	assert_int_equal(record_amend(&pool, &r, "short\n"), 0);
	/* In one piece: cutting it to its new length is what may fail, or come too late. */
	assert_string_equal(content("/record.json"), "short\n            ");
	assert_int_equal(record_amend(&pool, &r, "and a much longer one again\n"), 0);
	assert_string_equal(content("/record.json"), "and a much longer one again\n");
	/* The name may be gone; the descriptor is not. */
	tree_remove(&tree, "/record.json");
	assert_int_equal(record_amend(&pool, &r, "x"), 0);
	assert_names("");
	close(r.fd);
}

static void test_remove(void **state)
{
	struct record r = record_prepare(&pool, path);

	(void)state;
	assert_int_equal(record_publish(&pool, &r, "x"), 0);
	record_remove(&pool, &r);
	assert_int_equal(r.fd, -1);
	assert_names("");
	record_remove(&pool, &r);
	/* Not published: what has that name is not ours. */
	tree_write(&tree, "/record.json", "other");
	r = record_prepare(&pool, path);
	record_remove(&pool, &r);
	assert_string_equal(content("/record.json"), "other");
}

static void test_refused(void **state)
{
	struct record r;

	(void)state;
	r = record_prepare(&pool, tree_outside(&tree, "/no/such/folder.json"));
	assert_int_equal(record_publish(&pool, &r, "x"), -ENOENT);
	assert_int_equal(r.fd, -1);
	tree_mkdir(&tree, "/folder");
	r = record_prepare(&pool, tree_outside(&tree, "/folder"));
	assert_int_equal(record_publish(&pool, &r, "x"), -EEXIST);
	/* A rename would replace /dev/null itself, and a link; a FIFO stands for the former. */
	assert_int_equal(mkfifo(tree_outside(&tree, "/fifo"), 0600), 0);
	r = record_prepare(&pool, tree_outside(&tree, "/fifo"));
	assert_int_equal(record_publish(&pool, &r, "x"), -EEXIST);
	tree_write(&tree, "/target", "untouched");
	tree_symlink(&tree, "/link", "target");
	r = record_prepare(&pool, tree_outside(&tree, "/link"));
	assert_int_equal(record_publish(&pool, &r, "x"), -EEXIST);
	assert_string_equal(content("/target"), "untouched");
	tree_write(&tree, "/file", "");
	r = record_prepare(&pool, tree_outside(&tree, "/file/x.json"));
	assert_int_equal(record_publish(&pool, &r, "x"), -ENOTDIR);
	assert_names("fifo file folder link target");
}

/* Left by a launcher of the same PID that was killed, or laid there by somebody. */
static void test_temporary_that_is_there(void **state)
{
	struct record r = record_prepare(&pool, path);
	const char *name = mem_printf(&pool, "/record.json.%d.tmp", (int)getpid());

	(void)state;
	tree_write(&tree, name, "half a rec");
	assert_int_equal(record_publish(&pool, &r, "whole\n"), 0);
	assert_string_equal(content("/record.json"), "whole\n");
	assert_names("record.json");
	close(r.fd);
	tree_write(&tree, "/victim", "untouched");
	tree_symlink(&tree, name, "victim");
	r = record_prepare(&pool, path);
	assert_int_equal(record_publish(&pool, &r, "again\n"), 0);
	assert_string_equal(content("/victim"), "untouched");
	assert_string_equal(content("/record.json"), "again\n");
	assert_names("record.json victim");
	close(r.fd);
}

#define OWN_TREE_TEST(function) cmocka_unit_test_setup_teardown(function, open_tree, tree_tear_down)

/* By the table of mounts, and by what the folder really is. */
static void test_local(void **state)
{
	const struct root live = { .fd = AT_FDCWD, .live = true };
	struct tree machine;
	char *folder = tree_outside(&tree, "/d");

	(void)state;
	tree_mkdir(&tree, "/d/e");
	tree_mkdir(&tree, "/d/a b");
	assert_int_equal(symlink("e", mem_printf(&pool, "%s/link", folder)), 0);
	tree_open(&machine);
	tree_write(&machine, "/proc/self/mountinfo",
		   mem_printf(&pool,
			      "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / %s/a\\040b rw - fuse.x y rw\n"
			      "3 1 0:9 / %s/nfs rw - nfs4 y rw\n",
			      folder, folder));
	assert_true(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/record", folder)));
	assert_true(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/e/record", folder)));
	/* Of others it is not known; a link may lead to such a one; and what is not there can be anything. */
	assert_false(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/a b/record", folder)));
	assert_false(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/nfs/record", folder)));
	assert_false(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/link/record", folder)));
	assert_false(record_is_local(&pool, &machine.root, mem_printf(&pool, "%s/none/record", folder)));
	/* /proc is a mount that this table does not know. */
	assert_false(record_is_local(&pool, &machine.root, "/proc/self/record"));
	assert_false(record_is_local(&pool, &tree.root, mem_printf(&pool, "%s/record", folder)));
	assert_false(record_is_local(&pool, &live, "/proc/self/record"));
	tree_close(&machine);
}

/* Another process writes it: as the one that is asked does, and none of its is left. */
static void test_apart(void **state)
{
	char *linked = tree_outside(&tree, "/d/link/record");
	struct record r = record_prepare(&pool, linked);

	(void)state;
	tree_mkdir(&tree, "/d/e");
	assert_int_equal(symlink("e", tree_outside(&tree, "/d/link")), 0);
	assert_int_equal(record_publish(&pool, &r, "one\n"), 0);
	assert_true(r.is_apart);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(access(linked, F_OK), 0);
	assert_int_equal(record_amend(&pool, &r, "two\n"), 0);
	assert_int_equal(record_remove(&pool, &r), 0);
	assert_int_equal(access(linked, F_OK), -1);
	r = record_prepare(&pool, tree_outside(&tree, "/d/none/record"));
	assert_int_equal(record_publish(&pool, &r, "x"), -ENOENT);
	assert_false(r.is_apart);
	assert_int_equal(record_amend(&pool, &r, "y"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TREE_TEST(test_prepare),
		OWN_TREE_TEST(test_publish),
		OWN_TREE_TEST(test_none),
		OWN_TREE_TEST(test_amend),
		OWN_TREE_TEST(test_remove),
		OWN_TREE_TEST(test_refused),
		OWN_TREE_TEST(test_temporary_that_is_there),
		OWN_TREE_TEST(test_local),
		OWN_TREE_TEST(test_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
