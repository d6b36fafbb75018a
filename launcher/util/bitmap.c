/* SPDX-License-Identifier: Apache-2.0 */
#include "util/bitmap.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pairs with a gap of one between them are the longest list: "8188-8189,". */
#define BITMAP_TEXT_MAX ((BITMAP_BITS / 3 + 1) * 10 + 1)

static uint64_t bitmap_mask(int bit)
{
	return UINT64_C(1) << (bit % BITMAP_WORD_BITS);
}

void bitmap_set(struct bitmap *b, int bit)
{
	if (bit >= 0 && bit < BITMAP_BITS)
		b->words[bit / BITMAP_WORD_BITS] |= bitmap_mask(bit);
}

bool bitmap_has(const struct bitmap *b, int bit)
{
	return bit >= 0 && bit < BITMAP_BITS && (b->words[bit / BITMAP_WORD_BITS] & bitmap_mask(bit)) != 0;
}

int bitmap_count(const struct bitmap *b)
{
	int count = 0;

	for (size_t i = 0; i < BITMAP_BITS / BITMAP_WORD_BITS; i++)
		count += __builtin_popcountll(b->words[i]);
	return count;
}

int bitmap_next(const struct bitmap *b, int from)
{
	for (int bit = from < 0 ? 0 : from; bit < BITMAP_BITS;) {
		uint64_t rest = b->words[bit / BITMAP_WORD_BITS] >> (bit % BITMAP_WORD_BITS);

		if (rest)
			return bit + __builtin_ctzll(rest);
		bit = (bit / BITMAP_WORD_BITS + 1) * BITMAP_WORD_BITS;
	}
	return -1;
}

bool bitmap_is_empty(const struct bitmap *b)
{
	return bitmap_next(b, 0) < 0;
}

bool bitmap_is_equal(const struct bitmap *a, const struct bitmap *b)
{
	return memcmp(a->words, b->words, sizeof a->words) == 0;
}

bool bitmap_is_subset(const struct bitmap *part, const struct bitmap *whole)
{
	for (size_t i = 0; i < BITMAP_BITS / BITMAP_WORD_BITS; i++) {
		if (part->words[i] & ~whole->words[i])
			return false;
	}
	return true;
}

void bitmap_and(struct bitmap *b, const struct bitmap *other)
{
	for (size_t i = 0; i < BITMAP_BITS / BITMAP_WORD_BITS; i++)
		b->words[i] &= other->words[i];
}

void bitmap_or(struct bitmap *b, const struct bitmap *other)
{
	for (size_t i = 0; i < BITMAP_BITS / BITMAP_WORD_BITS; i++)
		b->words[i] |= other->words[i];
}

/* One number at *cursor, which moves behind it. */
static int bitmap_parse_number(const char **cursor, int *ret)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)**cursor))
		return -EINVAL;
	errno = 0;
	value = strtol(*cursor, &end, 10);
	if (errno || value >= BITMAP_BITS)
		return -ERANGE;
	*cursor = end;
	*ret = (int)value;
	return 0;
}

/* One "N", "N-M" or "N-M:STRIDE" at *cursor, set in *b. */
static int bitmap_parse_range(const char **cursor, struct bitmap *b)
{
	int first, last, stride = 1, r;

	r = bitmap_parse_number(cursor, &first);
	if (r < 0)
		return r;
	last = first;
	if (**cursor == '-') {
		(*cursor)++;
		r = bitmap_parse_number(cursor, &last);
		if (r < 0)
			return r;
		if (**cursor == ':') {
			(*cursor)++;
			r = bitmap_parse_number(cursor, &stride);
			if (r < 0)
				return r;
		}
	}
	if (last < first || stride < 1)
		return -EINVAL;
	for (int bit = first; bit <= last; bit += stride)
		bitmap_set(b, bit);
	return 0;
}

int bitmap_parse_list(const char *text, struct bitmap *ret)
{
	struct bitmap b = { { 0 } };
	const char *cursor = text;

	while (isspace((unsigned char)*cursor))
		cursor++;
	while (*cursor && !isspace((unsigned char)*cursor)) {
		int r = bitmap_parse_range(&cursor, &b);

		if (r < 0)
			return r;
		if (*cursor == ',') {
			cursor++;
			if (!isdigit((unsigned char)*cursor))
				return -EINVAL;
		} else if (*cursor && !isspace((unsigned char)*cursor)) {
			return -EINVAL;
		}
	}
	while (isspace((unsigned char)*cursor))
		cursor++;
	if (*cursor)
		return -EINVAL;
	*ret = b;
	return 0;
}

char *bitmap_format_list(struct mem *m, const struct bitmap *b)
{
	char text[BITMAP_TEXT_MAX] = "none";
	size_t length = 0;

	for (int first = bitmap_next(b, 0); first >= 0;) {
		int last = first;

		while (bitmap_has(b, last + 1))
			last++;
		length += (size_t)snprintf(text + length, sizeof text - length, last > first ? "%s%d-%d" : "%s%d",
					   length ? "," : "", first, last);
		first = bitmap_next(b, last + 1);
	}
	return mem_strdup(m, text);
}
