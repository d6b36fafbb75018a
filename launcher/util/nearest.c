/* SPDX-License-Identifier: Apache-2.0 */
#include "util/nearest.h"

#include <string.h>

#include "util/text.h"

#define NEAREST_WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Optimal string alignment distance, three rows. */
static size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t n = strlen(a), length = strlen(b);

	if (n > NEAREST_WORD_MAX || length > NEAREST_WORD_MAX)
		return n + length; /* nobody meant that */
	for (size_t j = 0; j <= length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const size_t *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < row[j])
				row[j] = two_above[j - 2] + 1;
		}
	}
	return rows[n % 3][length];
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
	const char *best = NULL;
	size_t best_distance = 0, best_prefix = 0;

	for (; *names; names++) {
		size_t distance = nearest_distance(word, *names);
		size_t prefix = nearest_common_prefix(word, *names);
		size_t longest = strlen(word) > strlen(*names) ? strlen(word) : strlen(*names);

		if (3 * distance > longest)
			continue;
		if (best && (distance > best_distance || (distance == best_distance && prefix <= best_prefix)))
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
