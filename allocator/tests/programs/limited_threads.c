/* SPDX-License-Identifier: Apache-2.0 */
/* Where no thread can be started (RLIMIT_NPROC), an allocator that wants one of its own
 * has to live without.
 *   limited_threads first    allocation works from the very first call on, which a
 *                            library's constructor makes (libearly.so)
 *   limited_threads return   what was freed goes back to the kernel all the same
 *   limited_threads late     as "return", on another thread, after which no more can be
 *                            had */
#include "check.h"

#include <pthread.h>
#include <time.h>

extern void *early_block(void);

static void *never(void *arg)
{
	return arg;
}

static long resident_kb(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	CHECK(file && fscanf(file, "%*s %ld", &pages) == 1);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void churn(void)
{
	void *blocks[100];

	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < 100; i++) {
			blocks[i] = malloc(100 + i * i * 20);
			CHECK(blocks[i] != NULL);
			memset(blocks[i], 1, 100 + i * i * 20);
		}
		for (size_t i = 0; i < 100; i++)
			free(blocks[i]);
	}
}

/* 300 MB in use, then free. The process goes on, and its memory comes down. */
static void test_return(void)
{
	enum { BLOCKS = 3000, SIZE = 100000 };
	static void *blocks[BLOCKS];
	long before = resident_kb(), peak, now;
	struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(SIZE);
		CHECK(blocks[i] != NULL);
		memset(blocks[i], 1, SIZE);
	}
	peak = resident_kb();
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	now = peak;
	for (int i = 0; i < 500 && now > before + (peak - before) / 4; i++) {
		churn();
		nanosleep(&pause, NULL);
		now = resident_kb();
	}
	fprintf(stderr, "resident: %ld kB, at its peak %ld kB, in the end %ld kB\n", before, peak, now);
	CHECK(peak > before + 250000);
	CHECK(now <= before + (peak - before) / 4);
}

static void check_no_more_threads(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, never, NULL) == EAGAIN); /* else this proves nothing */
}

static void *late(void *arg)
{
	check_no_more_threads();
	test_return();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	check_served("malloc");
	CHECK(argc == 2);
	if (strcmp(argv[1], "late") == 0) {
		CHECK(pthread_create(&thread, NULL, late, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
		puts("ok");
		return 0;
	}
	check_no_more_threads();
	if (strcmp(argv[1], "first") == 0) {
		CHECK(early_block() != NULL);
		churn();
	} else if (strcmp(argv[1], "return") == 0) {
		test_return();
	} else {
		CHECK(!"a scenario that exists");
	}
	puts("ok");
	return 0;
}
