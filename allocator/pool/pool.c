/* SPDX-License-Identifier: Apache-2.0 */
/* A pool begins and ends, and rows are taken: always the lowest free one, so that the top empties and can be given
 * back. */
#include "pool.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FETCHED_AHEAD 24u /* rows: the time in which one comes from memory is that of about as many allocations */

static int check_config(const struct allocpool_config *c)
{
	if (c->row_bytes == 0 || c->row_bytes > ALLOCPOOL_MAX_ROW_BYTES || c->max_rows == 0 ||
	    c->max_rows > ALLOCPOOL_MAX_ROWS)
		return -EINVAL;
	if (c->alignment > HUGE_PAGE || (c->alignment & (c->alignment - 1)) || (c->fields & ~63u) || c->reserved)
		return -EINVAL;
	if (c->pages > ALLOCPOOL_PAGES_THP_FIELDS || c->numa > ALLOCPOOL_NUMA_INTERLEAVE ||
	    c->debug > ALLOCPOOL_DEBUG_VERIFY || c->simd > ALLOCPOOL_SIMD_NEON)
		return -EINVAL;
	if ((c->numa == ALLOCPOOL_NUMA_INHERIT) != (c->nodes == 0) ||
	    (c->numa == ALLOCPOOL_NUMA_PREFER && (c->nodes & (c->nodes - 1))))
		return -EINVAL;
	return (c->low_water != 0) == (c->on_low != NULL) && c->low_water <= c->max_rows ? 0 : -EINVAL;
}

static void mark_all_free(struct allocpool *pool)
{
	pool->used[pool->words - 1] = ~pool_real_rows(pool, pool->words - 1);
	memset(pool->some_free, 0xff, pool->words / 64 * 8);
	if (pool->words % 64)
		pool->some_free[pool->words / 64] = ~(UINT64_MAX << (pool->words % 64));
}

int allocpool_create(const struct allocpool_config *config, struct allocpool **ret_pool)
{
	if (!config || !ret_pool || config->size != sizeof *config)
		return -EINVAL;
	const struct kernels *kernels = NULL;
	int error = check_config(config);
	if (!error)
		error = scan_choose(config->simd, &kernels);
	if (error)
		return error;
	struct allocpool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return -ENOMEM;
	pool->config = *config;
	pool->kernels = kernels;
	if (!pool->config.alignment)
		pool->config.alignment = 64;
	pool->words = (uint32_t)(((uint64_t)config->max_rows + 63) / 64);
	pool->view.max_rows = config->max_rows;
	pool->view.stride = (config->row_bytes + pool->config.alignment - 1) & -pool->config.alignment;
	error = memory_reserve(pool);
	if (error) {
		allocpool_destroy(pool, 1);
		return error;
	}
	mark_all_free(pool);
	pool->alloc_asks = pool->closed || config->low_water || config->debug == ALLOCPOOL_DEBUG_VERIFY;
	*ret_pool = pool;
	return 0;
}

int allocpool_destroy(struct allocpool *pool, int force)
{
	if (!pool)
		return 0;
	if (pool->live && !force)
		return -EBUSY;
	if (pool->reservation)
		munmap(pool->reservation, pool->reserved);
	free(pool);
	return 0;
}

const struct allocpool_view *allocpool_get_view(const struct allocpool *pool)
{
	return pool ? &pool->view : NULL;
}

/* Of those from WORD on; WORDS: none. */
static uint32_t next_with_free(const struct allocpool *pool, uint32_t word)
{
	const uint32_t end = (pool->words + 63) / 64;
	uint32_t at = word / 64;
	if (at >= end)
		return pool->words;
	uint64_t some = pool->some_free[at] & UINT64_MAX << (word % 64);
	while (!some && ++at < end)
		some = pool->some_free[at];
	return some ? at * 64 + (uint32_t)__builtin_ctzll(some) : pool->words;
}

/* What alloc and its caller write to. */
static inline void fetch_row(const struct allocpool *pool, uint32_t row)
{
	const struct allocpool_view *view = &pool->view;
	fetch(pool_bytes(pool, row));
	if (view->keys)
		fetch(view->keys + row);
	if (view->stamps)
		fetch(view->stamps + row);
	if (view->counters)
		fetch(view->counters + row);
}

/* Rows that come again lie scattered, and their new owner writes to them at once: some are fetched ahead, with their
 * fields. (Above the high-water mark they come in a row: the CPU sees that by itself.) */
static void fetch_ahead(struct allocpool *pool, uint32_t word)
{
	const uint32_t end = pool->high_water / 64;
	uint32_t taken = word < pool->words ? (uint32_t)__builtin_popcountll(~pool->used[word]) : 0;
	uint32_t ahead = word < pool->fetched && pool->fetched_ahead > taken ? pool->fetched_ahead - taken : 0;
	uint32_t next = pool->fetched > word ? pool->fetched : word + 1;
	while (ahead < FETCHED_AHEAD && next < end) {
		next = next_with_free(pool, next);
		if (next >= end)
			break;
		for (uint64_t m = ~pool->used[next]; m; m &= m - 1, ahead++)
			fetch_row(pool, next * 64 + (uint32_t)__builtin_ctzll(m));
		next++;
	}
	pool->fetched = next;
	pool->fetched_ahead = ahead;
}

