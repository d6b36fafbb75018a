/* SPDX-License-Identifier: Apache-2.0 */
/* All forms of the scan see the same rows: those of this CPU, on random data and at the edges. On aarch64 the same
 * program runs under qemu. */
#include "pool.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS 64u

static uint64_t seed = 88172645463325252u;
static uint32_t chance(void)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

/* Near both ends and the limit, or anything. */
static uint32_t value_near(uint32_t limit)
{
	static const uint32_t edges[] = { 0, 1, INT32_MAX, 1u << 31, (1u << 31) + 1, UINT32_MAX };
	switch (chance() % 3) {
	case 0:
		return edges[chance() % 6];
	case 1:
		return limit + chance() % 5 - 2;
	default:
		return chance();
	}
}

static uint32_t stamps[WORDS * 64];
static uint64_t used[WORDS];

static unsigned compare(const struct kernels *one, const struct kernels *other, uint32_t now, uint32_t age)
{
	unsigned differences = 0;
	uint64_t masks[4][SCAN_WORDS];
	for (uint32_t word = 0; word < WORDS; word++) {
		uint32_t end = word + 1 + chance() % (WORDS - word);
		memset(masks, 0, sizeof masks);
		uint32_t older = one->older(stamps, used, word, end, now, age, masks[0]);
		uint32_t below = one->below(stamps, used, word, end, now, masks[2]);
		differences += older != other->older(stamps, used, word, end, now, age, masks[1]);
		differences += below != other->below(stamps, used, word, end, now, masks[3]);
		differences += older < end && memcmp(masks[0], masks[1], sizeof masks[0]) != 0;
		differences += below < end && memcmp(masks[2], masks[3], sizeof masks[2]) != 0;
	}
	return differences;
}

/* That AT is the first of [WORD, END), by steps of SCAN_WORDS, with rows in ROWS, and MASKS are they. */
static bool is_first(const uint64_t *rows, uint32_t word, uint32_t end, uint32_t at, const uint64_t *masks)
{
	for (; word < end; word += SCAN_WORDS) {
		uint64_t some = 0, expected[SCAN_WORDS] = { 0 };
		for (uint32_t i = 0; i < SCAN_WORDS && word + i < end; i++)
			some |= expected[i] = rows[word + i];
		if (some)
			return at == word && memcmp(masks, expected, sizeof expected) == 0;
	}
	return at >= end;
}

/* What the header says, row by row, against the form that is compared with. */
static unsigned check_scalar(const struct kernels *scalar, uint32_t now, uint32_t age)
{
	unsigned differences = 0;
	uint64_t older[WORDS] = { 0 }, below[WORDS] = { 0 }, masks[SCAN_WORDS];
	for (uint32_t row = 0; row < WORDS * 64; row++) {
		uint32_t passed = now - stamps[row];
		uint64_t bit = used[row / 64] & 1ull << (row % 64);
		older[row / 64] |= passed <= INT32_MAX && passed > age ? bit : 0;
		below[row / 64] |= stamps[row] < now ? bit : 0;
	}
	for (uint32_t word = 0; word < WORDS; word++) {
		uint32_t end = word + 1 + chance() % (WORDS - word);
		uint32_t at = scalar->older(stamps, used, word, end, now, age, masks);
		differences += !is_first(older, word, end, at, masks);
		at = scalar->below(stamps, used, word, end, now, masks);
		differences += !is_first(below, word, end, at, masks);
	}
	return differences;
}

/* In two rounds of three most rows are young, so that nothing is found in most groups of words; in one of four most
 * words are free. */
static void fill(uint32_t now, uint32_t age, unsigned round)
{
	for (uint32_t i = 0; i < WORDS * 64; i++)
		stamps[i] = round % 3 && chance() % 1000 ? now : value_near(chance() % 2 ? now : now - age);
	for (uint32_t i = 0; i < WORDS; i++)
		used[i] = round % 4 == 0 && chance() % 16 ? 0 :
			  chance() % 4                    ? (uint64_t)chance() << 32 | chance() :
			  chance() % 2                    ? UINT64_MAX :
							    0;
}

int main(void)
{
	const struct kernels *scalar, *other;
	unsigned forms = 0, differences = 0;
	if (scan_choose(ALLOCPOOL_SIMD_SCALAR, &scalar) != 0)
		return 1;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t now = value_near(0), age = value_near(100) & INT32_MAX;
		fill(now, age, round);
		differences += check_scalar(scalar, now, age);
		forms = 0;
		for (uint32_t simd = ALLOCPOOL_SIMD_AVX2; simd <= ALLOCPOOL_SIMD_NEON; simd++)
			if (scan_choose(simd, &other) == 0) {
				forms++;
				differences += compare(scalar, other, now, age);
			}
	}
	if (scan_choose(ALLOCPOOL_SIMD_AUTO, &other) != 0)
		return 1;
	printf("best: %s; %u other forms, %u differences\n", other->name, forms, differences);
	return differences != 0 || forms == 0;
}
