/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times whole commands side by side: spawn ROUNDS NAME COMMAND... ";" NAME COMMAND... ";" …
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CANDIDATES_MAX 16

struct candidate {
	const char *name;
	char **argv;
	double *microseconds;
	long peak_kib;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(struct candidate *c, int round)
{
	double start = now_us();
	struct rusage usage;
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, c->argv[0], NULL, NULL, c->argv, environ);
	if (errno || wait4(pid, &status, 0, &usage) != pid || status != 0) {
		fprintf(stderr, "%s: did not run: %s\n", c->name, errno ? strerror(errno) : "non-zero status");
		exit(1);
	}
	c->microseconds[round] = now_us() - start;
	if (usage.ru_maxrss > c->peak_kib)
		c->peak_kib = usage.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const struct candidate *c, int rounds, double q)
{
	return c->microseconds[(int)(q * (rounds - 1))];
}

int main(int argc, char **argv)
{
	struct candidate candidates[CANDIDATES_MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 0, n = 0;

	for (int i = 2; i < argc && n < CANDIDATES_MAX; n++) {
		candidates[n] = (struct candidate){ argv[i], argv + i + 1, calloc((size_t)rounds, sizeof(double)), 0 };
		while (i < argc && strcmp(argv[i], ";") != 0)
			i++;
		if (i < argc)
			argv[i++] = NULL;
	}
	if (rounds < 1 || n == 0) {
		fprintf(stderr, "usage: spawn ROUNDS NAME COMMAND... [; NAME COMMAND...]...\n");
		return 2;
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			run(&candidates[i], round);
	printf("%-34s %9s %9s %9s %8s %9s\n", "command", "p50 us", "p90 us", "adds us", "x bare", "peak KiB");
	for (int i = 0; i < n; i++) {
		qsort(candidates[i].microseconds, (size_t)rounds, sizeof(double), compare);
		printf("%-34s %9.0f %9.0f %9.0f %8.2f %9ld\n", candidates[i].name,
		       quantile(&candidates[i], rounds, 0.5), quantile(&candidates[i], rounds, 0.9),
		       quantile(&candidates[i], rounds, 0.5) - quantile(&candidates[0], rounds, 0.5),
		       quantile(&candidates[i], rounds, 0.5) / quantile(&candidates[0], rounds, 0.5),
		       candidates[i].peak_kib);
	}
	return 0;
}
