/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (r) Bursts with pauses between: what the first request after a pause pays for memory that
 * was given back meanwhile, and what stays resident while nobody asks.
 *
 *     burst [threads=16] [requests=20] [gap=0] [bursts=0]
 *
 * A pool of threads serves `requests` each, all of them at once, and waits. The pauses are
 * 0.5 s (20 times), 2 s (10) and 6 s (6), or `gap` milliseconds, `bursts` times. A request
 * makes small objects and buffers of 64 KiB to 2 MiB, as the layers of a network do, waits for
 * the rest of its batch, and lets all of them go.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define THREADS_MAX 64
#define LAYERS 12
#define NODES 200
#define WAIT_US 1000 /* for the rest of its batch */
#define KIB ((size_t)1 << 10)

static struct histogram *firsts, *others; /* of each thread */
static struct random *chances;
static pthread_barrier_t turn;
static long n_threads, n_requests;

static char *new_filled(size_t size)
{
	char *p = malloc(size);

	if (!p)
		bench_die("malloc");
	memset(p, 1, size);
	__asm__ volatile("" : : "r"(p) : "memory"); /* what nobody reads is written all the same */
	return p;
}

static void pause_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

/* The time that it took, without that in which it waited. */
static uint64_t serve_one(struct random *r)
{
	char *nodes[NODES], *layers[LAYERS];
	uint64_t start = bench_now_ns(), middle;

	for (size_t i = 0; i < NODES; i++)
		nodes[i] = new_filled(random_log(r, 16, 1024));
	for (size_t i = 0; i < LAYERS; i++)
		layers[i] = new_filled(random_log(r, 64 * KIB, 2048 * KIB));
	middle = bench_now_ns();
	pause_us(WAIT_US);
	start += bench_now_ns() - middle;
	for (size_t i = 0; i < LAYERS; i++)
		free(layers[i]);
	for (size_t i = 0; i < NODES; i++)
		free(nodes[i]);
	return bench_now_ns() - start;
}

/* Between two turns of the barrier the main thread pauses and counts. */
static void *serve(void *argument)
{
	intptr_t number = (intptr_t)argument;

	for (;;) {
		pthread_barrier_wait(&turn);
		for (long i = 0; i < n_requests; i++) {
			uint64_t took = serve_one(&chances[number]);

			histogram_add(i == 0 ? &firsts[number] : &others[number], took);
		}
		pthread_barrier_wait(&turn);
	}
	return NULL;
}

/* Resident, in MiB; read without a stream, which would allocate. */
static double resident(void)
{
	char text[128] = "";
	long total, pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%ld %ld", &total, &pages) != 2)
		bench_die("/proc/self/statm cannot be read");
	close(fd);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void burst(void)
{
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
}

static void forget(void)
{
	memset(firsts, 0, sizeof *firsts * (size_t)n_threads);
	memset(others, 0, sizeof *others * (size_t)n_threads);
}

static void report(long gap, const char *what, double number)
{
	char name[64];

	snprintf(name, sizeof name, "gap_%ld_%s", gap, what);
	bench_value(name, number);
}

static void measure(long gap, long bursts)
{
	struct histogram *all = bench_pages(sizeof *all);
	long before = faults();
	double sum = 0;
	char name[64];

	forget();
	for (long i = 0; i < bursts; i++) {
		pause_us(gap * 1000);
		sum += resident();
		burst();
	}
	report(gap, "faults", (double)(faults() - before));
	report(gap, "mib", sum / (double)bursts);
	for (long i = 0; i < n_threads; i++)
		histogram_merge(all, &firsts[i]);
	snprintf(name, sizeof name, "gap_%ld_first", gap);
	histogram_report(all, name);
	memset(all, 0, sizeof *all);
	for (long i = 0; i < n_threads; i++)
		histogram_merge(all, &others[i]);
	snprintf(name, sizeof name, "gap_%ld", gap);
	histogram_report(all, name);
	histogram_report(all, "op"); /* of the last pause */
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "threads", "requests", "gap", "bursts", NULL };
	long gap, bursts;
	pthread_t thread;

	(void)argc;
	bench_check(argv, names);
	n_threads = bench_parameter(argv, "threads", 16);
	n_requests = bench_parameter(argv, "requests", 20);
	gap = bench_parameter(argv, "gap", 0);
	bursts = bench_parameter(argv, "bursts", 0);
	if (n_threads < 1 || n_threads > THREADS_MAX || n_requests < 2 || gap < 0 || (gap > 0 && bursts < 1))
		bench_die("threads: 1 to 64, requests: at least 2, gap: with bursts");
	firsts = bench_pages(sizeof *firsts * (size_t)n_threads);
	others = bench_pages(sizeof *others * (size_t)n_threads);
	chances = bench_pages(sizeof *chances * (size_t)n_threads);
	pthread_barrier_init(&turn, NULL, (unsigned)n_threads + 1);
	for (long i = 0; i < n_threads; i++) {
		chances[i].state = (uint64_t)i + 1;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)i) != 0)
			bench_die("no thread");
	}
	for (int i = 0; i < 5; i++)
		burst();
	bench_mark("start");
	if (gap > 0) {
		measure(gap, bursts);
	} else {
		measure(500, 20);
		measure(2000, 10);
		measure(6000, 6);
	}
	bench_mark("done");
	bench_mark("end");
	return 0;
}
