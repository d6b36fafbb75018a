/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * What every benchmark program shares. A program does fixed, seeded work and says where
 * it stands; the runner looks at it from outside. Nothing here calls malloc, so that the
 * measuring is no part of what is measured.
 *
 * Lines go to the descriptor in BENCH_REPORT (without it: to stdout):
 *     mark NAME PID SECONDS USER SYSTEM FAULTS
 *     value NAME NUMBER
 * After a mark the program waits for one byte on the descriptor in BENCH_ANSWER. The
 * marks of every program: "start" when what is set up is set up, "done" when the work is
 * done and what it freed is free, "end" when the runner has watched it idle.
 */
void bench_mark(const char *name);
void bench_value(const char *name, double value);

/* NAME=NUMBER among the arguments, or the default; bench_check refuses unknown names. */
long bench_parameter(char **argv, const char *name, long otherwise);
void bench_check(char **argv, const char *const *names);

/* Zeroed pages of our own; ends the program when there are none. */
void *bench_pages(size_t size);
void bench_die(const char *what) __attribute__((noreturn));

uint64_t bench_now_ns(void);

/* Threads that ended are joined; the function gets its number as an intptr_t. */
void bench_threads(long n, void *(*function)(void *));

/* splitmix64: a state is a number, and each thread seeds its own. */
struct random {
	uint64_t state;
};
uint64_t random_next(struct random *r);
/* Below n, which is at least 1. */
size_t random_below(struct random *r, size_t n);
/* Between the two, small ones as likely as big ones on a logarithmic scale. */
size_t random_log(struct random *r, size_t least, size_t most);

/* Log-linear buckets, 1/32 wide; one for each thread, merged at the end. */
#define HISTOGRAM_BUCKETS 2048
struct histogram {
	uint64_t count[HISTOGRAM_BUCKETS];
};
void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Reports op_p50_us and op_p99_us, or with another prefix. */
void histogram_report(const struct histogram *h, const char *prefix);

#endif
