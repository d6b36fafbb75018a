/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of rows of one size, for embedding tables: the rows alone in one reservation of address space,
 * what eviction reads in arrays beside them, a bitmap of the rows in use instead of a free list.
 *
 * The pool has no lock. Each function says under what lock of the caller's it may run:
 *   exclusive   nothing else runs on the pool (a writer's lock), save for what is concurrent
 *   shared      others that are shared may run beside it (a reader's lock)
 *   concurrent  at any time, without a lock, while the pool exists
 * Functions give 0 or a count, or a negative errno; what ret_ points to is untouched then. Nothing prints, and
 * no misuse ends the program: it is refused with an error. -EINVAL: also a NULL where the text allows none. */
#ifndef ALLOCPOOL_H
#define ALLOCPOOL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#ifdef __cplusplus
#define ALLOCPOOL_CAST(type, value) static_cast<type>(value)
#else
#define ALLOCPOOL_CAST(type, value) ((type)(value))
#endif
/* Byte B of a bitmap lies at B ^ this. */
#define ALLOCPOOL_BYTE_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0u : 7u)

#define ALLOCPOOL_MAX_ROWS (UINT32_MAX - 63u)
#define ALLOCPOOL_MAX_ROW_BYTES (1u << 30)

/* --- a pool --- */

/* What is kept of each row beside it, or-ed. */
enum allocpool_field {
	ALLOCPOOL_KEY = 1,         /* 8 bytes: the caller's key */
	ALLOCPOOL_STAMP = 2,       /* 4 bytes: when it was last used, in the caller's unit; it may wrap */
	ALLOCPOOL_COUNTER = 4,     /* 4 bytes: how often it was used; it stays at its highest value */
	ALLOCPOOL_DIRTY = 8,       /* 1 bit */
	ALLOCPOOL_PIN = 16,        /* 1 bit: neither selected nor moved nor freed */
	ALLOCPOOL_GENERATION = 32, /* 4 bytes: makes handles, so that a stale free is told from a right one */
	ALLOCPOOL_ALL_FIELDS = 63
};

enum allocpool_pages {
	ALLOCPOOL_PAGES_SMALL,
	ALLOCPOOL_PAGES_THP,          /* the kernel is advised; where it has none, small ones */
	ALLOCPOOL_PAGES_HUGETLB,      /* reserved 2 MiB pages for the rows as long as there are any, then as THP */
	ALLOCPOOL_PAGES_HUGETLB_ONLY, /* the row that finds none is not allocated: -ENOMEM */
	ALLOCPOOL_PAGES_THP_FIELDS    /* the fields as THP, the rows small: touch and eviction look at all fields */
};

enum allocpool_numa { ALLOCPOOL_NUMA_INHERIT, ALLOCPOOL_NUMA_BIND, ALLOCPOOL_NUMA_PREFER, ALLOCPOOL_NUMA_INTERLEAVE };

enum allocpool_simd {
	ALLOCPOOL_SIMD_AUTO,
	ALLOCPOOL_SIMD_SCALAR,
	ALLOCPOOL_SIMD_AVX2,
	ALLOCPOOL_SIMD_AVX512,
	ALLOCPOOL_SIMD_NEON
};

enum allocpool_debug {
	ALLOCPOOL_DEBUG_OFF,
	ALLOCPOOL_DEBUG_FILL,  /* freed rows are filled with 0xdd */
	ALLOCPOOL_DEBUG_VERIFY /* and a row written to since makes its next allocation -EUCLEAN, once */
};

struct allocpool;

struct allocpool_config {
	size_t size;        /* sizeof(struct allocpool_config) */
	size_t row_bytes;   /* 1 to ALLOCPOOL_MAX_ROW_BYTES */
	size_t alignment;   /* of each row: a power of two up to 2 MiB; 0: 64 */
	uint32_t max_rows;  /* 1 to ALLOCPOOL_MAX_ROWS: address space for them is reserved, memory is not */
	uint32_t fields;    /* enum allocpool_field */
	uint32_t pages;     /* enum allocpool_pages */
	uint32_t numa;      /* enum allocpool_numa */
	uint64_t nodes;     /* bit N: node N; none with ALLOCPOOL_NUMA_INHERIT, exactly one to prefer */
	uint32_t simd;      /* enum allocpool_simd; one that the CPU lacks is -ENOTSUP */
	uint32_t debug;     /* enum allocpool_debug */
	uint32_t low_water; /* on_low is called when fewer prepared rows than this are free; 0: never */
	uint32_t reserved;  /* 0 */
	/* Within alloc, so the caller's lock is held: it wakes who prepares. Once until the next prepare. */
	void (*on_low)(void *argument, uint32_t prepared_free);
	void *argument;
};

/* -EINVAL: a value that the comments above do not allow. -EOVERFLOW: more bytes than addresses can name.
 * -ENOMEM: no address space. -ENOTSUP: SIMD. mbind's own errors. *ret_pool ends with allocpool_destroy(). */
int allocpool_create(const struct allocpool_config *config, struct allocpool **ret_pool);

/* Exclusive. -EBUSY while rows are in use, unless force is not 0. POOL may be NULL. */
int allocpool_destroy(struct allocpool *pool, int force);

/* --- rows come and go --- */

/* Exclusive. The lowest free row; its bytes are what they were. Key and stamp are taken where the pool has
 * those fields; counter and bits begin at 0. -ENOSPC: max_rows are in use. -ENOMEM: no memory, or the page policy.
 * -EAGAIN: prepare runs and has not come to this row. -EUCLEAN: ALLOCPOOL_DEBUG_VERIFY. */
int allocpool_alloc(struct allocpool *pool, uint64_t key, uint32_t now, uint32_t *ret_row);
/* Exclusive. All of COUNT rows, ascending, or none: *ret_rows is undefined then. KEYS may be NULL. */
int allocpool_alloc_bulk(struct allocpool *pool, const uint64_t *keys, uint32_t now, size_t count, uint32_t *ret_rows);
/* Exclusive. Up to MOST (1 to 64) rows of the lowest 64 that have one free, and their number: row 64 * word + bit for
 * each bit of the mask. Their keys are 0. */
int allocpool_alloc_mask(struct allocpool *pool, uint32_t now, unsigned most, uint32_t *ret_word, uint64_t *ret_mask);

/* Exclusive. -ERANGE: no row of this pool. -ENOENT: it is free already. -EBUSY: it is pinned. */
int allocpool_free(struct allocpool *pool, uint32_t row);
/* Exclusive. Also -EINVAL: not at the beginning of a row. */
int allocpool_free_pointer(struct allocpool *pool, const void *pointer);
/* Exclusive. Also -ESTALE: the row has been freed, or moved, since the handle was made. -ENOTSUP: no generations. */
int allocpool_free_handle(struct allocpool *pool, uint64_t handle);
/* Exclusive. Also -ESTALE: the row has another key. -ENOTSUP: no keys. */
int allocpool_free_key(struct allocpool *pool, uint32_t row, uint64_t key);
/* Exclusive. All or none. -EEXIST: a row is named twice. */
int allocpool_free_bulk(struct allocpool *pool, const uint32_t *rows, size_t count);
/* Exclusive. Row 64 * word + bit for each bit of the mask; all or none. */
int allocpool_free_mask(struct allocpool *pool, uint32_t word, uint64_t mask);

/* Shared. -ERANGE, -ENOENT; -ENOTSUP: no generations. A handle names a row until it is freed or moved. */
int allocpool_handle_of_row(const struct allocpool *pool, uint32_t row, uint64_t *ret_handle);
/* Shared. Also -ESTALE. */
int allocpool_row_of_handle(const struct allocpool *pool, uint64_t handle, uint32_t *ret_row);
/* Shared. -ERANGE, -EINVAL, -ENOENT as for allocpool_free_pointer(). */
int allocpool_row_of_pointer(const struct allocpool *pool, const void *pointer, uint32_t *ret_row);

/* --- rows are used --- */

/* Where everything lies; it never moves while the pool exists. For the inline functions below, and for code that
 * reads the arrays itself. A field that the pool has not is NULL. */
struct allocpool_view {
	char *rows;
	size_t stride;        /* bytes from a row to the next */
	const uint64_t *used; /* row R is bit R % 64 of word R / 64; bits above the last row are set */
	const uint64_t *keys;
	uint32_t *stamps;   /* readers store to them under the shared lock: load them atomically */
	uint32_t *counters; /* likewise */
	uint64_t *dirty;    /* laid out as used; likewise */
	uint64_t *pinned;   /* likewise */
	uint32_t max_rows;
};
/* Concurrent. Valid while the pool is. NULL for NULL. */
const struct allocpool_view *allocpool_get_view(const struct allocpool *pool);

/* Shared. 0, or -ERANGE, -ENOENT: no row, or none in use. This, and what follows, is -EINVAL for a NULL view. */
static inline int allocpool_check_row(const struct allocpool_view *view, uint32_t row)
{
	if (!view)
		return -EINVAL;
	if (row >= view->max_rows)
		return -ERANGE;
	return view->used[row / 64] >> (row % 64) & 1 ? 0 : -ENOENT;
}

/* Shared. NULL for what is no row in use. The row's until it is freed or moved. */
static inline void *allocpool_pointer(const struct allocpool_view *view, uint32_t row)
{
	/* Foreseen, not computed: so the row is fetched while the look at the bitmap is still under way. */
	if (__builtin_expect(allocpool_check_row(view, row) != 0, 0))
		return NULL;
	return view->rows + row * view->stride;
}

/* Shared. The row has been used now: its stamp, and its counter one up (two at once may count as one). The stamp is
 * written only when it changes, for 16 of them share a cache line. -ERANGE, -ENOENT. */
static inline int allocpool_touch(const struct allocpool_view *view, uint32_t row, uint32_t now)
{
	int error = allocpool_check_row(view, row);
	if (error)
		return error;
	if (view->stamps && __atomic_load_n(&view->stamps[row], __ATOMIC_RELAXED) != now)
		__atomic_store_n(&view->stamps[row], now, __ATOMIC_RELAXED);
	if (view->counters) {
		uint32_t counter = __atomic_load_n(&view->counters[row], __ATOMIC_RELAXED);
		if (counter != UINT32_MAX)
			__atomic_store_n(&view->counters[row], counter + 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Of the bits' functions: 1 when the bit was set before, 0 when not; -ERANGE, -ENOENT; -ENOTSUP: no such field. */
static inline int allocpool_check_bit(const struct allocpool_view *view, const uint64_t *bits, uint32_t row)
{
	return bits || !view ? allocpool_check_row(view, row) : -ENOTSUP;
}
static inline int allocpool_bit_get(const struct allocpool_view *view, const uint64_t *bits, uint32_t row)
{
	int error = allocpool_check_bit(view, bits, row);
	return error ? error : __atomic_load_n(&bits[row / 64], __ATOMIC_ACQUIRE) >> (row % 64) & 1 ? 1 : 0;
}
/* Without a look first at whether it is set: the atomic step puts what was written to the row before the bit, also
 * where another is just clearing it. */
static inline int allocpool_bit_set(const struct allocpool_view *view, uint64_t *bits, uint32_t row)
{
	int error = allocpool_check_bit(view, bits, row);
	uint64_t bit = 1ull << (row % 64);
	return error ? error : __atomic_fetch_or(&bits[row / 64], bit, __ATOMIC_ACQ_REL) & bit ? 1 : 0;
}
static inline int allocpool_bit_clear(const struct allocpool_view *view, uint64_t *bits, uint32_t row)
{
	int was = allocpool_bit_get(view, bits, row);
	uint64_t bit = 1ull << (row % 64);
	return was <= 0 ? was : __atomic_fetch_and(&bits[row / 64], ~bit, __ATOMIC_ACQ_REL) & bit ? 1 : 0;
}

/* Shared. The row was written to and is to be saved. Who saves it clears the bit first, then reads the row: what is
 * written meanwhile sets it again. */
static inline int allocpool_mark_dirty(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_bit_set(view, view ? view->dirty : NULL, row);
}
/* Shared. As for rows 64 * word + bit for each bit of the mask; all or none. 0, or an error. */
static inline int allocpool_mark_dirty_mask(const struct allocpool_view *view, uint32_t word, uint64_t mask)
{
	if (!view || !view->dirty)
		return view ? -ENOTSUP : -EINVAL;
	if (word > (view->max_rows - 1) / 64 || (word == view->max_rows / 64 && mask >> (view->max_rows % 64)))
		return -ERANGE;
	if (mask & ~view->used[word])
		return -ENOENT;
	__atomic_fetch_or(&view->dirty[word], mask, __ATOMIC_ACQ_REL);
	return 0;
}
/* Exclusive: without the atomic step; and by bytes, for a word that was just written to would be waited for. */
static inline int allocpool_mark_dirty_exclusive(const struct allocpool_view *view, uint32_t row)
{
	int error = allocpool_check_bit(view, view ? view->dirty : NULL, row);
	if (error)
		return error;
	void *bits = view->dirty;
	unsigned char *byte = ALLOCPOOL_CAST(unsigned char *, bits) + (row / 8 ^ ALLOCPOOL_BYTE_ORDER), was = *byte;
	*byte = ALLOCPOOL_CAST(unsigned char, was | 1u << (row % 8));
	return was >> (row % 8) & 1;
}
/* Shared. */
static inline int allocpool_is_dirty(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_bit_get(view, view ? view->dirty : NULL, row);
}
/* Shared. */
static inline int allocpool_clear_dirty(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_bit_clear(view, view ? view->dirty : NULL, row);
}
/* Shared. 1: another has pinned it, who unpins it. One bit is one owner. */
static inline int allocpool_pin(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_bit_set(view, view ? view->pinned : NULL, row);
}
/* Shared. 0: it was not pinned. */
static inline int allocpool_unpin(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_bit_clear(view, view ? view->pinned : NULL, row);
}

/* --- eviction: select under the shared lock, commit under the exclusive one --- */

enum allocpool_select_by {
	ALLOCPOOL_BY_AGE,     /* now - stamp > age; a stamp of the future (a clock set back) is young */
	ALLOCPOOL_BY_COUNTER, /* counter < below */
	ALLOCPOOL_BY_SCORE,   /* score() < score_below */
	ALLOCPOOL_BY_DIRTY    /* the dirty bit: for who saves rows */
};
struct allocpool_query {
	uint32_t by;       /* enum allocpool_select_by */
	uint32_t now, age; /* in the caller's unit; the age up to INT32_MAX: so stamps may wrap */
	uint32_t below;
	double score_below;
	double (*score)(void *argument, const struct allocpool_view *view, uint32_t row); /* shared */
	void *argument;
	uint64_t budget_ns; /* select pauses after this time; 0: never */
};
struct allocpool_cursor { /* all zero to begin with */
	uint32_t word;
	uint32_t done;    /* 1: the end was reached */
	uint64_t pending; /* rows of that word that found no room */
};
struct allocpool_found {
	uint64_t key; /* 0 without that field */
	uint32_t row;
	uint32_t seen; /* commit's: what shows whether the row was used since */
};
/* Shared. Rows for eviction, ascending, up to ROOM, with their number as the result; goes on where the cursor is.
 * Fewer than ROOM without done: the budget is used up. Pinned rows are left out. -ENOTSUP: a field that the pool has
 * not. */
long allocpool_select(const struct allocpool *pool, const struct allocpool_query *query,
		      struct allocpool_cursor *cursor, struct allocpool_found *ret_found, size_t room);

/* Exclusive. Frees those of FOUND that nobody used, pinned, freed or moved since, and gives their number. They are
 * put at the front of FOUND, and erase() sees them in batches of up to 256 while they are still in use: there the
 * caller takes their keys out of his map, prefetching as he likes, and saves what is dirty; it may call what is shared
 * and nothing else. erase may be NULL. QUERY is select's. What shows the use of a row is its stamp, by counter its
 * counter, otherwise both: a pool without either cannot tell. */
long allocpool_commit(struct allocpool *pool, const struct allocpool_query *query, struct allocpool_found *found,
		      size_t count, void (*erase)(void *argument, const struct allocpool_found *batch, size_t count),
		      void *argument);

/* Shared. The smallest age that at least KEEP rows do not exceed (INT32_MAX when there are fewer), and how
 * many do not: selecting by it leaves that many. For a hard cap select by one less, with ROOM for the rest.
 * -ENOTSUP: no stamps. */
int allocpool_cutoff(const struct allocpool *pool, uint32_t now, uint32_t keep, uint32_t *ret_age, uint32_t *ret_kept);

/* Exclusive. All counters shifted right by SHIFT (1 to 31). -ENOTSUP: no counters. */
int allocpool_decay(struct allocpool *pool, unsigned shift);

/* --- memory --- */

/* Concurrent. Makes memory ready for rows 0 to ROWS - 1, so that alloc of them does not fault.
 * -ERANGE: more than max_rows. -EBUSY: another prepare or trim runs. -ENOMEM and the like: the kernel's. */
int allocpool_prepare(struct allocpool *pool, uint32_t rows);
/* Exclusive. Gives the memory of free rows back, in whole pages (of 2 MiB where it asked for such; hugetlb
 * pages from the top alone). *ret_bytes: of address space, whether there was memory or not. -EBUSY: prepare runs. */
int allocpool_trim(struct allocpool *pool, uint64_t *ret_bytes);
/* Exclusive. Moves the highest rows into the lowest free ones, up to MOST, and gives the number; on_move (may
 * be NULL) is called for each when it lies at TO and before FROM is free: there the caller changes his map. Pinned
 * rows stay, handles of moved ones are stale. Trim comes after. */
long allocpool_compact(struct allocpool *pool, size_t most,
		       void (*on_move)(void *argument, uint32_t from, uint32_t to, uint64_t key), void *argument);

struct allocpool_stats {
	uint32_t live, peak, max_rows;
	uint32_t prepared;       /* rows from the first on whose memory is ready */
	uint32_t high_water;     /* rows from the first on that may have memory */
	uint32_t huge;           /* 1: 2 MiB pages were asked for, for the rows */
	uint64_t hugetlb_bytes;  /* of the rows, in reserved pages */
	uint64_t reserved_bytes; /* of address space */
	uint64_t resident_bytes; /* at most */
	double metadata_bytes;   /* for each row */
	uint64_t refused;        /* frees that were not done, since the pool was made */
	uint64_t moved;          /* rows, likewise */
	const char *simd;        /* scalar, avx2, avx512, neon; static */
};
/* Shared. In constant time. */
int allocpool_get_stats(const struct allocpool *pool, struct allocpool_stats *ret_stats);

/* --- dump and load: the bitmap of rows in use and the fields as flat arrays, then the rows; README.md has the form ---
 */

/* Shared, but nobody may touch or mark meanwhile. -EIO and write's errors. FD stays open, behind what was written. */
int allocpool_dump(const struct allocpool *pool, int fd);
/* A pool as config says, with what was dumped; fields, row_bytes and alignment must be the dump's, max_rows large
 * enough: else -EINVAL. -EBADMSG: not a dump, cut short, or changed since. -EPROTO: of another version. No row is
 * pinned. */
int allocpool_load(const struct allocpool_config *config, int fd, struct allocpool **ret_pool);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
