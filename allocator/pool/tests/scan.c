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
	uint64_t mask[4];
	for (uint32_t word = 0; word < WORDS; word++) {
		uint32_t end = word + 1 + chance() % (WORDS - word);
		memset(mask, 0, sizeof mask);
		differences += one->older(stamps, used, word, end, now, age, &mask[0]) !=
			       other->older(stamps, used, word, end, now, age, &mask[1]);
		differences += one->below(stamps, used, word, end, now, &mask[2]) !=
			       other->below(stamps, used, word, end, now, &mask[3]);
		differences += mask[0] != mask[1] || mask[2] != mask[3];
	}
	return differences;
}

/* What the header says, row by row, against the form that is compared with. */
static unsigned check_scalar(const struct kernels *scalar, uint32_t now, uint32_t age)
{
	unsigned differences = 0;
	for (uint32_t word = 0; word < WORDS; word++) {
		uint64_t older = 0, below = 0, mask[2] = { 0 };
		for (uint32_t i = 0; i < 64; i++) {
			uint32_t passed = now - stamps[word * 64 + i];
			older |= (uint64_t)(passed <= INT32_MAX && passed > age) << i;
			below |= (uint64_t)(stamps[word * 64 + i] < now) << i;
		}
		scalar->older(stamps, used, word, word + 1, now, age, &mask[0]);
		scalar->below(stamps, used, word, word + 1, now, &mask[1]);
		differences += mask[0] != (older & used[word]) || mask[1] != (below & used[word]);
	}
	return differences;
}

int main(void)
{
	const struct kernels *scalar, *other;
	unsigned forms = 0, differences = 0;
	if (scan_choose(ALLOCPOOL_SIMD_SCALAR, &scalar) != 0)
		return 1;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t now = value_near(0), age = value_near(100) & INT32_MAX;
		for (uint32_t i = 0; i < WORDS * 64; i++)
			stamps[i] = value_near(chance() % 2 ? now : now - age);
		for (uint32_t i = 0; i < WORDS; i++)
			used[i] = chance() % 4 ? (uint64_t)chance() << 32 | chance() : chance() % 2 ? UINT64_MAX : 0;
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