static uint32_t find_lowest(struct allocpool *pool)
{
	if (pool->lowest >= pool->words || pool->used[pool->lowest] == UINT64_MAX)
		pool->lowest = next_with_free(pool, pool->lowest);
	return pool->lowest;
}

uint32_t pool_lowest_word(struct allocpool *pool)
{
	uint32_t before = pool->lowest;
	if (find_lowest(pool) != before && pool->lowest < pool->high_water / 64)
		fetch_ahead(pool, pool->lowest);
	return pool->lowest;
}

/* COUNT more rows are in use, all below END. */
static inline void count_taken(struct allocpool *pool, uint32_t end, uint32_t count)
{
	pool->live += count;
	if (pool->live > pool->peak)
		pool->peak = pool->live;
	if (end > pool->high_water) {
		pool->high_water = end;
		pool->ever = end > pool->ever ? end : pool->ever;
	}
}

void pool_take(struct allocpool *pool, uint32_t word, uint64_t mask, uint32_t count)
{
	uint32_t end = word * 64 + 64 - (uint32_t)__builtin_clzll(mask);
	pool->used[word] |= mask;
	if (pool->used[word] == UINT64_MAX)
		pool->some_free[word / 64] &= ~(1ull << (word % 64));
	count_taken(pool, end, count);
}

void pool_release(struct allocpool *pool, uint32_t word, uint64_t mask, uint32_t count)
{
	pool->used[word] &= ~mask;
	pool->some_free[word / 64] |= 1ull << (word % 64);
	if (word < pool->lowest) {
		pool->lowest = word;
		pool->fetched = 0;
	}
	pool->live -= count;
	if (pool->view.dirty)
		pool->view.dirty[word] &= ~mask;
	if (pool->view.pinned) /* within erase or on_move, all others are refused */
		pool->view.pinned[word] &= ~mask;
	if (!pool->generations && !pool->config.debug)
		return;
	for (uint64_t m = mask; m; m &= m - 1) {
		uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(m);
		if (pool->generations)
			pool->generations[row]++;
		if (pool->config.debug)
			memset(pool_bytes(pool, row), DEAD_BYTE, pool->view.stride);
	}
}

/* A freed row holds what it was filled with, or zeros where its pages were given back. */
static bool written_since(struct allocpool *pool, uint32_t row)
{
	unsigned char *bytes = (unsigned char *)pool_bytes(pool, row);
	for (size_t i = 0; i < pool->view.stride; i++)
		if (bytes[i] != 0 && bytes[i] != DEAD_BYTE) {
			memset(bytes, DEAD_BYTE, pool->view.stride);
			return true;
		}
	return false;
}

static int make_ready(struct allocpool *pool, uint32_t row)
{
	size_t end = ((size_t)row + 1) * pool->view.stride;
	if (end > __atomic_load_n(&pool->rows_ready, __ATOMIC_ACQUIRE)) {
		if (!memory_try_busy(pool))
			return -EAGAIN;
		int error = memory_open(pool, end);
		memory_end_busy(pool);
		if (error)
			return error;
	}
	return pool->config.debug == ALLOCPOOL_DEBUG_VERIFY && written_since(pool, row) ? -EUCLEAN : 0;
}

static void tell_low(struct allocpool *pool)
{
	uint32_t prepared = __atomic_load_n(&pool->prepared, __ATOMIC_RELAXED);
	uint32_t free_rows = prepared > pool->live ? prepared - pool->live : 0;
	if (free_rows < pool->config.low_water && !__atomic_load_n(&pool->low_told, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&pool->low_told, true, __ATOMIC_RELAXED))
		pool->config.on_low(pool->config.argument, free_rows);
}

static void begin_row(struct allocpool *pool, uint32_t row, uint64_t key, uint32_t now)
{
	if (pool->keys)
		pool->keys[row] = key;
	if (pool->view.stamps)
		pool->view.stamps[row] = now;
	if (pool->view.counters)
		pool->view.counters[row] = 0;
}

__attribute__((noinline)) static int alloc_any(struct allocpool *pool, uint64_t key, uint32_t now, uint32_t *ret_row)
{
	uint32_t word = pool_lowest_word(pool);
	if (word == pool->words)
		return -ENOSPC;
	uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(~pool->used[word]);
	int error = make_ready(pool, row);
	if (error)
		return error;
	pool_take(pool, word, 1ull << (row % 64), 1);
	begin_row(pool, row, key, now);
	*ret_row = row;
	if (pool->config.low_water)
		tell_low(pool);
	return 0;
}

