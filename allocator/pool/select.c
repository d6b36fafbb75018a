/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction in two steps: what is due is looked for under the reader's lock, for as long as the caller likes; what
 * nobody has used since is freed under the writer's, after the caller has taken it out of his map. */
#include "pool.h"
#include <string.h>
#include <time.h>

/* Between two looks at the clock: 16384 rows, some microseconds; of the caller's own score 64. */
#define WORDS_A_LOOK 256u
#define WORDS_A_LOOK_BY_SCORE 1u
#define ERASE_BATCH 256u
#define WORDS_AHEAD 64u

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

/* Rows that are due, of up to SCAN_WORDS words of the bitmap. */
struct due {
	uint32_t word, end; /* the first word, and the first that was not looked at */
	uint64_t masks[SCAN_WORDS];
};

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

/* The first words of [word, end) with a row that is due and not pinned: of a scan several. False: none. */
static bool find_due(const struct allocpool *pool, const struct allocpool_query *query, uint32_t word, uint32_t end,
		     struct due *due)
{
	const bool by_age = query->by == ALLOCPOOL_BY_AGE, by_counter = query->by == ALLOCPOOL_BY_COUNTER;
	const uint32_t step = by_age || by_counter ? SCAN_WORDS : 1;
	for (uint64_t some = 0; !some; word = due->end) {
		memset(due->masks, 0, sizeof due->masks);
		if (by_age)
			word = pool->kernels->older(pool->view.stamps, pool->used, word, end, query->now, query->age,
						    due->masks);
		else if (by_counter)
			word = pool->kernels->below(pool->view.counters, pool->used, word, end, query->below,
						    due->masks);
		else if (query->by == ALLOCPOOL_BY_SCORE)
			word = next_by_score(pool, query, word, end, due->masks);
		else
			word = next_dirty(pool, word, end, due->masks);
		due->word = word;
		if (word >= end)
			return false;
		due->end = end - word < step ? end : word + step;
		for (uint32_t i = 0; i < due->end - word; i++)
			some |= due->masks[i] &= pool_real_rows(pool, word + i) & ~pool_pinned_mask(pool, word + i);
	}
	return true;
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

/* The keys' cache lines, of eight each: of 64 rows the line of each byte of the mask. */
static void fetch_keys(const struct allocpool *pool, const struct due *due)
{
	for (uint32_t i = 0; pool->keys && i < due->end - due->word; i++) {
		const uint64_t *keys = pool->keys + (size_t)(due->word + i) * 64;
		uint64_t lines = due->masks[i];
		lines |= lines >> 4, lines |= lines >> 2, lines |= lines >> 1;
		for (lines &= 0x0101010101010101u; lines; lines &= lines - 1)
			fetch(keys + __builtin_ctzll(lines));
	}
}

/* Puts what is due into FOUND as far as there is room, and the cursor behind it. One loop over the rows of all words:
 * how many a word has, no CPU guesses. */
static size_t put_found(const struct allocpool *pool, struct witness w, struct allocpool_cursor *cursor,
			const struct due *due, struct allocpool_found *found, size_t room)
{
	const uint64_t *keys = pool->keys;
	uint32_t words[SCAN_WORDS + 1], n = 0, at = 0;
	uint64_t masks[SCAN_WORDS + 2];
	size_t count = 0;
	for (uint32_t i = 0; i < SCAN_WORDS; i++) {
		words[n] = due->word + i;
		masks[n] = due->masks[i];
		n += due->masks[i] != 0;
	}
	words[n] = due->end;
	masks[n] = masks[n + 1] = 0;
	uint64_t pending = masks[0], next = masks[1]; /* read before it is asked for, which is in each turn */
	while (pending && count < room) {
		uint32_t row = words[at] * 64 + (uint32_t)__builtin_ctzll(pending);
		found[count++] = (struct allocpool_found){
			.key = keys ? keys[row] : 0,
			.row = row,
			.seen = seen_by(w, row),
		};
		pending &= pending - 1;
		at += !pending;
		pending = pending ? pending : next;
		next = masks[at + 1];
	}
	cursor->word = words[at];
	cursor->pending = pending;
	return count;
}

/* Rows of a word that had no room the last time: some may be free, or used, since. */
static size_t put_pending(const struct allocpool *pool, const struct allocpool_query *query, struct witness w,
			  struct allocpool_cursor *cursor, struct allocpool_found *found, size_t room)
{
	struct due due;
	if (find_due(pool, query, cursor->word, cursor->word + 1, &due))
		due.masks[0] &= cursor->pending;
	due.word = cursor->word;
	due.end = cursor->word + 1;
	return put_found(pool, w, cursor, &due, found, room);
}

/* What is due from the cursor to the word STOP. While it is put into FOUND, the keys of what comes next are fetched. */
static size_t select_until(const struct allocpool *pool, const struct allocpool_query *query, struct witness w,
			   struct allocpool_cursor *cursor, uint32_t stop, struct allocpool_found *found, size_t room)
{
	struct due due, next;
	size_t count = 0;
	const uint32_t ahead = query->by == ALLOCPOOL_BY_SCORE ? 0 : WORDS_AHEAD;
	bool is_due = find_due(pool, query, cursor->word, stop, &due);
	if (is_due)
		fetch_keys(pool, &due);
	while (is_due) {
		uint32_t end = stop - due.end < ahead ? stop : due.end + ahead;
		bool is_next = find_due(pool, query, due.end, end, &next);
		if (is_next)
			fetch_keys(pool, &next);
		count += put_found(pool, w, cursor, &due, found + count, room - count);
		if (cursor->pending || count == room)
			return count;
		is_due = is_next || find_due(pool, query, end, stop, &next);
		due = next;
	}
	cursor->word = stop;
	return count;
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
	if (cursor->pending && cursor->word < end)
		count = put_pending(pool, query, w, cursor, ret_found, room);
	while (count < room && cursor->word < end) {
		uint32_t stop = until && end - cursor->word > look ? cursor->word + look : end;
		count += select_until(pool, query, w, cursor, stop, ret_found + count, room - count);
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
	struct words {
		uint32_t word;
		uint64_t mask;
	} rows[ERASE_BATCH + 1]; /* from 1 on */
};

/* Nothing here but POOL's own values, in registers: that the batch lies elsewhere no compiler knows. */
struct looked_at {
	const uint64_t *used, *keys, *pinned;
	struct witness witness;
	uint32_t max_rows;
};

static inline bool still_due(const struct looked_at *p, struct allocpool_found one)
{
	return one.row < p->max_rows && (p->used[one.row / 64] >> (one.row % 64) & 1) &&
	       seen_by(p->witness, one.row) == one.seen && (!p->keys || p->keys[one.row] == one.key) &&
	       !(p->pinned && __atomic_load_n(&p->pinned[one.row / 64], __ATOMIC_ACQUIRE) >> (one.row % 64) & 1);
}

/* Puts those of FOUND that are still due at the front of BATCH, up to ERASE_BATCH, and gives how many it looked at. In
 * select's order each is higher than all before it; any other is looked for. */
static inline __attribute__((always_inline)) size_t fill(struct looked_at p, const struct allocpool_found *found,
							 size_t count, struct batch *batch)
{
	struct allocpool_found *to = batch->found;
	struct words *rows = batch->rows;
	size_t kept = 0, i = 0;
	uint32_t word = UINT32_MAX, highest = 0;
	uint64_t mask = 0;
	for (; i < count && kept < ERASE_BATCH; i++) {
		const struct allocpool_found one = { found[i].key, found[i].row, found[i].seen };
		if (!still_due(&p, one))
			continue;
		if (kept && one.row <= highest) {
			if (is_named(to, kept, one.row))
				continue;
		} else {
			highest = one.row;
		}
		/* Without a branch, which no CPU would guess. */
		bool is_other = one.row / 64 != word;
		mask = (is_other ? 0 : mask) | 1ull << (one.row % 64);
		rows += is_other;
		word = one.row / 64;
		rows->word = word;
		rows->mask = mask;
		to[kept++] = one;
	}
	batch->count = kept;
	batch->words = (size_t)(rows - batch->rows);
	return i;
}

/* The pool that most have is compiled by itself. */
static size_t fill_batch(const struct allocpool *pool, struct witness w, const struct allocpool_found *found,
			 size_t count, struct batch *batch)
{
	struct looked_at p = { pool->used, pool->keys, pool->view.pinned, w, pool->config.max_rows };
	if (p.pinned || !p.keys || !w.plain || w.scattered)
		return fill(p, found, count, batch);
	p.pinned = NULL;
	p.witness.scattered = NULL;
	return fill(p, found, count, batch);
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
