/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times whole commands side by side: spawn [-t] ROUNDS NAME COMMAND... ";" NAME COMMAND... ";" …
 * A command may begin with settings (A=B), as for env. With -t, tab-separated for programs:
 * name, p50, p90, p99 in us, user and system us, page faults (medians), peak KiB.
 * Interleaved, so that a machine that drifts drifts for all; posix_spawn and wait4,
 * so that the measuring process's own size does not count. The first command is what
 * the others are compared with.
 */
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CANDIDATES_MAX 48
#define ENVIRONMENT_MAX 1024

struct candidate {
	const char *name;
	char **argv, **environment;
	double *microseconds, *user, *system, *faults;
	long peak_kib;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double seconds_us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static void run(struct candidate *c, int round)
{
	double start = now_us();
	struct rusage usage;
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, c->argv[0], NULL, NULL, c->argv, c->environment);
	if (errno || wait4(pid, &status, 0, &usage) != pid || status != 0) {
		fprintf(stderr, "%s: did not run: %s\n", c->name, errno ? strerror(errno) : "non-zero status");
		exit(1);
	}
	c->microseconds[round] = now_us() - start;
	c->user[round] = seconds_us(usage.ru_utime);
	c->system[round] = seconds_us(usage.ru_stime);
	c->faults[round] = (double)usage.ru_minflt;
	if (usage.ru_maxrss > c->peak_kib)
		c->peak_kib = usage.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, int rounds, double q)
{
	return sorted[(int)(q * (rounds - 1))];
}

static double *numbers(int rounds)
{
	double *n = calloc((size_t)rounds, sizeof *n);

	if (!n)
		abort();
	return n;
}

/* The leading NAME=VALUE words go in front of our own environment: the first one counts. */
static void take_settings(struct candidate *c)
{
	char **list = calloc(ENVIRONMENT_MAX, sizeof *list);
	int n = 0;

	if (!list)
		abort();
	while (c->argv[0] && strchr(c->argv[0], '=') && n < ENVIRONMENT_MAX - 1)
		list[n++] = *c->argv++;
	for (char **e = environ; *e && n < ENVIRONMENT_MAX - 1; e++)
		list[n++] = *e;
	c->environment = list;
}

static void sort_all(struct candidate *c, int rounds)
{
	qsort(c->microseconds, (size_t)rounds, sizeof(double), compare);
	qsort(c->user, (size_t)rounds, sizeof(double), compare);
	qsort(c->system, (size_t)rounds, sizeof(double), compare);
	qsort(c->faults, (size_t)rounds, sizeof(double), compare);
}

static void print_tabs(const struct candidate *c, int rounds)
{
	printf("%s\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%ld\n", c->name, quantile(c->microseconds, rounds, 0.5),
	       quantile(c->microseconds, rounds, 0.9), quantile(c->microseconds, rounds, 0.99),
	       quantile(c->user, rounds, 0.5), quantile(c->system, rounds, 0.5), quantile(c->faults, rounds, 0.5),
	       c->peak_kib);
}

static void print_line(const struct candidate *c, const struct candidate *bare, int rounds)
{
	double mine = quantile(c->microseconds, rounds, 0.5), theirs = quantile(bare->microseconds, rounds, 0.5);

	printf("%-34s %9.0f %9.0f %9.0f %8.2f %9ld\n", c->name, mine, quantile(c->microseconds, rounds, 0.9),
	       mine - theirs, mine / theirs, c->peak_kib);
}

int main(int argc, char **argv)
{
	int is_tabs = argc > 1 && strcmp(argv[1], "-t") == 0, n = 0;
	int rounds = argc > 1 + is_tabs ? atoi(argv[1 + is_tabs]) : 0;
	struct candidate candidates[CANDIDATES_MAX];

	for (int i = 2 + is_tabs; i < argc && n < CANDIDATES_MAX && rounds > 0; n++) {
		candidates[n] =
			(struct candidate){ argv[i],         argv + i + 1,    NULL, numbers(rounds), numbers(rounds),
					    numbers(rounds), numbers(rounds), 0 };
		while (i < argc && strcmp(argv[i], ";") != 0)
			i++;
		if (i < argc)
			argv[i++] = NULL;
		take_settings(&candidates[n]);
	}
	if (rounds < 1 || n == 0) {
		fprintf(stderr, "usage: spawn [-t] ROUNDS NAME COMMAND... [; NAME COMMAND...]...\n");
		return 2;
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			run(&candidates[i], round);
	for (int i = 0; i < n; i++)
		sort_all(&candidates[i], rounds);
	if (!is_tabs)
		printf("%-34s %9s %9s %9s %8s %9s\n", "command", "p50 us", "p90 us", "adds us", "x bare", "peak KiB");
	for (int i = 0; i < n; i++) {
		if (is_tabs)
			print_tabs(&candidates[i], rounds);
		else
			print_line(&candidates[i], &candidates[0], rounds);
	}
	return 0;
}
