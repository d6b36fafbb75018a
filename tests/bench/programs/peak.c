/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (c) A load peak, then idleness: how much of what was freed comes back, and when.
 *
 *     peak [threads=8] [peak=1024] [base=64] [survivors=2000]       sizes in MiB
 *
 * A server's long-lived data is there from the start (`base`). At the peak every thread
 * holds sessions: mostly buffers of 64 KiB to 8 MiB, and a great many strings and
 * nodes. Sessions end in random order, each object freed by the thread that made
 * it or by its neighbour; one small object in `survivors` stays for good, as an entry of
 * a cache does. The threads stay as well.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define THREADS_MAX 64
#define MIB ((size_t)1 << 20)
#define OBJECTS_MAX ((size_t)1 << 18) /* of one thread */

struct object {
	void *start;
	size_t size;
};

struct holder {
	struct object *objects;
	size_t n;
	size_t freed; /* bytes, as they were asked for */
};

static struct holder holders[THREADS_MAX];
static struct histogram *histograms;
static pthread_barrier_t turn;
static long n_threads, survivors;
static size_t share;

/* A fifth of the bytes are small objects, as a request's strings and nodes. */
static size_t object_size(struct random *r)
{
	if (random_below(r, 10000) < 9993)
		return random_log(r, 16, 1024);
	return random_log(r, 65536, 8 * MIB);
}

static struct object new_object(struct random *r)
{
	struct object o = { NULL, object_size(r) };

	o.start = malloc(o.size);
	if (!o.start)
		bench_die("malloc");
	memset(o.start, 1, o.size);
	return o;
}

static size_t hold(struct holder *h, struct random *r, struct histogram *times, size_t bytes)
{
	size_t held = 0;

	while (held < bytes && h->n < OBJECTS_MAX) {
		uint64_t start = bench_now_ns();

		h->objects[h->n] = new_object(r);
		histogram_add(times, bench_now_ns() - start);
		held += h->objects[h->n++].size;
	}
	return held;
}

static void shuffle(struct holder *h, struct random *r)
{
	for (size_t i = h->n; i > 1; i--) {
		size_t k = random_below(r, i);
		struct object o = h->objects[i - 1];

		h->objects[i - 1] = h->objects[k];
		h->objects[k] = o;
	}
}

static void release(struct holder *h, struct random *r, size_t from)
{
	for (size_t i = from; i < h->n; i += 2) {
		if (h->objects[i].size <= 1024 && random_below(r, (size_t)survivors) == 0)
			continue;
		free(h->objects[i].start);
		h->freed += h->objects[i].size;
	}
}

/* Between two turns of the barrier the main thread reports. */
static void *serve(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct holder *mine = &holders[number], *other = &holders[(number + 1) % n_threads];
	struct random r = { (uint64_t)number + 1 };

	pthread_barrier_wait(&turn);
	hold(mine, &r, &histograms[number], share);
	shuffle(mine, &r);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	release(mine, &r, 0);
	pthread_barrier_wait(&turn);
	release(other, &r, 1);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	return NULL;
}

static void report(void)
{
	size_t freed = 0, objects = 0;

	for (long i = 0; i < n_threads; i++) {
		freed += holders[i].freed;
		objects += holders[i].n;
		if (i > 0)
			histogram_merge(&histograms[0], &histograms[i]);
	}
	bench_value("freed_mib", (double)freed / (double)MIB);
	bench_value("objects", (double)objects);
	histogram_report(&histograms[0], "op");
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "threads", "peak", "base", "survivors", NULL };
	struct holder base = { bench_pages(sizeof *base.objects * OBJECTS_MAX), 0, 0 };
	struct random r = { 0 };
	pthread_t thread;

	(void)argc;
	bench_check(argv, names);
	n_threads = bench_parameter(argv, "threads", 8);
	survivors = bench_parameter(argv, "survivors", 2000);
	if (n_threads < 1 || n_threads > THREADS_MAX || survivors < 1)
		bench_die("threads: 1 to 64, survivors: at least 1");
	share = (size_t)bench_parameter(argv, "peak", 1024) * MIB / (size_t)n_threads;
	histograms = bench_pages(sizeof *histograms * (size_t)(n_threads + 1));
	hold(&base, &r, &histograms[n_threads], (size_t)bench_parameter(argv, "base", 64) * MIB);
	pthread_barrier_init(&turn, NULL, (unsigned)n_threads + 1);
	for (long i = 0; i < n_threads; i++) {
		holders[i].objects = bench_pages(sizeof *base.objects * OBJECTS_MAX);
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)i) != 0)
			bench_die("no thread");
	}
	bench_mark("start");
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	bench_mark("peak");
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	bench_mark("done");
	bench_mark("end");
	report();
	return 0;
}
