/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "support/pool.h"
#include "util/environment.h"

/* "A=1|B=2": a block in one line. */
static const char *join(char *const *block)
{
	char *text = mem_strdup(&pool, "");

	for (; *block; block++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? "|" : "", *block);
	return text;
}

static void test_get(void **state)
{
	static const char *const block[] = {
		"PATH=/bin",        "EMPTY=",   "LD_PRELOAD_X=no",
		"LD_PRELOAD=first", "NOEQUALS", "VALUE=a=b=c",
		"LD_PRELOAD=last",  "=odd",     NULL,
	};
	static const struct {
		const char *name, *value;
	} cases[] = {
		{ "PATH", "/bin" },       { "EMPTY", "" },    { "LD_PRELOAD", "last" }, /* the loader takes the last */
		{ "LD_PRELOAD_X", "no" }, { "LD_PRE", NULL }, { "NOEQUALS", NULL },     { "VALUE", "a=b=c" },
		{ "VALUE=a", "b=c" }, /* what stands before the value, to the letter */
		{ "path", NULL },         { "", "odd" },
	};
	static const char *const empty[] = { NULL };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].name, environment_get(block, cases[i].name), cases[i].value);
	assert_null(environment_get(empty, "PATH"));
	assert_null(environment_get(NULL, "PATH"));
}

struct with_case {
	const char *name;
	const char *block[6];
	const char *variable, *value;
	const char *result;
};

static const struct with_case with_cases[] = {
	{ "added at the end", { "A=1", "B=2" }, "C", "3", "A=1|B=2|C=3" },
	{ "to an empty block", { NULL }, "C", "3", "C=3" },
	{ "in its place", { "A=1", "C=9", "B=2" }, "C", "3", "A=1|C=3|B=2" },
	{ "further copies go", { "C=9", "A=1", "C=8", "B=2", "C=7" }, "C", "3", "C=3|A=1|B=2" },
	{ "removed", { "A=1", "C=9", "B=2", "C=8" }, "C", NULL, "A=1|B=2" },
	{ "removed though not there", { "A=1" }, "C", NULL, "A=1" },
	{ "removed as the last one", { "C=1" }, "C", NULL, "" },
	{ "set to nothing", { "A=1" }, "C", "", "A=1|C=" },
	{ "names that only begin alike stay", { "CC=1", "C", "C1=2" }, "C", "3", "CC=1|C|C1=2|C=3" },
	{ "strange entries keep their bytes", { "=x", "", "a b" }, "C", "3", "=x||a b|C=3" },
};

static void test_with(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_cases / sizeof *with_cases; i++) {
		const struct with_case *c = &with_cases[i];
		char *block[6];
		char **result;

		memcpy(block, c->block, sizeof block);
		result = environment_with(&pool, block, c->variable, c->value);
		assert_row_string(c->name, join(result), c->result);
		/* The block that was given is as it was. */
		assert_memory_equal(block, c->block, sizeof block);
	}
}

/* 100,000 bytes in one variable and 10,000 variables: both come out as they went in. */
static void test_large(void **state)
{
	char **block = mem_alloc(&pool, 10002 * sizeof *block);
	char *large = mem_alloc(&pool, 100003);
	char **result;

	(void)state;
	memset(large, 'x', 100002);
	large[1] = '=';
	block[0] = large;
	for (int i = 1; i <= 10000; i++)
		block[i] = mem_printf(&pool, "V%d=%d", i, i);
	result = environment_with(&pool, block, "LD_PRELOAD", "/x.so");
	assert_ptr_equal(result[0], large);
	assert_string_equal(result[10000], "V10000=10000");
	assert_string_equal(result[10001], "LD_PRELOAD=/x.so");
	assert_null(result[10002]);
	assert_int_equal(strlen(environment_get((const char *const *)result, "x")), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_with),
		TEST(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
