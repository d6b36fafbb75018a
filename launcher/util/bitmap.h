/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_BITMAP_H
#define ALLOCRUN_UTIL_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/* 8192 is the largest NR_CPUS of the kernel (x86 MAXSMP); nodes need 1024. */
#define BITMAP_BITS 8192
#define BITMAP_WORD_BITS 64

/* A set of CPU or node numbers. */
struct bitmap {
	uint64_t words[BITMAP_BITS / BITMAP_WORD_BITS];
};

/*
 * Reads the kernel's list form, "0-3,8,10-14:2" ("" is the empty set), with
 * surrounding white space. -EINVAL: malformed, -ERANGE: a number above the
 * largest; *ret is untouched then.
 */
int bitmap_parse_list(const char *text, struct bitmap *ret);
/* The list form, "none" for the empty set. Owned by the pool. */
char *bitmap_format_list(struct mem *m, const struct bitmap *b);

void bitmap_set(struct bitmap *b, int bit); /* out of range: ignored */
bool bitmap_has(const struct bitmap *b, int bit);
int bitmap_count(const struct bitmap *b);
/* The first member at or after `from`, -1 when there is none. */
int bitmap_next(const struct bitmap *b, int from);
bool bitmap_is_empty(const struct bitmap *b);
bool bitmap_is_equal(const struct bitmap *a, const struct bitmap *b);
bool bitmap_is_subset(const struct bitmap *part, const struct bitmap *whole);
void bitmap_and(struct bitmap *b, const struct bitmap *other);
void bitmap_or(struct bitmap *b, const struct bitmap *other);

#define BITMAP_FOR_EACH(bit, b) for (int bit = bitmap_next((b), 0); bit >= 0; bit = bitmap_next((b), bit + 1))

#endif
