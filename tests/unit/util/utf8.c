/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pool.h"
#include "util/utf8.h"

static void test_clean(void **state)
{
	static const struct {
		const char *text, *clean;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m" },
		{ "two\nlines\t", "two\\x0alines\\x09" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" }, /* CSI */
		{ "a\xff\xfe"
		  "b",
		  "a\\xff\\xfeb" },                             /* no UTF-8 */
		{ "\xc3", "\\xc3" },                            /* cut off */
		{ "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
		{ "\xe2\x80\xae"
		  "txt",
		  "\\xe2\\x80\\xaetxt" },              /* right to left */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, /* invisible */
		{ "\xef\xbf\xbf", "\\xef\\xbf\\xbf" }, /* none of XML's characters */
		{ "\x7f", "\\x7f" },
		{ "\033]0;title\007", "\\x1b]0;title\\x07" },
		{ "back\\slash", "back\\slash" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_row_string(rows[i].clean, utf8_clean(&pool, rows[i].text), rows[i].clean);
	assert_string_equal(utf8_clean_short(&pool, "abcdef", 6), "abcdef");
	assert_string_equal(utf8_clean_short(&pool, "abcdefg", 6), "abcdef...");
	/* Not within a character. */
	assert_string_equal(utf8_clean_short(&pool,
					     "abcde\xc3\xbc"
					     "fg",
					     6),
			    "abcde...");
	assert_string_equal(utf8_repair(&pool, "a\n\033\xff\xc3\xbc\xc3"), "a\n\033\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_clean, pool_free),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
