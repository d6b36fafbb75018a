/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (h) Churn: sessions of every size come and go in many threads, most of them end, and the
 * server idles.
 *
 *     churn [threads=8] [held=224] [requests=6000] [stay=5]      held: MiB in each thread
 *
 * Each thread holds `held` MiB of objects. A request makes some that are small and some of
 * 4 KiB to 4 MiB, and ends as many bytes of others, drawn at random; a thread in two
 * frees what its neighbour made. At the end all but `stay` percent go, drawn at random too.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define THREADS_MAX 64
#define OBJECTS_MAX ((size_t)1 << 18) /* of one thread */
#define SMALL 60
#define LARGE 4
#define MIB ((size_t)1 << 20)

struct object {
	char *start;
	size_t size;
};

struct holder {
	struct object *objects;
	size_t n, bytes;
	pthread_mutex_t lock; /* the neighbour ends some of them */
};

static struct holder holders[THREADS_MAX];
static struct histogram *histograms;
static pthread_barrier_t turn;
static long n_threads, n_requests, stay;
static size_t held;

static void add(struct holder *h, size_t size)
{
	struct object o = { malloc(size), size };

	if (!o.start)
		bench_die("malloc");
	memset(o.start, 1, size);
	pthread_mutex_lock(&h->lock);
	if (h->n == OBJECTS_MAX)
		bench_die("too many objects");
	h->objects[h->n++] = o;
	h->bytes += size;
	pthread_mutex_unlock(&h->lock);
}

/* Ends one of them, drawn at random, where they are more than so many and so many bytes. */
static bool end_one(struct holder *h, struct random *r, size_t n, size_t bytes)
{
	struct object o = { NULL, 0 };

	pthread_mutex_lock(&h->lock);
	if (h->n > n && h->bytes > bytes) {
		size_t i = random_below(r, h->n);

		o = h->objects[i];
		h->objects[i] = h->objects[--h->n];
		h->bytes -= o.size;
	}
	pthread_mutex_unlock(&h->lock);
	free(o.start);
	return o.start;
}

static void make(struct holder *h, struct random *r)
{
	for (int i = 0; i < SMALL; i++)
		add(h, random_log(r, 16, 1024));
	for (int i = 0; i < LARGE; i++)
		add(h, random_log(r, 4096, 4 * MIB));
}

static void serve_one(long number, struct random *r, long request)
{
	struct holder *mine = &holders[number];
	struct holder *other = request % 2 ? mine : &holders[(number + 1) % n_threads];

	make(mine, r);
	while (end_one(other, r, 0, held))
		;
}

static void *serve(void *argument)
{
	long number = (long)(intptr_t)argument;
	struct random r = { (uint64_t)number + 1 };
	size_t rest;

	pthread_barrier_wait(&turn);
	for (long i = 0; i < n_requests; i++) {
		uint64_t start = bench_now_ns();

		serve_one(number, &r, i);
		histogram_add(&histograms[number], bench_now_ns() - start);
	}
	pthread_barrier_wait(&turn);
	rest = holders[number].n * (size_t)stay / 100;
	while (end_one(&holders[number], &r, rest, 0))
		;
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	return NULL;
}

static void start_threads(void)
{
	pthread_t thread;

	pthread_barrier_init(&turn, NULL, (unsigned)n_threads + 1);
	for (long i = 0; i < n_threads; i++) {
		holders[i].objects = bench_pages(sizeof *holders[i].objects * OBJECTS_MAX);
		pthread_mutex_init(&holders[i].lock, NULL);
	}
	for (long i = 0; i < n_threads; i++)
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)i) != 0)
			bench_die("no thread");
}

static void report(void)
{
	size_t bytes = 0;

	for (long i = 0; i < n_threads; i++) {
		bytes += holders[i].bytes;
		if (i > 0)
			histogram_merge(&histograms[0], &histograms[i]);
	}
	bench_value("held_mib", (double)bytes / (double)MIB);
	bench_value("requests", (double)(n_threads * n_requests));
	histogram_report(&histograms[0], "op");
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "threads", "held", "requests", "stay", NULL };

	(void)argc;
	bench_check(argv, names);
	n_threads = bench_parameter(argv, "threads", 8);
	n_requests = bench_parameter(argv, "requests", 6000);
	stay = bench_parameter(argv, "stay", 5);
	held = (size_t)bench_parameter(argv, "held", 224) * MIB;
	if (n_threads < 1 || n_threads > THREADS_MAX || n_requests < 1 || stay < 0 || stay > 100)
		bench_die("threads: 1 to 64, requests: at least 1, stay: 0 to 100");
	histograms = bench_pages(sizeof *histograms * (size_t)n_threads);
	start_threads();
	bench_mark("start");
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	bench_mark("done");
	bench_mark("end");
	report();
	return 0;
}
