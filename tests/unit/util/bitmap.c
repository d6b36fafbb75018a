/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "support/support.h"

static void test_parse_accepts(void **state)
{
	static const struct {
		const char *text, *list;
		int count;
	} cases[] = {
		{ "", "none", 0 },
		{ "\n", "none", 0 },
		{ "0", "0", 1 },
		{ "0-3,8,10-14:2", "0-3,8,10,12,14", 8 },
		{ " 5-6\n", "5-6", 2 },
		{ "3,1,2", "1-3", 3 },
		{ "0-0", "0", 1 },
		{ "7,7,7", "7", 1 },
		{ "8191", "8191", 1 },
		{ "0-8191", "0-8191", 8192 },
		{ "63-64,127-128", "63-64,127-128", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bitmap b;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(bitmap_parse_list(cases[i].text, &b), 0);
		assert_list_equal(&b, cases[i].list);
		assert_int_equal(bitmap_count(&b), cases[i].count);
	}
}

static void test_parse_refuses(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "8192", -ERANGE },  { "0-8192", -ERANGE }, { "99999999999999999999", -ERANGE },
		{ "3-1", -EINVAL },   { "-1", -EINVAL },     { "1,", -EINVAL },
		{ ",1", -EINVAL },    { "1,,2", -EINVAL },   { "1-", -EINVAL },
		{ "0-7:0", -EINVAL }, { "0-7:", -EINVAL },   { "1 2", -EINVAL },
		{ "+1", -EINVAL },    { "0x1", -EINVAL },    { "all", -EINVAL },
		{ "1;2", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bitmap b = { { 42 } };

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(bitmap_parse_list(cases[i].text, &b), cases[i].error);
		assert_int_equal(b.words[0], 42);
	}
}

static struct bitmap parse(const char *text)
{
	struct bitmap b;

	assert_int_equal(bitmap_parse_list(text, &b), 0);
	return b;
}

static void test_sets(void **state)
{
	struct bitmap a = parse("0-5,64,8191"), b = parse("4-7,64"), both = a, either = a;
	struct bitmap none = parse("");

	(void)state;
	bitmap_and(&both, &b);
	assert_list_equal(&both, "4-5,64");
	bitmap_or(&either, &b);
	assert_list_equal(&either, "0-7,64,8191");
	assert_true(bitmap_is_subset(&both, &a));
	assert_false(bitmap_is_subset(&a, &b));
	assert_true(bitmap_is_subset(&none, &a));
	assert_true(bitmap_is_empty(&none));
	assert_false(bitmap_is_empty(&a));
	assert_true(bitmap_is_equal(&a, &a));
	assert_false(bitmap_is_equal(&a, &b));
}

static void test_next(void **state)
{
	struct bitmap b = parse("3,63,64,200,8191");
	static const int expected[] = { 3, 63, 64, 200, 8191 };
	size_t n = 0;

	(void)state;
	BITMAP_FOR_EACH (bit, &b)
		assert_int_equal(bit, expected[n++]);
	assert_int_equal(n, 5);
	assert_int_equal(bitmap_next(&b, -7), 3);
	assert_int_equal(bitmap_next(&b, 8192), -1);
}

/* Kind M: the longest list there is, pairs with a gap of one, is written whole. */
static void test_longest_list(void **state)
{
	struct mem m = MEM_INIT;
	struct bitmap b = { { 0 } }, again;

	(void)state;
	for (int bit = 0; bit < BITMAP_BITS; bit++) {
		if (bit % 3 != 1)
			bitmap_set(&b, bit);
	}
	assert_int_equal(bitmap_parse_list(bitmap_format_list(&m, &b), &again), 0);
	assert_true(bitmap_is_equal(&b, &again));
	mem_free_all(&m);
}

static void test_out_of_range_is_ignored(void **state)
{
	struct bitmap b = { { 0 } };

	(void)state;
	bitmap_set(&b, -1);
	bitmap_set(&b, BITMAP_BITS);
	assert_true(bitmap_is_empty(&b));
	assert_false(bitmap_has(&b, -1));
	assert_false(bitmap_has(&b, BITMAP_BITS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_accepts), cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_sets),          cmocka_unit_test(test_next),
		cmocka_unit_test(test_longest_list),  cmocka_unit_test(test_out_of_range_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
