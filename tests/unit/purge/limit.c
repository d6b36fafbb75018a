/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of control groups: allocator/purge/limit.c, on files of our own. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "purge/limit.c"

#include "support/pool.h"

#define V2 (&limits_kinds[0])
#define V1 (&limits_kinds[1])

static void assert_path(const char *lines, const struct limits_kind *kind, const char *expected)
{
	const char *path = limits_find_path(lines, kind);

	if (!expected) {
		assert_null(path);
		return;
	}
	assert_non_null(path);
	assert_int_equal(strcspn(path, "\n"), strlen(expected));
	assert_memory_equal(path, expected, strlen(expected));
}

static void test_lines(void **state)
{
	static const char hybrid[] =
		"12:pids:/p\n5:cpu,memory:/both\n4:memoryless:/no\n1:name=x:/0::/y:memory:/z\n0::/two\n";

	(void)state;
	assert_path(hybrid, V1, "/both");
	assert_path(hybrid, V2, "/two");
	assert_path("0::/a:memory:/b\n", V1, NULL);
	assert_path("0::/a:memory:/b", V2, "/a:memory:/b");
	assert_path("3:memory:/\n", V1, "/");
	assert_path("3:memory:/\n", V2, NULL);
	assert_path("", V2, NULL);
	assert_path("garbage\n:\n::\n0:\n", V2, "");
	assert_path("garbage", V1, NULL);
}

static void write_number(const char *folder, const char *name, const char *text)
{
	char path[LIMITS_PATH + 32];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A server that has no descriptor left is not one without a limit. */
static void test_starved(void **state)
{
	char folder[] = "/tmp/allocrun-limit-XXXXXX";
	const char *const names[] = { "memory.max", "memory.current", "memory.stat" };
	struct rlimit before, none;
	uint64_t limit, left;

	(void)state;
	assert_non_null(mkdtemp(folder));
	write_number(folder, "memory.max", "1000000000\n");
	write_number(folder, "memory.current", "999000000\n");
	write_number(folder, "memory.stat", "anon 1\ninactive_file 0\n");
	limits.kind = V2;
	limits.count = 1;
	strcpy(limits.folders[0], folder);
	left = limits_left(&limit);
	assert_int_equal(left, 1000000);
	assert_int_equal(limit, 1000000000);

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(limits_left(&limit), 500000);
	assert_int_equal(limit, 1000000000);
	assert_int_equal(limits_left(&limit), 250000);
	assert_true(limits_find());
	assert_string_equal(limits.folders[0], folder);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(limits_left(&limit), 1000000);

	/* Gone is gone. */
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char path[LIMITS_PATH + 32];

		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
	assert_true(limits_left(&limit) == UINT64_MAX);
	assert_true(limit == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_starved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
