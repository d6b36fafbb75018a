/* SPDX-License-Identifier: Apache-2.0 */
/* Address space and pages: reserved once, opened and made ready in pieces. trim.c gives them back. */
#include "pool.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#define OPEN_STEP ((size_t)64 << 20)

bool memory_takes_hugetlb(const struct allocpool *pool)
{
	return pool->config.pages == ALLOCPOOL_PAGES_HUGETLB || pool->config.pages == ALLOCPOOL_PAGES_HUGETLB_ONLY;
}

bool memory_has_huge_rows(const struct allocpool *pool)
{
	return pool->config.pages != ALLOCPOOL_PAGES_SMALL && pool->config.pages != ALLOCPOOL_PAGES_THP_FIELDS;
}

/* mbind's modes are numbers here: libnuma's header may be missing. */
static int bind_area(const struct allocpool *pool, void *area, size_t bytes)
{
	static const int modes[] = {
		[ALLOCPOOL_NUMA_PREFER] = 1, [ALLOCPOOL_NUMA_BIND] = 2, [ALLOCPOOL_NUMA_INTERLEAVE] = 3
	};
	unsigned long nodes[2] = { (unsigned long)pool->config.nodes, 0 };
	if (pool->config.numa == ALLOCPOOL_NUMA_INHERIT)
		return 0;
	/* The kernel reads one bit less than it is told. */
	return syscall(SYS_mbind, area, bytes, modes[pool->config.numa], nodes, 65ul, 0u) == 0 ? 0 : -errno;
}

static size_t align_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static int reserve(struct allocpool *pool, size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	pool->reserved = bytes + HUGE_PAGE;
	char *area = mmap(NULL, pool->reserved, PROT_NONE, flags, -1, 0);
	if (area == MAP_FAILED)
		return -ENOMEM;
	pool->reservation = area;
	pool->base = area + (-(uintptr_t)area & (HUGE_PAGE - 1));
	return 0;
}

