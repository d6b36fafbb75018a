/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of allocpool.h under a real reader-writer lock, for ThreadSanitizer: readers touch, mark, pin, look for
 * what is due and ask for figures under the reader's lock; writers allocate, free, commit, trim and move under the
 * writer's; another thread makes memory ready without a lock, woken by the low-water mark. */
#include "allocpool.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS 20000u
#define ROUNDS 300u
#define READERS 3

#define MUST(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

/* Readers come without a pause: the usual kind would never let a writer in. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static sem_t low;
static atomic_bool over;
static struct allocpool *pool;
static struct allocpool_found found[2000];
static long found_count, erased, refreshed, prepared;
static uint32_t now = UINT32_MAX - ROUNDS / 2; /* it wraps on the way */

static _Noreturn void fail(int line, const char *what)
{
	fprintf(stderr, "threads.c:%d: not so: %s\n", line, what);
	abort();
}

static uint32_t chance(uint64_t *seed)
{
	*seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
	return (uint32_t)(*seed >> 24);
}

static void on_low(void *argument, uint32_t prepared_free)
{
	(void)argument, (void)prepared_free;
	sem_post(&low);
}

static void *prepare(void *argument)
{
	uint32_t rows = ROWS / 4;
	(void)argument;
	while (sem_wait(&low) == 0 && !over) {
		rows = rows + 1000 < ROWS ? rows + 1000 : ROWS;
		int error = allocpool_prepare(pool, rows);
		MUST(error == 0 || error == -EBUSY);
		prepared += error == 0;
	}
	return NULL;
}

static void *reader(void *argument)
{
	uint64_t seed = (uint64_t)(size_t)argument * 77 + 1;
	const struct allocpool_view *view = allocpool_get_view(pool);
	while (!over) {
		pthread_rwlock_rdlock(&lock);
		for (unsigned i = 0; i < 50; i++) {
			uint32_t row = chance(&seed) % ROWS;
			uint64_t handle;
			const char *bytes = allocpool_pointer(view, row);
			MUST((allocpool_touch(view, row, now) == 0) == (bytes != NULL));
			if (!bytes)
				continue;
			MUST(*(const uint64_t *)(const void *)bytes == view->keys[row]);
			MUST(allocpool_handle_of_row(pool, row, &handle) == 0);
			if (allocpool_pin(view, row) == 0)
				MUST(allocpool_unpin(view, row) == 1);
			if (i % 8 == 0)
				MUST(allocpool_mark_dirty(view, row) >= 0);
			else if (i % 8 == 2)
				MUST(allocpool_mark_dirty_mask(view, row / 64, 1ull << (row % 64)) == 0);
			else if (i % 8 == 1)
				MUST(allocpool_clear_dirty(view, row) >= 0);
		}
		struct allocpool_stats stats;
		uint32_t age, kept;
		MUST(allocpool_get_stats(pool, &stats) == 0 && stats.live <= ROWS);
		if (chance(&seed) % 8 == 0)
			MUST(allocpool_cutoff(pool, now, ROWS / 2, &age, &kept) == 0);
		pthread_rwlock_unlock(&lock);
	}
	return NULL;
}

static void on_erase(void *argument, const struct allocpool_found *batch, size_t count)
{
	(void)argument, (void)batch;
	erased += (long)count;
}

static void fill(uint64_t *seed)
{
	const struct allocpool_view *view = allocpool_get_view(pool);
	uint32_t row;
	for (unsigned i = chance(seed) % 2000; i--;) {
		uint64_t key = chance(seed);
		int error = allocpool_alloc(pool, key, now, &row);
		MUST(error == 0 || error == -ENOSPC);
		if (!error)
			*(uint64_t *)allocpool_pointer(view, row) = key;
	}
}

static void move_and_give_back(uint64_t *seed)
{
	uint64_t bytes;
	if (chance(seed) % 4 == 0)
		MUST(allocpool_compact(pool, 500, NULL, NULL) >= 0);
	int error = allocpool_trim(pool, &bytes);
	MUST(error == 0 || error == -EBUSY);
}

/* Selects under the reader's lock, beside the readers; commits under the writer's. */
static void *writer(void *argument)
{
	uint64_t seed = 4711;
	(void)argument;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct allocpool_query query = {
			.by = round % 2 ? ALLOCPOOL_BY_AGE : ALLOCPOOL_BY_COUNTER, .age = 10, .below = 2, .now = now
		};
		struct allocpool_cursor cursor = { 0 };
		pthread_rwlock_wrlock(&lock);
		fill(&seed);
		pthread_rwlock_unlock(&lock);
		pthread_rwlock_rdlock(&lock);
		found_count = allocpool_select(pool, &query, &cursor, found, sizeof found / sizeof *found);
		pthread_rwlock_unlock(&lock);
		MUST(found_count >= 0);
		pthread_rwlock_wrlock(&lock);
		long freed = allocpool_commit(pool, &query, found, (size_t)found_count, on_erase, NULL);
		MUST(freed >= 0 && freed <= found_count);
		refreshed += found_count - freed;
		if (round % 8 == 0)
			move_and_give_back(&seed);
		now++;
		pthread_rwlock_unlock(&lock);
	}
	return NULL;
}

int main(void)
{
	struct allocpool_config config = { .size = sizeof config,
					   .row_bytes = 64,
					   .max_rows = ROWS,
					   .fields = ALLOCPOOL_ALL_FIELDS,
					   .low_water = 500,
					   .on_low = on_low };
	pthread_t readers[READERS], other[2];
	sem_init(&low, 0, 0);
	MUST(allocpool_create(&config, &pool) == 0);
	pthread_create(&other[0], NULL, prepare, NULL);
	for (size_t i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, reader, (void *)i);
	pthread_create(&other[1], NULL, writer, NULL);
	pthread_join(other[1], NULL);
	over = true;
	sem_post(&low);
	pthread_join(other[0], NULL);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	MUST(erased > 0 && prepared > 0);
	printf("%ld rows evicted, %ld spared, prepared %ld times\n", erased, refreshed, prepared);
	return allocpool_destroy(pool, 1);
}
