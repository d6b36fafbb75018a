/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hugepages_folders),
		cmocka_unit_test(test_choices),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
