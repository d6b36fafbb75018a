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

/* The rows of the cursor's pending mask, as far as there is room. */
static size_t put_found(const struct allocpool *pool, struct witness w, struct allocpool_cursor *cursor,
			struct allocpool_found *found, size_t room)
{
	const uint64_t *keys = pool->keys;
	uint64_t pending = cursor->pending;
	size_t count = 0;
	for (; pending && count < room; pending &= pending - 1) {
		uint32_t row = cursor->word * 64 + (uint32_t)__builtin_ctzll(pending);
		found[count++] = (struct allocpool_found){
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

/* The rows of a word that may be evicted. */
static uint64_t evictable(const struct allocpool *pool, uint32_t word)
{
	if (word >= pool->words)
		return 0;
	return pool->used[word] & pool_real_rows(pool, word) & ~pool_pinned_mask(pool, word);
}

/* Puts those of FOUND that are still due at the front of BATCH, up to ERASE_BATCH; *at is behind the last one seen.
 * In select's order rows of one word come together, and words ascend; only in another are rows looked for. */
static size_t fill_batch(const struct allocpool *pool, struct witness w, const struct allocpool_found *found,
			 size_t count, struct allocpool_found *batch, size_t *at)
{
	const uint64_t *keys = pool->keys;
	size_t kept = 0, i = *at;
	uint32_t word = UINT32_MAX, highest = 0;
	uint64_t due = 0;
	bool ascends = true;
	for (; i < count && kept < ERASE_BATCH; i++) {
		const struct allocpool_found one = { found[i].key, found[i].row, found[i].seen };
		if (one.row / 64 != word) {
			word = one.row / 64;
			due = evictable(pool, word);
			ascends = kept == 0 || word > highest;
			highest = ascends ? word : highest;
		}
		const uint64_t bit = 1ull << (one.row % 64);
		if (!(due & bit) || seen_by(w, one.row) != one.seen || (keys && keys[one.row] != one.key))
			continue;
		if (!ascends && is_named(batch, kept, one.row))
			continue;
		due &= ~bit;
		batch[kept++] = one;
	}
	*at = i;
	return kept;
}

/* Rows of one word in a row, as select gives them, go in one step. */
static void release_found(struct allocpool *pool, const struct allocpool_found *found, size_t count)
{
	for (size_t i = 0; i < count;) {
		uint32_t word = found[i].row / 64;
		uint64_t mask = 0;
		size_t begin = i;
		for (; i < count && found[i].row / 64 == word; i++)
			mask |= 1ull << (found[i].row % 64);
		pool_release(pool, word, mask, (uint32_t)(i - begin));
	}
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
	size_t freed = 0;
	for (size_t at = 0; at < count;) {
		struct allocpool_found *batch = found + freed;
		size_t kept = fill_batch(pool, w, found, count, batch, &at);
		if (erase && kept)
			erase(argument, batch, kept);
		release_found(pool, batch, kept);
		freed += kept;
	}
	return (long)freed;
}
