/* SPDX-License-Identifier: Apache-2.0 */
/* Memory goes back: the top after the rows there have moved down, and whole pages of holes. */
#include "pool.h"
#include <string.h>
#include <sys/mman.h>

static size_t align_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static size_t unit_of_rows(const struct allocpool *pool)
{
	return memory_has_huge_rows(pool) ? HUGE_PAGE : pool->page_bytes;
}

static size_t unit_of_fields(const struct allocpool *pool)
{
	return pool->config.pages == ALLOCPOOL_PAGES_SMALL ? pool->page_bytes : HUGE_PAGE;
}

static void prepared_no_more(struct allocpool *pool, uint32_t rows)
{
	if (__atomic_load_n(&pool->prepared, __ATOMIC_RELAXED) > rows)
		__atomic_store_n(&pool->prepared, rows, __ATOMIC_RELAXED);
}

/* Gives back the whole units of what lies between the rows FROM and TO, which are free. */
static uint64_t give_back(struct allocpool *pool, size_t from, size_t to)
{
	size_t unit = unit_of_rows(pool), stride = pool->view.stride;
	size_t begin = align_up(from * stride, unit), end = to * stride / unit * unit;
	if (to == pool->high_water) /* nothing above it is in use */
		end = align_up(to * stride, unit);
	if (begin >= end || madvise(pool->view.rows + begin, end - begin, MADV_DONTNEED) != 0)
		return 0;
	prepared_no_more(pool, (uint32_t)from);
	return end - begin;
}

/* What a new row is given anyway, of the rows FROM to TO. Generations stay: a stale handle must not become a right one.
 */
static uint64_t give_back_fields(struct allocpool *pool, size_t from, size_t to)
{
	struct {
		void *at;
		size_t bytes;
	} fields[] = { { pool->keys, 8 }, { pool->view.stamps, 4 }, { pool->view.counters, 4 } };
	uint64_t given = 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t begin = align_up(from * fields[i].bytes, unit_of_fields(pool));
		size_t end = align_up(to * fields[i].bytes, unit_of_fields(pool));
		if (fields[i].at && begin < end &&
		    madvise((char *)fields[i].at + begin, end - begin, MADV_DONTNEED) == 0)
			given += end - begin;
	}
	return given;
}

/* Hugetlb pages go from the top alone: a hole would be filled without asking whether there is a page. */
static uint64_t close_top(struct allocpool *pool)
{
	size_t begin = align_up((size_t)pool->high_water * pool->view.stride, HUGE_PAGE), end = pool->rows_ready;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
	if (begin >= end || mmap(pool->view.rows + begin, end - begin, PROT_NONE, flags, -1, 0) == MAP_FAILED)
		return 0;
	/* Those that the kernel had no more of come last. */
	uint64_t huge = __atomic_load_n(&pool->hugetlb_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&pool->hugetlb_bytes, huge < begin ? huge : begin, __ATOMIC_RELAXED);
	__atomic_store_n(&pool->rows_ready, begin, __ATOMIC_RELEASE);
	prepared_no_more(pool, pool->high_water);
	return end - begin;
}

static uint64_t trim_holes(struct allocpool *pool, size_t end)
{
	uint64_t bytes = 0;
	size_t run = 0;
	for (size_t row = 0; row < end; row++) {
		uint64_t used = pool->used[row / 64];
		if (row % 64 == 0 && used == 0) {
			row += 63;
		} else if (used >> (row % 64) & 1) {
			bytes += run < row ? give_back(pool, run, row) : 0;
			row += row % 64 == 0 && used == UINT64_MAX ? 63 : 0;
			run = row + 1;
		}
	}
	return bytes;
}

static uint32_t rows_to_the_highest(const struct allocpool *pool)
{
	for (uint32_t word = pool_words_in_use(pool); word--;) {
		uint64_t used = pool->used[word] & pool_real_rows(pool, word);
		if (used)
			return word * 64 + 64 - (uint32_t)__builtin_clzll(used);
	}
	return 0;
}

int allocpool_trim(struct allocpool *pool, uint64_t *ret_bytes)
{
	if (!pool || !ret_bytes)
		return -EINVAL;
	if (!memory_try_busy(pool))
		return -EBUSY;
	/* Rows that were prepared and never taken have memory as well, and in part those of a prepare that failed. */
	if (pool->begun > pool->high_water)
		pool->high_water = pool->begun;
	uint32_t end = rows_to_the_highest(pool), top = pool->high_water;
	uint64_t bytes = 0;
	if (!memory_takes_hugetlb(pool))
		bytes = trim_holes(pool, end) + give_back(pool, end, top);
	pool->high_water = pool->begun = end;
	if (memory_takes_hugetlb(pool))
		bytes = close_top(pool);
	bytes += give_back_fields(pool, end, top);
	prepared_no_more(pool, end);
	memory_end_busy(pool);
	*ret_bytes = bytes;
	return 0;
}

/* Also the key, the dirty bit and what shows when it was used. */
static void move_row(struct allocpool *pool, uint32_t from, uint32_t to)
{
	struct allocpool_view *view = &pool->view;
	memcpy(pool_bytes(pool, to), pool_bytes(pool, from), view->stride);
	if (pool->keys)
		pool->keys[to] = pool->keys[from];
	if (view->stamps)
		view->stamps[to] = view->stamps[from];
	if (view->counters)
		view->counters[to] = view->counters[from];
	if (view->dirty && view->dirty[from / 64] >> (from % 64) & 1)
		view->dirty[to / 64] |= 1ull << (to % 64);
}

/* The highest row below END that is in use and not pinned. */
static bool highest_movable(const struct allocpool *pool, uint32_t end, uint32_t *ret_row)
{
	for (uint32_t word = (uint32_t)(((uint64_t)end + 63) / 64); word--;) {
		uint64_t mask = pool->used[word] & pool_real_rows(pool, word) & ~pool_pinned_mask(pool, word);
		if (end - word * 64 < 64)
			mask &= ~(UINT64_MAX << (end - word * 64));
		if (mask) {
			*ret_row = word * 64 + 63 - (uint32_t)__builtin_clzll(mask);
			return true;
		}
	}
	return false;
}

long allocpool_compact(struct allocpool *pool, size_t most,
		       void (*on_move)(void *argument, uint32_t from, uint32_t to, uint64_t key), void *argument)
{
	if (!pool)
		return -EINVAL;
	uint32_t from = pool->high_water, peak = pool->peak;
	size_t moves = 0;
	while (moves < most && highest_movable(pool, from, &from)) {
		uint32_t word = pool_lowest_word(pool);
		if (word > from / 64)
			break;
		uint32_t to = word * 64 + (uint32_t)__builtin_ctzll(~pool->used[word]);
		if (to >= from)
			break;
		pool_take(pool, to / 64, 1ull << (to % 64), 1);
		move_row(pool, from, to);
		if (on_move)
			on_move(argument, from, to, pool->keys ? pool->keys[from] : 0);
		pool_release(pool, from / 64, 1ull << (from % 64), 1);
		moves++;
	}
	pool->peak = peak; /* for a moment a row is there twice */
	pool->moved += moves;
	return (long)moves;
}
