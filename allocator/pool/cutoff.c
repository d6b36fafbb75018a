/* SPDX-License-Identifier: Apache-2.0 */
/* What to select by: the age that keeps a given number of rows, and counters that fade. */
#include "pool.h"

#define BUCKETS 4096u

/* How many rows have which age, from FIRST on in steps of 2^SHIFT; a stamp of the future has age 0. */
static void count_ages(const struct allocpool *pool, uint32_t now, uint32_t first, unsigned shift,
		       uint32_t buckets[BUCKETS])
{
	for (uint32_t word = 0; word < pool_words_in_use(pool); word++)
		for (uint64_t m = pool->used[word] & pool_real_rows(pool, word); m; m &= m - 1) {
			uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(m);
			int32_t signed_age =
				(int32_t)(now - __atomic_load_n(&pool->view.stamps[row], __ATOMIC_RELAXED));
			uint32_t age = signed_age < 0 ? 0 : (uint32_t)signed_age;
			if (age >= first && (age - first) >> shift < BUCKETS)
				buckets[(age - first) >> shift]++;
		}
}

int allocpool_cutoff(const struct allocpool *pool, uint32_t now, uint32_t keep, uint32_t *ret_age, uint32_t *ret_kept)
{
	if (!pool || !ret_age || !ret_kept)
		return -EINVAL;
	if (!pool->view.stamps)
		return -ENOTSUP;
	/* 31 bits in steps of 2^19, then of 2^7, then of 1: the bucket in which the number is reached is looked
	 * into. Readers may touch meanwhile, then the last step finds a little less. */
	uint32_t first = 0, within = 0;
	static const unsigned shifts[] = { 19, 7, 0 };
	for (size_t step = 0; step < sizeof shifts / sizeof *shifts; step++) {
		uint32_t buckets[BUCKETS] = { 0 }, bucket = 0;
		count_ages(pool, now, first, shifts[step], buckets);
		while (bucket < BUCKETS && within + buckets[bucket] < keep)
			within += buckets[bucket++];
		if (bucket == BUCKETS) {
			*ret_age = INT32_MAX;
			*ret_kept = pool->live;
			return 0;
		}
		first += bucket << shifts[step];
		if (shifts[step] == 0)
			within += buckets[bucket];
	}
	*ret_age = first;
	*ret_kept = within;
	return 0;
}

int allocpool_decay(struct allocpool *pool, unsigned shift)
{
	if (!pool || shift < 1 || shift > 31)
		return -EINVAL;
	if (!pool->view.counters)
		return -ENOTSUP;
	for (size_t row = 0; row < pool->high_water; row++)
		pool->view.counters[row] >>= shift;
	return 0;
}
