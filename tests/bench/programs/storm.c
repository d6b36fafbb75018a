/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (f) Very many threads allocate and free objects under 1 KiB, and a share of them is
 * freed by another thread than the one that allocated it: it goes through a table that
 * all exchange with.
 *
 *     storm [threads=256] [operations=100000] [foreign=25] [objects=512]
 *
 * An operation frees one object and allocates another; `foreign` is the share in percent
 * whose free happens elsewhere, `objects` what each thread holds.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SHARED 8192
#define SAMPLE 16 /* each so many operations one is timed */

static _Atomic(unsigned char *) shared[SHARED];
static struct histogram *histograms;
static unsigned char **objects; /* n_objects for each thread */
static long operations, foreign, n_objects;

/* Requests, tokens, strings: small ones are far more common. */
static unsigned char *new_object(struct random *r)
{
	size_t size = random_log(r, 16, 1024);
	unsigned char *object = malloc(size);

	if (!object)
		bench_die("malloc");
	object[0] = object[size - 1] = (unsigned char)size;
	return object;
}

static void operate(struct random *r, unsigned char **place)
{
	unsigned char *old = *place;

	*place = new_object(r);
	if (random_below(r, 100) < (size_t)foreign)
		old = atomic_exchange(&shared[random_below(r, SHARED)], old);
	free(old);
}

static void *storm(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)number };
	unsigned char **mine = objects + (size_t)number * (size_t)n_objects;

	for (long i = 0; i < operations; i++) {
		unsigned char **place = &mine[random_below(&r, (size_t)n_objects)];
		bool is_timed = i % SAMPLE == 0;
		uint64_t start = is_timed ? bench_now_ns() : 0;

		operate(&r, place);
		if (is_timed)
			histogram_add(&histograms[number], bench_now_ns() - start);
	}
	for (long i = 0; i < n_objects; i++)
		free(mine[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "threads", "operations", "foreign", "objects", NULL };
	long n_threads = bench_parameter(argv, "threads", 256);

	(void)argc;
	bench_check(argv, names);
	operations = bench_parameter(argv, "operations", 100000);
	foreign = bench_parameter(argv, "foreign", 25);
	n_objects = bench_parameter(argv, "objects", 512);
	if (n_threads < 1 || n_objects < 1)
		bench_die("threads, objects: at least 1");
	histograms = bench_pages(sizeof *histograms * (size_t)n_threads);
	objects = bench_pages(sizeof *objects * (size_t)n_threads * (size_t)n_objects);
	bench_mark("start");
	bench_threads(n_threads, storm);
	for (size_t i = 0; i < SHARED; i++)
		free(atomic_exchange(&shared[i], NULL));
	bench_mark("done");
	bench_mark("end");
	for (long i = 1; i < n_threads; i++)
		histogram_merge(&histograms[0], &histograms[i]);
	histogram_report(&histograms[0], "op");
	return 0;
}
