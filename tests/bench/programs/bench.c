/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 1024

static uint64_t blocked_ns; /* in marks; not part of anybody's work */

void bench_die(const char *what)
{
	dprintf(2, "benchmark: %s\n", what);
	_exit(1);
}

uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int bench_descriptor(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : otherwise;
}

/* snprintf and write: neither allocates, whatever the libc. */
static void __attribute__((format(printf, 1, 2))) bench_say(const char *format, ...)
{
	char line[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof line)
		bench_die("a line is too long");
	if (write(bench_descriptor("BENCH_REPORT", 1), line, (size_t)length) != length)
		bench_die("nobody listens");
}

static double bench_seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void bench_mark(const char *name)
{
	uint64_t start = bench_now_ns();
	int answer = bench_descriptor("BENCH_ANSWER", -1);
	struct rusage usage;
	char byte;

	getrusage(RUSAGE_SELF, &usage);
	bench_say("mark %s %d %.6f %.6f %.6f %ld\n", name, getpid(), (double)(start - blocked_ns) / 1e9,
		  bench_seconds(usage.ru_utime), bench_seconds(usage.ru_stime), usage.ru_minflt);
	if (answer >= 0 && read(answer, &byte, 1) != 1)
		bench_die("nobody answers");
	blocked_ns += bench_now_ns() - start;
}

void bench_value(const char *name, double value)
{
	bench_say("value %s %.6f\n", name, value);
}

long bench_parameter(char **argv, const char *name, long otherwise)
{
	size_t length = strlen(name);

	for (char **a = argv + 1; *a; a++)
		if (strncmp(*a, name, length) == 0 && (*a)[length] == '=')
			return atol(*a + length + 1);
	return otherwise;
}

void bench_check(char **argv, const char *const *names)
{
	for (char **a = argv + 1; *a; a++) {
		bool known = false;

		for (const char *const *n = names; *n; n++)
			known = known || (strncmp(*a, *n, strlen(*n)) == 0 && (*a)[strlen(*n)] == '=');
		if (!known)
			bench_die("an argument is no NAME=NUMBER that it knows");
	}
}

void *bench_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		bench_die("no pages");
	return p;
}

void bench_threads(long n, void *(*function)(void *))
{
	static pthread_t threads[THREADS_MAX];

	if (n < 1 || n > THREADS_MAX)
		bench_die("threads: 1 to 1024");
	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, function, (void *)(intptr_t)i) != 0)
			bench_die("no thread");
	for (long i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

size_t random_below(struct random *r, size_t n)
{
	return (size_t)(((unsigned __int128)random_next(r) * n) >> 64);
}

size_t random_log(struct random *r, size_t least, size_t most)
{
	double share = (double)(random_next(r) >> 11) / 9007199254740992.0;

	return (size_t)((double)least * exp(share * log((double)most / (double)least)));
}

/* 32 buckets for each power of two; below 32 ns one for each nanosecond. */
static unsigned histogram_bucket(uint64_t ns)
{
	unsigned power;

	if (ns < 32)
		return (unsigned)ns;
	power = 63u - (unsigned)__builtin_clzll(ns);
	return (power - 4) * 32 + (unsigned)((ns >> (power - 5)) & 31);
}

static double histogram_middle(unsigned bucket)
{
	unsigned power = bucket / 32 + 4;

	if (bucket < 32)
		return bucket;
	return ldexp(32.5 + bucket % 32, (int)power - 5);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	unsigned bucket = histogram_bucket(ns);

	h->count[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->count[i] += from->count[i];
}

static double histogram_quantile_us(const struct histogram *h, double share)
{
	uint64_t total = 0, seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->count[i];
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->count[i];
		if ((double)seen >= share * (double)total)
			return histogram_middle(i) / 1e3;
	}
	return 0;
}

void histogram_report(const struct histogram *h, const char *prefix)
{
	char name[64];

	snprintf(name, sizeof name, "%s_p50_us", prefix);
	bench_value(name, histogram_quantile_us(h, 0.50));
	snprintf(name, sizeof name, "%s_p99_us", prefix);
	bench_value(name, histogram_quantile_us(h, 0.99));
}
