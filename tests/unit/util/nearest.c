/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "support/pool.h"
#include "util/nearest.h"

static const char *const names[] = {
	"allocator", "conf", "numa", "numa-strict", "profile", "thp", "off", NULL,
};

static void test_name(void **state)
{
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "numa", "numa" },
		{ "nuam", "numa" },  /* two neighbours swapped: one edit */
		{ "num", "numa" },   /* one missing */
		{ "numaa", "numa" }, /* one too many */
		{ "nuba", "numa" },  /* one replaced */
		{ "umna", NULL },    /* two edits of four */
		{ "profil", "profile" },
		{ "porfile", "profile" },
		{ "allocatro", "allocator" },
		{ "alocater", "allocator" }, /* two of nine */
		{ "numa-strcit", "numa-strict" },
		{ "numa_strict", "numa-strict" },
		{ "tph", "thp" },
		{ "t", NULL }, /* two of three */
		{ "of", "off" },
		{ "oof", "off" },
		{ "", NULL },
		{ "xyzzy", NULL },
		{ "NUMA", NULL }, /* case counts */
		{ "configuration", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].word, nearest_name(cases[i].word, names), cases[i].nearest);
}

static void test_ties(void **state)
{
	static const char *const equal[] = { "xbcdef", "abcdeg", "abcdxf", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	/* One edit from each: the longer common start decides, and of two such the first. */
	assert_string_equal(nearest_name("abcdef", equal), "abcdeg");
	assert_string_equal(nearest_name("zbcdef", equal), "xbcdef");
	assert_string_equal(nearest_name("abcdez", equal), "abcdeg");
	assert_string_equal(nearest_name("abcdez", (const char *const[]){ "abcdex", "abcdey", NULL }), "abcdex");
	assert_null(nearest_name("abcdef", none));
}

/* Words that are longer than what is compared are near to nothing, however long. */
static void test_long_words(void **state)
{
	static const size_t lengths[] = { 64, 65, 66, 194, 195, 196, 1000, 100000 };
	const char *const longest[] = {
		"a-name-of-sixty-four-bytes-0123456789-0123456789-0123456789-0123",
		NULL,
	};
	char *word;

	(void)state;
	assert_int_equal(strlen(longest[0]), 64);
	word = mem_strdup(&pool, longest[0]);
	word[10] = 'x';
	assert_string_equal(nearest_name(word, longest), longest[0]);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		word = mem_alloc(&pool, lengths[i] + 1);
		memset(word, 'z', lengths[i]);
		assert_row_string(mem_printf(&pool, "%zu times z", lengths[i]), nearest_name(word, names), NULL);
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The distance by its definition: a cell for each pair of starts. */
static size_t distance(const char *a, const char *b)
{
	size_t cells[8][8];

	for (size_t i = 0; i <= strlen(a); i++) {
		for (size_t j = 0; j <= strlen(b); j++) {
			if (i == 0 || j == 0) {
				cells[i][j] = i + j;
				continue;
			}
			cells[i][j] = least(least(cells[i - 1][j], cells[i][j - 1]) + 1,
					    cells[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cells[i][j] = least(cells[i][j], cells[i - 2][j - 2] + 1);
		}
	}
	return cells[strlen(a)][strlen(b)];
}

/* The words of up to seven letters out of three; one pair of 37. */
static void test_distance(void **state)
{
	char words[3280][8] = { "" };
	size_t n = 1, n_near = 0;

	(void)state;
	for (size_t from = 0; n < sizeof words / sizeof *words; from++) {
		for (char c = 'a'; c <= 'c'; c++)
			sprintf(words[n++], "%.6s%c", words[from], c);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i % 3; j < n; j += 37) {
			size_t longest = strlen(words[i]) > strlen(words[j]) ? strlen(words[i]) : strlen(words[j]);
			bool is_near = *words[i] && 3 * distance(words[i], words[j]) <= longest;
			const char *const name[] = { words[j], NULL };

			n_near += is_near;
			assert_row_string(mem_printf(&pool, "%s, %s", words[i], words[j]), nearest_name(words[i], name),
					  is_near ? words[j] : NULL);
		}
	}
	assert_true(n_near > 1000);
}

static void test_hint(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const one[] = { "conf", NULL };

	(void)state;
	assert_string_equal(nearest_hint(&pool, "cnof", names), " (did you mean 'conf'?)");
	assert_string_equal(nearest_hint(&pool, "speed", names),
			    " (one of: allocator, conf, numa, numa-strict, profile, thp, off)");
	assert_string_equal(nearest_hint(&pool, "", one), " (one of: conf)");
	assert_string_equal(nearest_hint(&pool, "conf", none), " (one of: none)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_name), TEST(test_ties), TEST(test_long_words), TEST(test_distance), TEST(test_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
