/* SPDX-License-Identifier: Apache-2.0 */
/* fork while other threads allocate: children and grandchildren must be able to
 * allocate, start threads and exit, and nobody may hang. (An emulator has locks of its
 * own, which it does not take before a fork: there the other threads hold memory, and
 * wait meanwhile.) */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 8, GENERATIONS = 2 };

static atomic_int stop;
static pthread_rwlock_t emulated_fork = PTHREAD_RWLOCK_INITIALIZER;

static void churn(unsigned seed, int rounds)
{
	void *blocks[64] = { 0 };

	for (int i = 0; i < rounds; i++) {
		unsigned slot = (seed = seed * 1103515245 + 12345) >> 16 & 63;
		size_t size = 1 + (seed >> 8) % (slot == 0 ? 300000 : 2000);

		free(blocks[slot]);
		blocks[slot] = malloc(size);
		CHECK(blocks[slot] != NULL);
		memset(blocks[slot], (int)slot, size);
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
}

static void *work(void *arg)
{
	void *kept = malloc(1000);

	while (!stop) {
		if (is_emulated())
			CHECK(pthread_rwlock_rdlock(&emulated_fork) == 0);
		churn((unsigned)(uintptr_t)arg, 100);
		if (is_emulated()) {
			CHECK(pthread_rwlock_unlock(&emulated_fork) == 0);
			usleep(1000); /* or the one who forks waits for ever */
		}
	}
	free(kept);
	return NULL;
}

static void *work_once(void *arg)
{
	churn((unsigned)(uintptr_t)arg, 2000);
	return NULL;
}

static void wait_for(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void __attribute__((noreturn)) child(int generation);

static void fork_next(int generation)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		child(generation);
	wait_for(pid);
}

static void child(int generation)
{
	pthread_t threads[3];

	churn(99, 1000);
	if (generation < GENERATIONS && is_emulated())
		fork_next(generation + 1);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, work_once, (void *)(uintptr_t)i) == 0);
	if (generation < GENERATIONS && !is_emulated())
		fork_next(generation + 1);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	exit(0); /* not _exit: the allocator's own end must work in a child too */
}

int main(void)
{
	const int children = is_emulated() ? 20 : 60;
	pthread_t threads[THREADS];

	check_served("malloc");
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
	for (int i = 0; i < children; i++) {
		if (is_emulated())
			CHECK(pthread_rwlock_wrlock(&emulated_fork) == 0);
		fork_next(1);
		if (is_emulated())
			CHECK(pthread_rwlock_unlock(&emulated_fork) == 0);
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	puts("ok");
	return 0;
}
