/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fork and an end of the child cost a process with a heap: fork MIB FORKS. Fills its heap, then for each
 * line that it reads forks FORKS times and prints of fork + _exit + wait: the median and the fastest twentieth in
 * us, the CPU of parent and child for each in us, their page faults; and how many threads it has. For
 * tests/bench/fork, which lets several of these take turns.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4000
#define FORKS_MAX 10000

static double now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct cost {
	double cpu_us, faults;
};

static struct cost cost_of_all(void)
{
	struct rusage own, children;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return (struct cost){ now_us(CLOCK_PROCESS_CPUTIME_ID) +
				      (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1e6 +
				      (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec),
			      (double)(own.ru_minflt + children.ru_minflt) };
}

static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int n = 0;

	if (!folder)
		abort();
	for (struct dirent *entry; (entry = readdir(folder));)
		n += entry->d_name[0] != '.';
	closedir(folder);
	return n;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double fork_once(void)
{
	double begun = now_us(CLOCK_MONOTONIC);
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		abort();
	return now_us(CLOCK_MONOTONIC) - begun;
}

int main(int argc, char **argv)
{
	static double times[FORKS_MAX];
	size_t blocks = argc > 2 ? (size_t)atol(argv[1]) * 1048576 / BLOCK : 0;
	int forks = argc > 2 ? atoi(argv[2]) : 0;
	char line[16], **heap = malloc((blocks + 1) * sizeof *heap);

	if (forks < 1 || forks > FORKS_MAX || !heap) {
		fprintf(stderr, "usage: fork MIB FORKS\n");
		return 2;
	}
	for (size_t i = 0; i < blocks; i++) {
		heap[i] = malloc(BLOCK);
		if (!heap[i])
			abort();
		memset(heap[i], 1, BLOCK);
	}
	while (fgets(line, sizeof line, stdin)) {
		struct cost before = cost_of_all(), after;

		for (int i = 0; i < forks; i++)
			times[i] = fork_once();
		after = cost_of_all();
		qsort(times, (size_t)forks, sizeof *times, compare);
		printf("%.1f %.1f %.1f %.1f %d\n", times[forks / 2], times[forks / 20],
		       (after.cpu_us - before.cpu_us) / forks, (after.faults - before.faults) / forks, count_threads());
		fflush(stdout);
	}
	for (size_t i = 0; i < blocks; i++)
		free(heap[i]);
	free(heap);
	return 0;
}
