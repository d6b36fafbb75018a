/* SPDX-License-Identifier: Apache-2.0 */
/* Signals and the allocator.
 *   signals storm    threads allocate while timers and other threads interrupt them
 *   signals threads  threads that the allocator starts for itself take no signal, and
 *                    whoever makes it start one keeps its own mask
 *                    whoever makes it start one keeps its own mask: as many as
 *                    $EXPECT_THREADS says, a number or "some" */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { THREADS = 4, SLOTS = 128 };

static atomic_int caught[128];
static atomic_int working;
static int pipe_ends[2];

/* What a handler may do, and profilers do: count, and write somewhere. */
static void on_signal(int number)
{
	int saved = errno;

	caught[number]++;
	if (write(pipe_ends[1], "", 1) < 0)
		errno = 0; /* the pipe is full: as good */
	errno = saved;
}

static void handle(int number)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	CHECK(sigaction(number, &action, NULL) == 0);
}

/* --- storm ------------------------------------------------------------------ */

struct block {
	unsigned char *bytes;
	size_t size;
};

static void check_block(const struct block *block, unsigned char mark)
{
	CHECK(block->bytes[0] == mark && block->bytes[block->size / 2] == mark &&
	      block->bytes[block->size - 1] == mark);
}

/* A profiling timer's ticks are processor time: they come when they come. */
static int enough_caught(void)
{
	return caught[SIGPROF] > 20 && caught[SIGUSR1] > 20 && caught[SIGRTMIN] > 20;
}

static void *work(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg, rounds = is_emulated() ? 30000 : 300000;
	unsigned char mark = (unsigned char)(seed + 1);
	struct block blocks[SLOTS] = { { 0 } };

	for (unsigned i = 0; i < rounds || !enough_caught(); i++) {
		struct block *block = &blocks[(seed = seed * 1103515245 + 12345) >> 16 & 127];
		size_t size = 1 + (seed >> 9) % (i % 64 ? 3000 : 400000);

		if (block->bytes)
			check_block(block, mark);
		if (seed >> 30) {
			block->bytes = realloc(block->bytes, size);
		} else {
			free(block->bytes);
			block->bytes = malloc(size);
		}
		CHECK(block->bytes != NULL);
		block->size = size;
		memset(block->bytes, mark, size);
	}
	for (int i = 0; i < SLOTS; i++)
		free(blocks[i].bytes);
	working--;
	return NULL;
}

static timer_t start_timer(int number)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number };
	struct itimerspec every = { .it_interval.tv_nsec = 1000000, .it_value.tv_nsec = 1000000 };
	timer_t timer;

	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &every, NULL) == 0);
	return timer;
}

static void storm(void)
{
	struct itimerval profile = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
	struct itimerval none = { { 0 }, { 0 } };
	pthread_t threads[THREADS];
	sigset_t all;
	timer_t timer;

	CHECK(pipe2(pipe_ends, O_NONBLOCK) == 0);
	handle(SIGPROF);
	handle(SIGUSR1);
	handle(SIGRTMIN);
	working = THREADS;
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
	timer = start_timer(SIGRTMIN);
	CHECK(setitimer(ITIMER_PROF, &profile, NULL) == 0);

	/* This thread throws and is not hit, so that the others get them all. */
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
	while (working) {
		struct timespec pause = { .tv_nsec = 100000 };

		for (size_t i = 0; i < THREADS; i++)
			CHECK(pthread_kill(threads[i], SIGUSR1) == 0);
		nanosleep(&pause, NULL);
	}
	CHECK(setitimer(ITIMER_PROF, &none, NULL) == 0);
	CHECK(timer_delete(timer) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	fprintf(stderr, "caught: %d SIGPROF, %d SIGUSR1, %d timer\n", caught[SIGPROF], caught[SIGUSR1],
		caught[SIGRTMIN]);
}

/* --- the allocator's own threads --------------------------------------------- */

static pid_t app_thread;
static atomic_int stop, elsewhere;

static void on_where(int number)
{
	(void)number;
	if (syscall(SYS_gettid) != app_thread)
		elsewhere++;
	caught[SIGUSR2]++;
}

/* Every signal that can be blocked and is not the thread's own fault: not SIGKILL and
 * SIGSTOP, nor those that libc (or an emulator) keeps for itself from 32 on. */
static unsigned long long every_signal(void)
{
	static const int others[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
	unsigned long long mask = 0x7fffffff;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		mask &= ~(1ull << (others[i] - 1));
	return mask;
}

static unsigned long long blocked_by(const char *task, char name[static 32])
{
	char path[64], line[256];
	unsigned long long mask = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", task);
	file = fopen(path, "r");
	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Name: %31s", name) == 1 || sscanf(line, "SigBlk: %llx", &mask) == 1)
			continue;
	fclose(file);
	return mask;
}

/* A thread that neither this program nor the emulator started. */
static void check_stranger(const char *task, int *strangers, int *emulators)
{
	char name[32] = "";
	unsigned long long mask = blocked_by(task, name);

	if (is_emulated() && *emulators == 0 && strncmp(name, "qemu", 4) == 0) {
		++*emulators;
		return;
	}
	++*strangers;
	fprintf(stderr, "thread %s of the allocator blocks %llx\n", name, mask);
	CHECK((mask & every_signal()) == every_signal());
}

static void *app(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	CHECK(pthread_sigmask(SIG_SETMASK, &set, NULL) == 0);
	app_thread = (pid_t)syscall(SYS_gettid);
	*(atomic_int *)arg = 1;
	while (!stop) {
		free(malloc(100000));
		CHECK(pthread_sigmask(SIG_SETMASK, NULL, &set) == 0);
		for (int number = 1; number < 32; number++)
			CHECK(sigismember(&set, number) == 0);
	}
	return NULL;
}

static void foreign_threads(void)
{
	struct sigaction action = { .sa_handler = on_where, .sa_flags = SA_RESTART };
	const char *expected = getenv("EXPECT_THREADS");
	atomic_int started = 0;
	int strangers = 0, emulators = 0, sent = 0;
	struct dirent *entry;
	pthread_t thread;
	sigset_t all;
	char own[24];
	DIR *tasks;

	CHECK(expected != NULL);
	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
	CHECK(pthread_create(&thread, NULL, app, &started) == 0);
	while (!started)
		usleep(1000);

	/* Sent to the process, so that the kernel picks any thread that lets it in. */
	while (caught[SIGUSR2] < 1000) {
		CHECK(kill(getpid(), SIGUSR2) == 0);
		usleep(100);
		CHECK(++sent < 100000);
	}
	CHECK(elsewhere == 0);

	snprintf(own, sizeof(own), "%d", app_thread);
	tasks = opendir("/proc/self/task");
	CHECK(tasks != NULL);
	while ((entry = readdir(tasks))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid() || strcmp(entry->d_name, own) == 0)
			continue;
		check_stranger(entry->d_name, &strangers, &emulators);
	}
	closedir(tasks);
	CHECK(strcmp(expected, "some") == 0 ? strangers > 0 : strangers == atoi(expected));
	stop = 1;
	CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv)
{
	check_served("malloc");
	CHECK(argc == 2);
	if (strcmp(argv[1], "storm") == 0)
		storm();
	else if (strcmp(argv[1], "threads") == 0)
		foreign_threads();
	else
		CHECK(!"a scenario that exists");
	puts("ok");
	return 0;
}
