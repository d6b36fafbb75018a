/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction in two steps: what is due is looked for under the reader's lock, for as long as the caller likes; what
 * nobody has used since is freed under the writer's, after the caller has taken it out of his map. */
#include "pool.h"
#include <time.h>

/* Between two looks at the clock: 16384 rows, some microseconds; of the caller's own score 64. */
#define WORDS_A_LOOK 256u
#define WORDS_A_LOOK_BY_SCORE 1u
#define ERASE_BATCH 256u

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int check_query(const struct allocpool *pool, const struct allocpool_query *query)
{
	switch (query->by) {
	case ALLOCPOOL_BY_AGE:
		return query->age > INT32_MAX ? -EINVAL : pool->view.stamps ? 0 : -ENOTSUP;
	case ALLOCPOOL_BY_COUNTER:
		return pool->view.counters ? 0 : -ENOTSUP;
	case ALLOCPOOL_BY_SCORE:
		return query->score ? 0 : -EINVAL;
	case ALLOCPOOL_BY_DIRTY:
		return pool->view.dirty ? 0 : -ENOTSUP;
	default:
		return -EINVAL;
	}
}

static uint32_t next_by_score(const struct allocpool *pool, const struct allocpool_query *query, uint32_t word,
			      uint32_t end, uint64_t *ret_mask)
{
	for (; word < end; word++) {
		uint64_t mask = 0;
		for (uint64_t m = pool->used[word] & pool_real_rows(pool, word); m; m &= m - 1) {
			uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(m);
			if (query->score(query->argument, &pool->view, row) < query->score_below)
				mask |= m & -m;
		}
		if (mask) {
			*ret_mask = mask;
			break;
		}
	}
	return word;
}

static uint32_t next_dirty(const struct allocpool *pool, uint32_t word, uint32_t end, uint64_t *ret_mask)
{
	for (; word < end; word++) {
		uint64_t mask = __atomic_load_n(&pool->view.dirty[word], __ATOMIC_ACQUIRE) & pool->used[word];
		if (mask) {
			*ret_mask = mask;
			break;
		}
	}
	return word;
}

/* The first word of [word, end) with a row that is due; END: none. */
static uint32_t next_word(const struct allocpool *pool, const struct allocpool_query *query, uint32_t word,
			  uint32_t end, uint64_t *ret_mask)
{
	switch (query->by) {
	case ALLOCPOOL_BY_AGE:
		return pool->kernels->older(pool->view.stamps, pool->used, word, end, query->now, query->age, ret_mask);
	case ALLOCPOOL_BY_COUNTER:
		return pool->kernels->below(pool->view.counters, pool->used, word, end, query->below, ret_mask);
	case ALLOCPOOL_BY_SCORE:
		return next_by_score(pool, query, word, end, ret_mask);
	default:
		return next_dirty(pool, word, end, ret_mask);
	}
}

/* What shows that a row was used: where not one field decides, a sum in which each change of one field, and all but
 * one in four thousand million of both, is seen. */
struct witness {
	const uint32_t *plain, *scattered;
};

static struct witness witness_of(const struct allocpool *pool, uint32_t by)
{
	struct witness w = { .plain = pool->view.stamps, .scattered = pool->view.counters };
	if (by == ALLOCPOOL_BY_COUNTER)
		w.plain = w.scattered;
	if (by == ALLOCPOOL_BY_COUNTER || by == ALLOCPOOL_BY_AGE)
		w.scattered = NULL;
	return w;
}

static inline uint32_t seen_by(struct witness w, uint32_t row)
{
	uint32_t seen = w.plain ? __atomic_load_n(&w.plain[row], __ATOMIC_RELAXED) : 0;
	return w.scattered ? seen + __atomic_load_n(&w.scattered[row], __ATOMIC_RELAXED) * 0x9e3779b1u : seen;
}

/* The rows of the cursor's pending mask, as far as there is room. Where there is for all 64, eight are written at a
 * time, of which the last may be none: how many there are differs from word to word, and no CPU guesses it. */
static size_t put_found(const struct allocpool *pool, struct witness w, struct allocpool_cursor *cursor,
			struct allocpool_found *found, size_t room)
{
	const uint64_t *keys = pool->keys;
	const uint32_t first = cursor->word * 64, at_once = room < 64 ? 1 : 8;
	uint64_t pending = cursor->pending;
	size_t count = (size_t)__builtin_popcountll(pending), at = 0;
	count = count < room ? count : room;
	if (keys) /* two pages ahead: each page's first look is slow, and the CPU does not fetch across pages */
		__builtin_prefetch((const void *)((uintptr_t)(keys + first) + 8192));
	for (; at < count; at += at_once)
		for (uint32_t i = 0; i < at_once; i++, pending &= pending - 1) {
			uint32_t row = first + (uint32_t)__builtin_ctzll(pending | 1ull << 63);
			found[at + i] = (struct allocpool_found){
				.key = keys ? keys[row] : 0,
				.row = row,
				.seen = seen_by(w, row),
			};
		}
	cursor->pending = pending;
	if (!pending)
		cursor->word++;
	return count;
}

