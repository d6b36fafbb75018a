/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the library share. */
#ifndef ALLOCPOOL_POOL_H
#define ALLOCPOOL_POOL_H

#include "allocpool.h"
#include <stdbool.h>
#include <sys/types.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define DEAD_BYTE 0xdd

#define SCAN_WORDS 8u /* of the bitmap, that are looked at together */

struct kernels {
	const char *name;
	/* Goes through [word, end) by SCAN_WORDS words, to the first ones with a row in use that is older than AGE, or
	 * below a limit, and gives the first word of them; ret_masks are the rows of each, 0 from END on. END: none. */
	uint32_t (*older)(const uint32_t *stamps, const uint64_t *used, uint32_t word, uint32_t end, uint32_t now,
			  uint32_t age, uint64_t ret_masks[SCAN_WORDS]);
	uint32_t (*below)(const uint32_t *counters, const uint64_t *used, uint32_t word, uint32_t end, uint32_t limit,
			  uint64_t ret_masks[SCAN_WORDS]);
};

struct allocpool {
	struct allocpool_view view;
	struct allocpool_config config;
	const struct kernels *kernels;
	uint64_t *used, *keys; /* the view's, to write to */
	uint32_t *generations;
	uint64_t *some_free; /* bit W: word W of the bitmap has a free row */
	char *reservation, *base;
	size_t reserved, rows_bytes, page_bytes;
	size_t rows_ready; /* of the rows' area: how much may be written to; atomic, as what is marked so */
	size_t metadata_bits;
	bool closed;     /* the reservation is opened piece by piece */
	bool alloc_asks; /* for memory, for the low-water mark or for a write after a free */
	uint32_t words;
	uint32_t lowest;                 /* no word of the bitmap below it has a free row */
	uint32_t fetched, fetched_ahead; /* the free rows below this word were fetched; how many were not taken yet */
	uint32_t live, peak, high_water;
	uint32_t ever;     /* rows from the first on that ever were in use: they have generations */
	uint32_t prepared; /* atomic */
	uint32_t begun;    /* rows from the first on that prepare began with, by whoever holds busy */
	uint32_t busy;     /* atomic: the process whose prepare or trim runs */
	bool low_told;     /* atomic */
	uint64_t refused, moved;
	uint64_t hugetlb_bytes; /* atomic */
};

/* memory.c: address space and pages */
int memory_reserve(struct allocpool *pool);
int memory_open(struct allocpool *pool, size_t bytes);
bool memory_try_busy(struct allocpool *pool);
void memory_end_busy(struct allocpool *pool);
bool memory_takes_hugetlb(const struct allocpool *pool);
bool memory_has_huge_rows(const struct allocpool *pool);

/* scan.c */
int scan_choose(uint32_t simd, const struct kernels **ret_kernels);

/* pool.c */
/* The first word with a free row; WORDS: none. */
uint32_t pool_lowest_word(struct allocpool *pool);
/* MASK has COUNT rows, at least one. */
void pool_take(struct allocpool *pool, uint32_t word, uint64_t mask, uint32_t count);
void pool_release(struct allocpool *pool, uint32_t word, uint64_t mask, uint32_t count);

/* gcc (12 at least) drops the calls of a function that does nothing but prefetch: it has no effect. The empty asm is
 * one. */
static inline void fetch(const void *at)
{
	__builtin_prefetch(at, 1);
	__asm__ volatile("");
}

static inline bool pool_has(const struct allocpool *pool, uint32_t row)
{
	return pool->used[row / 64] >> (row % 64) & 1;
}

/* Of a word of the bitmap the bits that are rows: those above the last row are set for ever. */
static inline uint64_t pool_real_rows(const struct allocpool *pool, uint32_t word)
{
	uint32_t last = pool->config.max_rows % 64;
	return word == pool->words - 1 && last ? ~(UINT64_MAX << last) : UINT64_MAX;
}

/* The words that may have a row in use. */
static inline uint32_t pool_words_in_use(const struct allocpool *pool)
{
	return (uint32_t)(((uint64_t)pool->high_water + 63) / 64);
}

static inline bool pool_is_pinned(const struct allocpool *pool, uint32_t row)
{
	return pool->view.pinned && __atomic_load_n(&pool->view.pinned[row / 64], __ATOMIC_ACQUIRE) >> (row % 64) & 1;
}

static inline uint64_t pool_pinned_mask(const struct allocpool *pool, uint32_t word)
{
	return pool->view.pinned ? __atomic_load_n(&pool->view.pinned[word], __ATOMIC_ACQUIRE) : 0;
}

/* Without a look at whether it is in use. */
static inline char *pool_bytes(const struct allocpool *pool, uint32_t row)
{
	return pool->view.rows + row * pool->view.stride;
}

#endif
