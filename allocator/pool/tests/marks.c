/* SPDX-License-Identifier: Apache-2.0 */
/* No mark is lost: one thread writes a row and marks it dirty, another clears the bit and saves the row, at the same
 * moment. What is not dirty afterwards was saved.
 *
 *   marks [ROUNDS]     200000; a mark that looked first whether the bit is set lost some, on two CPUs */
#include "allocpool.h"
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const struct allocpool_view *view;
static uint32_t row, rounds = 200000, saved;
static uint32_t *written;
static uint32_t arrived[2];

/* Both go on from here. */
static void meet(unsigned me, uint32_t turn)
{
	__atomic_store_n(&arrived[me], turn, __ATOMIC_SEQ_CST);
	for (unsigned spins = 0; __atomic_load_n(&arrived[!me], __ATOMIC_SEQ_CST) < turn; spins++)
		if (spins > 1000)
			sched_yield();
}

/* Now the one is first, now the other. */
static void wait_a_little(unsigned steps)
{
	for (volatile unsigned left = steps; left; left--)
		;
}

static void *save(void *argument)
{
	for (uint32_t round = 1; round <= rounds; round++) {
		meet(1, 2 * round - 1);
		wait_a_little(round % 16);
		if (allocpool_clear_dirty(view, row) == 1)
			saved = __atomic_load_n(written, __ATOMIC_RELAXED);
		meet(1, 2 * round);
	}
	return argument;
}

int main(int argc, char **argv)
{
	struct allocpool_config config = {
		.size = sizeof config, .row_bytes = 64, .max_rows = 64, .fields = ALLOCPOOL_DIRTY
	};
	struct allocpool *pool;
	pthread_t saver;
	uint32_t lost = 0;
	if (argc > 1)
		rounds = (uint32_t)strtoul(argv[1], NULL, 10);
	if (allocpool_create(&config, &pool) != 0 || allocpool_alloc(pool, 0, 0, &row) != 0)
		return 2;
	view = allocpool_get_view(pool);
	written = allocpool_pointer(view, row);
	if (pthread_create(&saver, NULL, save, NULL) != 0)
		return 2;
	for (uint32_t round = 1; round <= rounds; round++) {
		allocpool_mark_dirty(view, row);
		meet(0, 2 * round - 1);
		wait_a_little(round / 16 % 16);
		__atomic_store_n(written, round, __ATOMIC_RELAXED);
		allocpool_mark_dirty(view, row);
		meet(0, 2 * round);
		lost += allocpool_is_dirty(view, row) == 0 && saved != round;
	}
	pthread_join(saver, NULL);
	printf("%u rounds, %u writes neither dirty nor saved\n", rounds, lost);
	allocpool_destroy(pool, 1);
	return lost != 0;
}