/* Rows of a word that had no room the last time: some may be free, or used, since. */
static uint64_t still_pending(const struct allocpool *pool, const struct allocpool_query *query,
			      const struct allocpool_cursor *cursor)
{
	uint64_t mask = 0;
	if (next_word(pool, query, cursor->word, cursor->word + 1, &mask) != cursor->word)
		return 0;
	return cursor->pending & mask & pool_real_rows(pool, cursor->word) & ~pool_pinned_mask(pool, cursor->word);
}

long allocpool_select(const struct allocpool *pool, const struct allocpool_query *query,
		      struct allocpool_cursor *cursor, struct allocpool_found *ret_found, size_t room)
{
	if (!pool || !query || !cursor || !ret_found || !room)
		return -EINVAL;
	int error = check_query(pool, query);
	if (error)
		return error;
	const struct witness w = witness_of(pool, query->by);
	uint32_t end = pool_words_in_use(pool);
	uint32_t look = query->by == ALLOCPOOL_BY_SCORE ? WORDS_A_LOOK_BY_SCORE : WORDS_A_LOOK;
	uint64_t until = 0;
	if (query->budget_ns && __builtin_add_overflow(clock_ns(), query->budget_ns, &until))
		until = 0;
	size_t count = 0;
	if (cursor->pending && cursor->word < end) {
		cursor->pending = still_pending(pool, query, cursor);
		count = put_found(pool, w, cursor, ret_found, room);
	}
	while (count < room && cursor->word < end) {
		uint32_t stop = until && end - cursor->word > look ? cursor->word + look : end;
		while (count < room && cursor->word < stop) {
			uint64_t mask = 0;
			cursor->word = next_word(pool, query, cursor->word, stop, &mask);
			if (cursor->word == stop)
				break;
			cursor->pending = mask & pool_real_rows(pool, cursor->word) &
					  ~pool_pinned_mask(pool, cursor->word);
			count += put_found(pool, w, cursor, ret_found + count, room - count);
		}
		if (until && clock_ns() >= until)
			break;
	}
	cursor->done = cursor->word >= end;
	return (long)count;
}

/* A row that is named twice must not be erased twice. */
static bool is_named(const struct allocpool_found *batch, size_t count, uint32_t row)
{
	for (size_t i = 0; i < count; i++)
		if (batch[i].row == row)
			return true;
	return false;
}

/* A batch, and its rows by words of the bitmap: one entry for those that come one after the other. */
struct batch {
	struct allocpool_found *found;
	size_t count, words;
	struct {
		uint32_t word;
		uint64_t mask;
	} rows[ERASE_BATCH + 1]; /* from 1 on */
};

static inline bool still_due(const struct allocpool *pool, struct witness w, struct allocpool_found one)
{
	return one.row < pool->config.max_rows && pool_has(pool, one.row) && seen_by(w, one.row) == one.seen &&
	       (!pool->keys || pool->keys[one.row] == one.key) && !pool_is_pinned(pool, one.row);
}

/* Puts those of FOUND that are still due at the front of BATCH, up to ERASE_BATCH, and gives how many it looked at. In
 * select's order each is higher than all before it; any other is looked for. */
static size_t fill_batch(const struct allocpool *pool, struct witness w, const struct allocpool_found *found,
			 size_t count, struct batch *batch)
{
	const struct allocpool copy = *pool;
	size_t kept = 0, words = 0, i = 0;
	uint32_t word = UINT32_MAX, highest = 0;
	uint64_t mask = 0;
	for (; i < count && kept < ERASE_BATCH; i++) {
		const struct allocpool_found one = { found[i].key, found[i].row, found[i].seen };
		if (!still_due(&copy, w, one))
			continue;
		if (kept && one.row <= highest) {
			if (is_named(batch->found, kept, one.row))
				continue;
		} else {
			highest = one.row;
		}
		/* Without a branch, which no CPU would guess. */
		mask = (one.row / 64 == word ? mask : 0) | 1ull << (one.row % 64);
		words += one.row / 64 != word;
		word = one.row / 64;
		batch->rows[words].word = word;
		batch->rows[words].mask = mask;
		batch->found[kept++] = one;
	}
	batch->count = kept;
	batch->words = words;
	return i;
}

static void release_batch(struct allocpool *pool, const struct batch *batch)
{
	for (size_t i = 1; i <= batch->words; i++)
		pool_release(pool, batch->rows[i].word, batch->rows[i].mask,
			     (uint32_t)__builtin_popcountll(batch->rows[i].mask));
}

long allocpool_commit(struct allocpool *pool, const struct allocpool_query *query, struct allocpool_found *found,
		      size_t count, void (*erase)(void *argument, const struct allocpool_found *batch, size_t count),
		      void *argument)
{
	if (!pool || !query || (count && !found))
		return -EINVAL;
	int error = check_query(pool, query);
	if (error)
		return error;
	const struct witness w = witness_of(pool, query->by);
	struct batch batch = { .found = found };
	for (size_t at = 0; at < count;) {
		at += fill_batch(pool, w, found + at, count - at, &batch);
		if (erase && batch.count)
			erase(argument, batch.found, batch.count);
		release_batch(pool, &batch);
		batch.found += batch.count;
	}
	return batch.found - found;
}