int allocpool_alloc(struct allocpool *pool, uint64_t key, uint32_t now, uint32_t *ret_row)
{
	if (!pool || !ret_row)
		return -EINVAL;
	/* The next row of the word that the last one was of, where nothing else is to be done: all under a lock. */
	uint32_t word = pool->lowest;
	uint64_t used = word < pool->words ? pool->used[word] : UINT64_MAX, with_next = used | (used + 1);
	if (with_next == UINT64_MAX || pool->alloc_asks)
		return alloc_any(pool, key, now, ret_row);
	uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(~used);
	pool->used[word] = with_next;
	count_taken(pool, row + 1, 1);
	begin_row(pool, row, key, now);
	*ret_row = row;
	return 0;
}

int allocpool_alloc_mask(struct allocpool *pool, uint32_t now, unsigned most, uint32_t *ret_word, uint64_t *ret_mask)
{
	if (!pool || !ret_word || !ret_mask || most < 1 || most > 64)
		return -EINVAL;
	uint32_t word = pool_lowest_word(pool);
	if (word == pool->words)
		return -ENOSPC;
	uint64_t mask = 0;
	unsigned count = 0;
	for (uint64_t m = ~pool->used[word]; m && count < most; m &= m - 1, count++) {
		uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(m);
		int error = make_ready(pool, row);
		if (error && (!mask || error == -EUCLEAN)) /* which is told once */
			return error;
		if (error)
			break;
		mask |= m & -m;
		begin_row(pool, row, 0, now);
	}
	pool_take(pool, word, mask, count);
	*ret_word = word, *ret_mask = mask;
	if (pool->config.low_water)
		tell_low(pool);
	return (int)count;
}

/* The lowest free rows of the next word that has any, up to MOST, are in use from now on; how many, or an error. */
static long take_some(struct allocpool *pool, size_t most, uint32_t *ret_rows)
{
	uint32_t word = find_lowest(pool), count = 0;
	if (word == pool->words)
		return -ENOSPC;
	uint64_t left = ~pool->used[word], mask = 0;
	for (; left && count < most; left &= left - 1, count++) {
		uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(left);
		int error = pool->alloc_asks ? make_ready(pool, row) : 0;
		if (error && (!mask || error == -EUCLEAN)) /* which is told once */
			return error;
		if (error)
			break;
		mask |= left & -left;
		ret_rows[count] = row;
	}
	pool_take(pool, word, mask, count);
	return (long)count;
}

int allocpool_alloc_bulk(struct allocpool *pool, const uint64_t *keys, uint32_t now, size_t count, uint32_t *ret_rows)
{
	size_t taken = 0;
	long some = 0;
	if (!pool || (count && !ret_rows))
		return -EINVAL;
	if (count > pool->config.max_rows - pool->live)
		return -ENOSPC;
	for (; taken < count; taken += (size_t)some) {
		some = take_some(pool, count - taken, ret_rows + taken);
		if (some < 0)
			break;
	}
	if (some < 0) {
		while (taken--)
			pool_release(pool, ret_rows[taken] / 64, 1ull << (ret_rows[taken] % 64), 1);
		return (int)some;
	}
	for (size_t i = 0; i < count && i < FETCHED_AHEAD; i++)
		fetch_row(pool, ret_rows[i]);
	for (size_t i = 0; i < count; i++) {
		if (i + FETCHED_AHEAD < count)
			fetch_row(pool, ret_rows[i + FETCHED_AHEAD]);
		begin_row(pool, ret_rows[i], keys ? keys[i] : 0, now);
	}
	if (pool->config.low_water && count)
		tell_low(pool);
	return 0;
}

int allocpool_get_stats(const struct allocpool *pool, struct allocpool_stats *ret_stats)
{
	if (!pool || !ret_stats)
		return -EINVAL;
	uint32_t prepared = __atomic_load_n(&pool->prepared, __ATOMIC_RELAXED);
	uint32_t top = prepared > pool->high_water ? prepared : pool->high_water;
	double metadata = (double)pool->metadata_bits / 8 + 1.0 / 512; /* some_free: a bit for 64 rows */
	*ret_stats = (struct allocpool_stats){
		.live = pool->live,
		.peak = pool->peak,
		.max_rows = pool->config.max_rows,
		.prepared = prepared,
		.high_water = pool->high_water,
		.huge = memory_has_huge_rows(pool),
		.hugetlb_bytes = __atomic_load_n(&pool->hugetlb_bytes, __ATOMIC_RELAXED),
		.reserved_bytes = pool->reserved,
		.resident_bytes = top * (uint64_t)pool->view.stride + (uint64_t)((double)top * metadata),
		.metadata_bytes = metadata,
		.refused = pool->refused,
		.moved = pool->moved,
		.simd = pool->kernels->name,
	};
	return 0;
}
