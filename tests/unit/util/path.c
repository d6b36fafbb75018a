/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"
#include "util/text.h"

struct pieces {
	char *text;
	size_t n;
};

static void take_piece(void *user, const char *text)
{
	struct pieces *pieces = user;

	assert_true(*text && text[strlen(text) - 1] == '\n');
	strcat(pieces->text, text);
	pieces->n++;
}

/* Whole lines, of a text of any length; a last one without its end is a piece as well. */
static void test_pieces(void **state)
{
	static const size_t lines = 20000;
	struct pieces pieces = { NULL, 0 };
	struct tree t;
	char *text;

	(void)state;
	tree_open(&t);
	text = mem_alloc(&t.mem, lines * 16 + 1);
	pieces.text = mem_alloc(&t.mem, lines * 16 + 1);
	for (size_t i = 0; i < lines; i++)
		sprintf(text + strlen(text), "%zu\n", i * i);
	tree_write(&t, "/long", text);
	assert_int_equal(root_read_pieces(&t.root, "/long", take_piece, &pieces), 0);
	assert_string_equal(pieces.text, text);
	assert_true(pieces.n > 1);
	pieces = (struct pieces){ text, 0 };
	tree_write(&t, "/empty", "");
	assert_int_equal(root_read_pieces(&t.root, "/empty", take_piece, &pieces), 0);
	assert_int_equal(root_read_pieces(&t.root, "/none", take_piece, &pieces), -ENOENT);
	memset(text, 'x', lines * 16);
	tree_write(&t, "/line", text);
	assert_int_equal(root_read_pieces(&t.root, "/line", take_piece, &pieces), -EFBIG);
	assert_int_equal(pieces.n, 0);
	tree_close(&t);
}

