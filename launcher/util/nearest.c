/* SPDX-License-Identifier: Apache-2.0 */
#include "util/nearest.h"

#include <stdint.h>
#include <string.h>

#include "util/text.h"

/* As many as a column has bits; nobody meant a longer one. */
#define NEAREST_WORD_MAX 64

/* A word to compare with: its length, and where in it each byte stands, a bit for each place. */
struct nearest_word {
	size_t length;
	uint64_t places[256];
};

static void nearest_prepare(const char *word, size_t length, struct nearest_word *ret)
{
	*ret = (struct nearest_word){ .length = length };
	for (size_t i = 0; i < length; i++)
		ret->places[(unsigned char)word[i]] |= UINT64_C(1) << i;
}

/*
 * Optimal string alignment distance from a word that is not empty, a column of the usual table at a time:
 * a bit says whether a cell is one more, or one less, than the cell above it (down) or on its left
 * (right). H. Hyyro, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003.
 * A byte that the word has not is an edit: above `most` of them it is not looked at further.
 */
static size_t nearest_distance(const struct nearest_word *word, const char *name, size_t most)
{
	uint64_t down_more = UINT64_MAX, down_less = 0, diagonal = 0, before = 0;
	size_t distance = word->length, last = word->length - 1, foreign = 0;

	for (; *name; name++) {
		uint64_t same = word->places[(unsigned char)*name], right_more, right_less;
		uint64_t swapped = (~diagonal & same) << 1 & before;

		foreign += same == 0;
		if (foreign > most)
			return foreign;
		diagonal = (((same & down_more) + down_more) ^ down_more) | same | down_less | swapped;
		right_more = down_less | ~(diagonal | down_more);
		right_less = diagonal & down_more;
		distance += right_more >> last & 1;
		distance -= right_less >> last & 1;
		right_more = right_more << 1 | 1;
		down_more = right_less << 1 | ~(diagonal | right_more);
		down_less = right_more & diagonal;
		before = same;
	}
	return distance;
}

static size_t nearest_common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

const char *nearest_name(const char *word, const char *const *names)
{
	size_t n = strnlen(word, NEAREST_WORD_MAX + 1), best_distance = 0, best_prefix = 0;
	const char *best = NULL;
	struct nearest_word prepared;

	if (n == 0 || n > NEAREST_WORD_MAX)
		return NULL;
	nearest_prepare(word, n, &prepared);
	for (; *names; names++) {
		size_t length = strlen(*names), longest = n > length ? n : length, distance, prefix;

		/* Each byte that one has more is an edit. */
		if (length > NEAREST_WORD_MAX || 3 * (longest - (n < length ? n : length)) > longest)
			continue;
		distance = nearest_distance(&prepared, *names, longest / 3);
		if (3 * distance > longest || (best && distance > best_distance))
			continue;
		prefix = nearest_common_prefix(word, *names);
		if (best && distance == best_distance && prefix <= best_prefix)
			continue;
		best = *names;
		best_distance = distance;
		best_prefix = prefix;
	}
	return best;
}

char *nearest_hint(struct mem *m, const char *word, const char *const *names)
{
	const char *near = nearest_name(word, names);
	const char *list = NULL;

	if (near)
		return mem_printf(m, " (did you mean '%s'?)", near);
	for (; *names; names++)
		text_list(m, &list, *names);
	return mem_printf(m, " (one of: %s)", list ? list : "none");
}
