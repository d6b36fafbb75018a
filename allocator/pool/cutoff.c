/* SPDX-License-Identifier: Apache-2.0 */
/* What to select by: the age that keeps a given number of rows, and counters that fade. */
#include "pool.h"

#define BUCKETS 4096u

/* Ages from FIRST on in steps of 2^SHIFT; or all of them, with their leading eight bits. */
struct scale {
	bool is_whole;
	uint32_t first;
	unsigned shift;
};

/* BUCKETS or more: not within. */
static inline uint32_t bucket_of(struct scale s, uint32_t age)
{
	if (!s.is_whole)
		return (age - s.first) >> s.shift;
	unsigned shift = age < 256 ? 0 : 24 - (unsigned)__builtin_clz(age);
	return shift * 128 + (age >> shift);
}

/* The ages of one bucket, and how to look into it. */
static struct scale within_bucket(struct scale s, uint32_t bucket)
{
	unsigned shift = s.is_whole ? (bucket < 256 ? 0 : bucket / 128 - 1) : s.shift;
	uint32_t first = s.is_whole ? (bucket - shift * 128) << shift : s.first + (bucket << shift);
	return (struct scale){ .first = first, .shift = shift };
}

/* A stamp of the future has age 0. */
static void count_ages(const struct allocpool *pool, uint32_t now, struct scale s, uint32_t buckets[BUCKETS])
{
	const uint32_t *stamps = pool->view.stamps;
	for (uint32_t word = 0; word < pool_words_in_use(pool); word++)
		for (uint64_t m = pool->used[word] & pool_real_rows(pool, word); m; m &= m - 1) {
			uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(m);
			uint32_t age = now - __atomic_load_n(&stamps[row], __ATOMIC_RELAXED);
			uint32_t bucket = bucket_of(s, age > INT32_MAX ? 0 : age);
			if (bucket < BUCKETS)
				buckets[bucket]++;
		}
}

int allocpool_cutoff(const struct allocpool *pool, uint32_t now, uint32_t keep, uint32_t *ret_age, uint32_t *ret_kept)
{
	if (!pool || !ret_age || !ret_kept)
		return -EINVAL;
	if (!pool->view.stamps)
		return -ENOTSUP;
	/* The bucket in which the number is reached is looked into until it is one age. Readers may touch meanwhile:
	 * what it had then is found no more, and its highest age is the answer. */
	struct scale s = { .is_whole = true };
	uint32_t within = 0, highest = INT32_MAX;
	for (;;) {
		uint32_t buckets[BUCKETS] = { 0 }, bucket = 0;
		count_ages(pool, now, s, buckets);
		while (bucket < BUCKETS && within + buckets[bucket] < keep)
			within += buckets[bucket++];
		if (bucket == BUCKETS)
			break;
		s = within_bucket(s, bucket);
		highest = s.first + (1u << s.shift) - 1;
		if (s.shift == 0) {
			within += buckets[bucket];
			break;
		}
		s.shift = s.shift > 12 ? s.shift - 12 : 0;
	}
	*ret_age = highest;
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