static void test_read(void **state)
{
	struct tree t;
	char *text = NULL;
	size_t n;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/a", "one\ntwo\n");
	tree_write(&t, "/empty", "");
	tree_write_bytes(&t, "/nul", "a\0b", 3);
	assert_int_equal(root_read(&t.root, &t.mem, "/a", 100, &text, NULL), 0);
	assert_string_equal(text, "one\ntwo\n");
	assert_int_equal(root_read(&t.root, &t.mem, "/a", 8, &text, &n), 0);
	assert_int_equal(n, 8);
	assert_int_equal(root_read(&t.root, &t.mem, "/empty", 8, &text, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(root_read(&t.root, &t.mem, "/nul", 8, &text, &n), 0);
	assert_int_equal(n, 3);
	text = NULL;
	assert_int_equal(root_read(&t.root, &t.mem, "/a", 7, &text, NULL), -EFBIG);
	assert_int_equal(root_read(&t.root, &t.mem, "/nul", 8, &text, NULL), -EILSEQ);
	assert_int_equal(root_read_record(&t.root, &t.mem, "/nul", &text), -EILSEQ);
	assert_int_equal(root_read_start(&t.root, &t.mem, "/nul", 8, &text), -EILSEQ);
	assert_int_equal(root_read(&t.root, &t.mem, "/none", 8, &text, NULL), -ENOENT);
	assert_int_equal(root_read(&t.root, &t.mem, "/", 8, &text, NULL), -EISDIR);
	assert_null(text);
	tree_close(&t);
}

static void test_read_is_bounded(void **state)
{
	static const size_t size = 1024 * 1024;
	struct tree t;
	char *big, *text = NULL;

	(void)state;
	tree_open(&t);
	big = mem_alloc(&t.mem, size + 1);
	memset(big, 'x', size);
	for (size_t i = 99; i < size; i += 100)
		big[i] = '\n';
	tree_write(&t, "/big", big);
	assert_int_equal(root_read(&t.root, &t.mem, "/big", PATH_READ_MAX, &text, NULL), -EFBIG);
	assert_int_equal(root_read_record(&t.root, &t.mem, "/big", &text), -EFBIG);
	assert_null(text);
	assert_int_equal(root_read(&t.root, &t.mem, "/big", size, &text, NULL), 0);
	assert_int_equal(strlen(text), size);
	/* The start ends where a line does. */
	assert_int_equal(root_read_start(&t.root, &t.mem, "/big", 250, &text), 0);
	assert_int_equal(strlen(text), 200);
	assert_int_equal(root_read_start(&t.root, &t.mem, "/big", 50, &text), -ENODATA);
	tree_close(&t);
}

static void test_values(void **state)
{
	struct tree t;
	int64_t value = 7;
	char line[8] = "before";
	struct bitmap b = { { 7 } };

	(void)state;
	tree_open(&t);
	tree_write(&t, "/n/12/value", "-34\n");
	tree_write(&t, "/list", "0-2\n");
	tree_write(&t, "/cut", "0-2");
	tree_write(&t, "/two", "1\n2\n");
	tree_write(&t, "/word", "12 kB\n");
	tree_write(&t, "/empty", "");
	tree_write(&t, "/line", "1234567\n");
	tree_write(&t, "/long", "12345678\n");
	assert_int_equal(root_read_i64(&t.root, &value, "/n/%d/%s", 12, "value"), 0);
	assert_int_equal(value, -34);
	assert_int_equal(root_read_bitmap(&t.root, &b, "/list"), 0);
	assert_list_equal(&b, "0-2");
	assert_int_equal(root_read_line(&t.root, line, sizeof line, "/line"), 0);
	assert_string_equal(line, "1234567");
	assert_int_equal(root_read_line(&t.root, line, sizeof line, "/long"), -EFBIG);
	assert_string_equal(line, "1234567");
	/* Half a list is not a list: "0-2" may have been "0-255". */
	assert_int_equal(root_read_bitmap(&t.root, &b, "/cut"), -EINVAL);
	assert_int_equal(root_read_bitmap(&t.root, &b, "/empty"), -ENODATA);
	assert_int_equal(root_read_bitmap(&t.root, &b, "/none"), -ENOENT);
	assert_int_equal(root_read_i64(&t.root, &value, "/two"), -EINVAL);
	assert_int_equal(root_read_i64(&t.root, &value, "/word"), -EINVAL);
	assert_int_equal(value, -34);
	assert_list_equal(&b, "0-2");
	tree_close(&t);
}

static void test_list(void **state)
{
	static const char *const expected[] = { "node0", "node2", "node10", NULL };
	struct tree t;
	char **names = NULL;

	(void)state;
	tree_open(&t);
	for (size_t i = 3; i > 0; i--)
		tree_mkdir(&t, mem_printf(&t.mem, "/d/%s", expected[i - 1]));
	tree_mkdir(&t, "/d/other");
	tree_mkdir(&t, "/none");
	assert_int_equal(root_list(&t.root, &t.mem, "/d", "node", &names), 0);
	for (size_t i = 0; i < 4; i++) {
		if (expected[i])
			assert_string_equal(names[i], expected[i]);
		else
			assert_null(names[i]);
	}
	assert_int_equal(root_list(&t.root, &t.mem, "/none", "", &names), 0);
	assert_null(names[0]);
	assert_int_equal(root_list(&t.root, &t.mem, "/missing", "", &names), -ENOENT);
	tree_close(&t);
}

static void test_nothing_leads_out_of_the_root(void **state)
{
	struct tree t;
	char *text = NULL, target[64];

	(void)state;
	tree_open(&t);
	tree_write(&t, "/etc/inside", "inside\n");
	tree_symlink(&t, "/absolute", "/etc/inside");
	tree_symlink(&t, "/up", "../../../../../../etc/passwd");
	tree_symlink(&t, "/host", "/etc/passwd");
	assert_int_equal(root_read(&t.root, &t.mem, "/absolute", 100, &text, NULL), 0);
	assert_string_equal(text, "inside\n");
	assert_int_equal(root_read(&t.root, &t.mem, "/up", 100, &text, NULL), -ENOENT);
	assert_int_equal(root_read(&t.root, &t.mem, "/host", 100, &text, NULL), -ENOENT);
	assert_int_equal(root_read(&t.root, &t.mem, "/../../../../etc/passwd", 100, &text, NULL), -ENOENT);
	assert_int_equal(root_readlink(&t.root, "/absolute", target, sizeof target), 0);
	assert_string_equal(target, "/etc/inside");
	assert_int_equal(root_readlink(&t.root, "/absolute", target, 5), -ENAMETOOLONG);
	assert_int_equal(root_readlink(&t.root, "/etc/inside", target, sizeof target), -EINVAL);
	tree_close(&t);
}

static void test_fifo_does_not_block(void **state)
{
	struct tree t;
	char *text = NULL;

	(void)state;
	tree_open(&t);
	assert_int_equal(mkfifo(tree_outside(&t, "/fifo"), 0600), 0);
	assert_int_equal(root_read_record(&t.root, &t.mem, "/fifo", &text), -ENODATA);
	tree_close(&t);
}

/* Kind P: in the root of somebody else only regular files are opened, and none that the kernel answers. */
static void test_root_of_others(void **state)
{
	struct root live = { .fd = AT_FDCWD, .live = true, .is_others = true };
	struct tree t;
	char *text;
	size_t n;

	(void)state;
	tree_open(&t);
	t.root.is_others = true;
	tree_write(&t, "/file", "one\n");
	tree_symlink(&t, "/link", "file");
	assert_int_equal(mkfifo(tree_outside(&t, "/fifo"), 0600), 0);
	assert_int_equal(root_read(&t.root, &t.mem, "/file", 100, &text, &n), 0);
	assert_string_equal(text, "one\n");
	assert_int_equal(root_read(&t.root, &t.mem, "/link", 100, &text, &n), 0);
	assert_int_equal(root_read(&t.root, &t.mem, "/fifo", 100, &text, &n), -EINVAL);
	assert_int_equal(root_read(&t.root, &t.mem, "/none", 100, &text, &n), -ENOENT);
	assert_int_equal(root_read(&t.root, &t.mem, "/", 100, &text, &n), -EISDIR);
	assert_int_equal(root_read(&live, &t.mem, "/dev/null", 100, &text, &n), -EINVAL);
	assert_int_equal(root_read(&live, &t.mem, "/dev/ptmx", 100, &text, &n), -EINVAL);
	assert_int_equal(root_read(&live, &t.mem, "/proc/self/status", 4096, &text, &n), -EINVAL);
	assert_int_equal(root_read(&live, &t.mem, "/sys/kernel/mm/transparent_hugepage/enabled", 100, &text, &n),
			 -EINVAL);
	assert_int_equal(root_read(&live, &t.mem, tree_outside(&t, "/file"), 100, &text, &n), 0);
	tree_close(&t);
}

static void test_live_root(void **state)
{
	struct mem m = MEM_INIT;
	struct root root;
	struct stat st;
	char *text;
	int fd;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	assert_true(root.live);
	assert_int_equal(root_read_record(&root, &m, "/proc/self/status", &text), 0);
	assert_non_null(text_find_field(text, "Uid"));
	assert_int_equal(root_stat(&root, "/", &st), 0);
	fd = root_openat(&root, "/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	root_close(&root);
	assert_int_equal(root_open("/no/such/folder", &root), -ENOENT);
	assert_int_equal(root_open("/dev/null", &root), -ENOTDIR);
	mem_free_all(&m);
}

static void test_text_fields(void **state)
{
	static const char text[] = "Uid:\t1\nUidX:\t2\n Uid:\t3\nLast:\t4";
	struct mem m = MEM_INIT;
	int64_t value = 0;
	uint64_t mask = 0;

	(void)state;
	assert_string_equal(text_dup_line(&m, text_find_field(text, "Uid")), "1");
	assert_string_equal(text_dup_line(&m, text_find_field(text, "UidX")), "2");
	/* Cut off in the middle of its line. */
	assert_null(text_find_field(text, "Last"));
	assert_null(text_find_field(text, "Gid"));
	assert_int_equal(text_parse_kib("  12 kB\n", &value), 0);
	assert_int_equal(value, 12 * 1024);
	assert_int_equal(text_parse_kib("12\n", &value), -EINVAL);
	assert_int_equal(text_parse_kib("-12 kB\n", &value), -EINVAL);
	assert_int_equal(text_parse_kib("9223372036854775807 kB\n", &value), -ERANGE);
	assert_int_equal(text_parse_i64("\n5", &value, NULL), -EINVAL);
	assert_int_equal(text_parse_i64("9223372036854775808", &value, NULL), -ERANGE);
	assert_int_equal(text_parse_u64("000001ffffffffff", 16, &mask, NULL), 0);
	assert_int_equal(mask, 0x1ffffffffff);
	assert_int_equal(text_parse_u64("0x1", 16, &mask, NULL), -EINVAL);
	assert_string_equal(text_dirname(&m, "/a/b"), "/a");
	assert_string_equal(text_dirname(&m, "/a"), "/");
	assert_string_equal(text_dirname(&m, "a"), ".");
	assert_string_equal(text_basename("/a/b"), "b");
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_read_is_bounded),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_nothing_leads_out_of_the_root),
		cmocka_unit_test(test_fifo_does_not_block),
		cmocka_unit_test(test_root_of_others),
		cmocka_unit_test(test_live_root),
		cmocka_unit_test(test_text_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
