/* SPDX-License-Identifier: Apache-2.0 */
/* 10,000 short threads that leave their blocks to others to free. What the dead
 * threads left must not pile up. */
#include "check.h"

#include <pthread.h>

enum { THREADS = 40, BLOCKS = 50 };

static void *blocks[THREADS][BLOCKS];

static void *run(void *arg)
{
	size_t self = (size_t)(uintptr_t)arg;
	size_t other = (self + 7) % THREADS;
	void *own[BLOCKS];

	/* Of the round before, allocated by another thread that is dead by now. */
	for (int i = 0; i < BLOCKS / 2; i++)
		free(__atomic_exchange_n(&blocks[other][i], NULL, __ATOMIC_ACQ_REL));
	for (int i = 0; i < BLOCKS; i++) {
		size_t size = 16 + (self * 131 + (size_t)i * 977) % 20000;

		own[i] = malloc(size);
		CHECK(own[i] != NULL);
		memset(own[i], 5, size);
		free(__atomic_exchange_n(&blocks[self][i], own[i], __ATOMIC_ACQ_REL));
	}
	return NULL;
}

static long resident_kb(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fscanf(file, "%*s %ld", &pages) == 1);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void)
{
	/* An emulator keeps 300 kB of each thread that ever was: fewer there, and its size
	 * says nothing. */
	const int rounds = is_emulated() ? 50 : 250;
	pthread_t threads[THREADS];
	long warm = 0, end;

	check_served("malloc");
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) == 0);
		for (size_t i = 0; i < THREADS; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
		if (round == rounds / 5)
			warm = resident_kb();
	}
	end = resident_kb();
	fprintf(stderr, "resident after %d threads %ld kB, after %d %ld kB\n", rounds / 5 * THREADS, warm,
		rounds * THREADS, end);
	CHECK(is_emulated() || end < warm + warm / 2 + 32 * 1024); /* live data is at most 20 MB */
	puts("ok");
	return 0;
}
