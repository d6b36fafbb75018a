/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pool.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

static void test_hugepages_folders(void **state)
{
	static const struct {
		const char *name;
		int64_t expected;
	} cases[] = {
		{ "hugepages-2048kB", 2048 * 1024 },
		{ "hugepages-1048576kB", INT64_C(1) << 30 },
		{ "hugepages-9007199254740991kB", INT64_C(9007199254740991) * 1024 },
		{ "hugepages-9007199254740992kB", -1 },
		{ "hugepages-0kB", -1 },
		{ "hugepages--4kB", -1 },
		{ "hugepages-kB", -1 },
		{ "hugepages-2048", -1 },
		{ "hugepages-2048kBx", -1 },
		{ "hugepage-2048kB", -1 },
		{ "hugepages-99999999999999999999kB", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t size = -1;

		print_message("\"%s\"\n", cases[i].name);
		assert_int_equal(text_parse_hugepages(cases[i].name, &size), cases[i].expected < 0 ? -EINVAL : 0);
		assert_int_equal(size, cases[i].expected);
	}
}

static void test_choices(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "always [madvise] never\n", "madvise" },
		{ "[always]", "always" },
		{ "a [defer+madvise] b", "defer+madvise" },
		{ "always madvise never", NULL },
		{ "always [] never", NULL },
		{ "always [madvise never", NULL },
		{ "always [two words] never", NULL },
		{ "always [madvise\n]", NULL },
		{ "[", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *word = NULL;
		int n = text_find_choice(cases[i].text, &word);

		print_message("\"%s\"\n", cases[i].text);
		if (!cases[i].expected) {
			assert_int_equal(n, -EINVAL);
			assert_null(word);
			continue;
		}
		assert_int_equal(n, strlen(cases[i].expected));
		assert_memory_equal(word, cases[i].expected, (size_t)n);
	}
}

static void test_words(void **state)
{
	static const char *const list[] = { "a", "b c", NULL };
	const char *words = NULL;

	(void)state;
	assert_true(text_has_word("never always", "always"));
	assert_false(text_has_word("never always", "Always"));
	assert_false(text_has_word("never always", "alway"));
	assert_false(text_has_word("never always", "never always"));
	assert_false(text_has_word("never always", ""));
	assert_true(text_has_word_of_any_case("off no", "NO"));
	assert_true(text_is_among(list, "b c"));
	assert_false(text_is_among(list, "c"));
	assert_false(text_is_among(NULL, "c"));
	text_list(&pool, &words, "a");
	text_list(&pool, &words, "b");
	assert_string_equal(words, "a, b");
}

static void test_pieces(void **state)
{
	static const struct {
		const char *text, *pieces;
	} rows[] = {
		{ "", "" },         { "a", "<a>" }, { "a,b c", "<a><b c>" }, { "a,,b", "<a><><b>" },
		{ ",a,", "<><a>" }, { ",", "<>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *cursor = rows[i].text;
		char *all = mem_strdup(&pool, "");

		for (char *piece; (piece = text_next_piece(&pool, &cursor, ','));)
			all = mem_printf(&pool, "%s<%s>", all, piece);
		assert_row_string(rows[i].text, all, rows[i].pieces);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hugepages_folders),
		TEST(test_choices),
		TEST(test_words),
		TEST(test_pieces),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