/* Lays the fields out one behind the other, then the rows; each begins on a 2 MiB boundary. */
static int lay_out(struct allocpool *pool)
{
	const uint32_t fields = pool->config.fields;
	enum { USED, KEYS, STAMPS, COUNTERS, GENERATIONS, DIRTY, PINNED, FIELDS };
	const unsigned bits[FIELDS] = {
		[USED] = 1,
		[KEYS] = fields & ALLOCPOOL_KEY ? 64 : 0,
		[STAMPS] = fields & ALLOCPOOL_STAMP ? 32 : 0,
		[COUNTERS] = fields & ALLOCPOOL_COUNTER ? 32 : 0,
		[GENERATIONS] = fields & ALLOCPOOL_GENERATION ? 32 : 0,
		[DIRTY] = fields & ALLOCPOOL_DIRTY ? 1 : 0,
		[PINNED] = fields & ALLOCPOOL_PIN ? 1 : 0,
	};
	size_t rows = (size_t)pool->words * 64, at = 0, offsets[FIELDS];
	if (__builtin_mul_overflow((size_t)pool->config.max_rows, pool->view.stride, &pool->rows_bytes) ||
	    pool->rows_bytes > SIZE_MAX / 2)
		return -EOVERFLOW;
	pool->rows_bytes = align_up(pool->rows_bytes, HUGE_PAGE);
	for (size_t i = 0; i < FIELDS; i++) {
		offsets[i] = at;
		at += align_up(rows / 8 * bits[i], HUGE_PAGE);
		pool->metadata_bits += bits[i];
	}
	size_t summary = at;
	at += align_up(rows / 512 + 8, HUGE_PAGE);
	int error = reserve(pool, at + pool->rows_bytes);
	if (error)
		return error;
	void *areas[FIELDS];
	for (size_t i = 0; i < FIELDS; i++)
		areas[i] = bits[i] ? pool->base + offsets[i] : NULL;
	pool->view.used = pool->used = areas[USED];
	pool->view.keys = pool->keys = areas[KEYS];
	pool->view.stamps = areas[STAMPS];
	pool->view.counters = areas[COUNTERS];
	pool->view.dirty = areas[DIRTY];
	pool->view.pinned = areas[PINNED];
	pool->generations = areas[GENERATIONS];
	pool->some_free = (uint64_t *)(void *)(pool->base + summary);
	pool->view.rows = pool->base + at;
	return mprotect(pool->base, at, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

int memory_reserve(struct allocpool *pool)
{
	pool->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	int error = lay_out(pool);
	if (error)
		return error;
	size_t bytes = pool->reserved - HUGE_PAGE;
	/* That the kernel has no hugepages is a failure without consequences. */
	madvise(pool->base, bytes - pool->rows_bytes,
		pool->config.pages == ALLOCPOOL_PAGES_SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	madvise(pool->view.rows, pool->rows_bytes, memory_has_huge_rows(pool) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	error = bind_area(pool, pool->base, bytes);
	/* Where all that may be written to counts (strict overcommit, RLIMIT_DATA), or hugetlb pages may run out,
	 * the rows are opened piece by piece. */
	pool->closed = memory_takes_hugetlb(pool) ||
		       mprotect(pool->view.rows, pool->rows_bytes, PROT_READ | PROT_WRITE) != 0;
	pool->rows_ready = pool->closed ? 0 : pool->rows_bytes;
	return error;
}

static bool populate(const struct allocpool *pool, void *area, size_t bytes)
{
	if (madvise(area, bytes, MADV_POPULATE_WRITE) == 0)
		return true;
	if (errno != EINVAL)
		return false;
	/* A kernel before 5.14. Others may write there meanwhile: nothing is added. */
	for (size_t i = 0; i < bytes; i += pool->page_bytes)
		__atomic_fetch_add((char *)area + i, 0, __ATOMIC_RELAXED);
	return true;
}

/* One hugetlb page in place of 2 MiB of the reservation. Whether there is one, on the right node, shows when it is
 * populated, by an error instead of a SIGBUS: so a kernel before 5.14 gives none. Without MAP_NORESERVE mmap would say
 * no itself, and leave a hole that another thread's mmap might take. */
static int open_hugetlb(struct allocpool *pool, char *at)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_HUGETLB | MAP_HUGE_2MB;
	void *page = mmap(at, HUGE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (page != MAP_FAILED && bind_area(pool, at, HUGE_PAGE) == 0 &&
	    madvise(at, HUGE_PAGE, MADV_POPULATE_WRITE) == 0) {
		__atomic_fetch_add(&pool->hugetlb_bytes, HUGE_PAGE, __ATOMIC_RELAXED);
		return 0;
	}
	void *back = mmap(at, HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	if (back == MAP_FAILED || pool->config.pages == ALLOCPOOL_PAGES_HUGETLB_ONLY)
		return -ENOMEM;
	madvise(at, HUGE_PAGE, MADV_HUGEPAGE);
	int error = bind_area(pool, at, HUGE_PAGE);
	if (!error && mprotect(at, HUGE_PAGE, PROT_READ | PROT_WRITE) != 0)
		error = -ENOMEM;
	return error;
}

/* Opens the rows' area up to BYTES at least. The caller holds busy. */
int memory_open(struct allocpool *pool, size_t bytes)
{
	while (pool->rows_ready < bytes) {
		bool hugetlb = memory_takes_hugetlb(pool);
		size_t left = pool->rows_bytes - pool->rows_ready, step = hugetlb ? HUGE_PAGE : OPEN_STEP;
		char *at = pool->view.rows + pool->rows_ready;
		step = step < left ? step : left;
		int error = 0;
		if (hugetlb)
			error = open_hugetlb(pool, at);
		else if (mprotect(at, step, PROT_READ | PROT_WRITE) != 0)
			error = -ENOMEM;
		if (error)
			return error;
		__atomic_store_n(&pool->rows_ready, pool->rows_ready + step, __ATOMIC_RELEASE);
	}
	return 0;
}

/* One at a time, by process: a fork while another thread prepared leaves the child free to. */
bool memory_try_busy(struct allocpool *pool)
{
	uint32_t me = (uint32_t)getpid(), holder = 0;
	if (__atomic_compare_exchange_n(&pool->busy, &holder, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	return holder != me &&
	       __atomic_compare_exchange_n(&pool->busy, &holder, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void memory_end_busy(struct allocpool *pool)
{
	__atomic_store_n(&pool->busy, 0, __ATOMIC_RELEASE);
}

static bool populate_part(const struct allocpool *pool, const void *area, size_t from, size_t to)
{
	size_t begin = from / pool->page_bytes * pool->page_bytes, end = align_up(to, pool->page_bytes);
	char *at = (char *)(uintptr_t)area;
	return !area || begin >= end || populate(pool, at + begin, end - begin);
}

static int populate_rows(struct allocpool *pool, size_t from, size_t to)
{
	const struct allocpool_view *view = &pool->view;
	const struct {
		const void *area;
		size_t bits;
	} parts[] = {
		{ view->rows, view->stride * 8 }, { view->keys, 64 }, { view->stamps, 32 }, { view->counters, 32 },
		{ pool->generations, 32 },        { view->used, 1 },  { view->dirty, 1 },   { view->pinned, 1 }
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!populate_part(pool, parts[i].area, from * parts[i].bits / 8, (to * parts[i].bits + 7) / 8))
			return -errno;
	return 0;
}

int allocpool_prepare(struct allocpool *pool, uint32_t rows)
{
	if (!pool)
		return -EINVAL;
	if (rows > pool->config.max_rows)
		return -ERANGE;
	if (!memory_try_busy(pool))
		return -EBUSY;
	uint32_t from = __atomic_load_n(&pool->prepared, __ATOMIC_RELAXED);
	int error = 0;
	if (rows > from) {
		error = memory_open(pool, rows * pool->view.stride);
		if (!error && rows > pool->begun)
			pool->begun = rows;
		if (!error)
			error = populate_rows(pool, from, rows);
		if (!error)
			__atomic_store_n(&pool->prepared, rows, __ATOMIC_RELEASE);
	}
	if (!error)
		__atomic_store_n(&pool->low_told, false, __ATOMIC_RELAXED);
	memory_end_busy(pool);
	return error;
}
