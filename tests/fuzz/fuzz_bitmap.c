/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's lists of CPUs and nodes. */
#include <errno.h>
#include <stdbool.h>

#include "fuzz.h"
#include "util/bitmap.h"

static void check_set(struct mem *m, const struct bitmap *b)
{
	struct bitmap again, copy = *b;
	char *text = bitmap_format_list(m, b);
	int n = 0, last = -1;

	BITMAP_FOR_EACH (bit, b) {
		FUZZ_CHECK(bit > last && bit < BITMAP_BITS && bitmap_has(b, bit));
		last = bit;
		n++;
	}
	FUZZ_CHECK(n == bitmap_count(b));
	FUZZ_CHECK(bitmap_is_empty(b) == (n == 0));
	if (n == 0) {
		FUZZ_CHECK(strcmp(text, "none") == 0);
		return;
	}
	FUZZ_CHECK(bitmap_parse_list(text, &again) == 0);
	FUZZ_CHECK(bitmap_is_equal(b, &again) && bitmap_is_subset(b, &again));
	FUZZ_CHECK(strcmp(bitmap_format_list(m, &again), text) == 0);
	bitmap_and(&copy, &again);
	bitmap_or(&copy, b);
	FUZZ_CHECK(bitmap_is_equal(&copy, b));
}

/* A list that was taken, read another way: each piece by sscanf(). */
static void check_members(struct mem *m, const char *text, const struct bitmap *b)
{
	bool *members = mem_alloc(m, BITMAP_BITS * sizeof *members);
	char *rest;

	for (char *piece = strtok_r(mem_strdup(m, text), ",", &rest); piece; piece = strtok_r(NULL, ",", &rest)) {
		int first, last, stride = 1, n = sscanf(piece, "%d-%d:%d", &first, &last, &stride);

		for (int bit = first; n > 0 && bit <= (n == 1 ? first : last); bit += stride)
			members[bit] = true;
	}
	for (int bit = 0; bit < BITMAP_BITS; bit++)
		FUZZ_CHECK(members[bit] == bitmap_has(b, bit));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct bitmap b, before;
	char *text;
	int r;

	memset(&b, 0x5a, sizeof b);
	before = b;
	text = fuzz_text(&m, data, size);
	r = bitmap_parse_list(text, &b);
	FUZZ_CHECK(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r == 0) {
		check_set(&m, &b);
		check_members(&m, text, &b);
	} else {
		FUZZ_CHECK(bitmap_is_equal(&b, &before));
	}
	mem_free_all(&m);
	return 0;
}
