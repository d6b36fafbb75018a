/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purge thread (allocator/purge), seen from the program that it serves:
 *
 *   purge small          a small heap, however busy: no thread
 *   purge idle SIZE      160 MiB in blocks of SIZE, freed: back within seconds, also in a forked child
 *   purge storm SECONDS  threads allocate while others fork; each child allocates, frees and purges
 *   purge peak BIG       a second peak of big blocks behind one of small ones (run under a limit)
 *   purge closed         all descriptors closed: it works on
 *   purge alone          no thread can be made (the caller's limit): nothing is said, all works
 *   purge user           as root: groups and user are changed in a process that has the thread
 *   purge arenas         jemalloc: arenas of the program's own keep their decay, and may be destroyed
 *   purge exit           ends while the thread is at work
 */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define PEAK_MIB 160
/* Long enough for a busy machine; what is waited for ends the wait. */
#define PATIENCE_MS 30000

extern int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));
extern void *mallocx(size_t, int) __attribute__((weak));
extern void dallocx(void *, int) __attribute__((weak));

static long resident_mib(void)
{
	long size, resident = -1;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%ld %ld", &size, &resident) == 2);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE) / MIB;
}

/* How many threads, and how many of them are the purge thread with every signal blocked. */
static int count_threads(int *ret_purging)
{
	DIR *folder = opendir("/proc/self/task");
	int n = 0;

	CHECK(folder);
	*ret_purging = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[300], line[200];
		int is_ours = 0;
		unsigned long long blocked = 0;
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f)) {
			is_ours |= strcmp(line, "Name:\tallocrun-purge\n") == 0;
			sscanf(line, "SigBlk: %llx", &blocked);
		}
		if (f)
			fclose(f);
		/* Not KILL, STOP, nor those that libc keeps to itself. */
		*ret_purging += is_ours && (blocked & 0x7ffbfeff) == 0x7ffbfeff;
	}
	closedir(folder);
	return n;
}

static int has_purge_thread(void)
{
	int purging;

	count_threads(&purging);
	return purging == 1;
}

static void rest(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

/* The thread is made by then; it has its name, and the arenas, once a CPU was free for it. */
#define EVENTUALLY(condition) \
	for (int waited = 0; !(condition); waited += 50) { \
		CHECK(waited <= PATIENCE_MS); \
		rest(); \
	}

/* Fills `mib` in blocks of `size` and frees them; a successful call leaves errno alone. */
static void use(size_t mib, size_t size)
{
	size_t n = mib * MIB / size;
	char **blocks = malloc(n * sizeof *blocks);

	CHECK(blocks);
	for (size_t i = 0; i < n; i++) {
		errno = 77;
		blocks[i] = malloc(size);
		/* mimalloc's own mmap changes it, thread or not. */
		CHECK(blocks[i] && (errno == 77 || !mallctl));
		memset(blocks[i], 1, size);
	}
	for (size_t i = 0; i < n; i++) {
		free(blocks[i]);
		CHECK(errno == 77 || !mallctl);
	}
	free(blocks);
}

static void comes_down_to(long mib)
{
	for (int waited = 0; resident_mib() > mib; waited += 50) {
		if (waited > PATIENCE_MS) {
			fprintf(stderr, "still %ld MiB resident, not %ld\n", resident_mib(), mib);
			exit(1);
		}
		rest();
	}
}

static void ends_well(pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Does the allocator's own clock purge: all of its arenas, or none? (mimalloc does not tell.) */
static int goes_by_clock(int is_wanted)
{
	unsigned arenas;
	size_t size = sizeof arenas;

	if (!mallctl)
		return 1;
	CHECK(mallctl("arenas.narenas", &arenas, &size, NULL, 0) == 0);
	for (unsigned i = 0; i < arenas; i++) {
		ssize_t decay;
		size_t decay_size = sizeof decay;
		char name[64];

		snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", i);
		if (mallctl(name, &decay, &decay_size, NULL, 0) == 0 && (decay != -1) != is_wanted)
			return 0;
	}
	return 1;
}

static void test_small(void)
{
	int purging;

	for (int i = 0; i < 50; i++)
		use(8, 1000);
	CHECK(count_threads(&purging) == (getenv("EMULATED") ? 2 : 1) || getenv("EMULATED"));
	CHECK(purging == 0);
}

static void test_idle(size_t size)
{
	long before = resident_mib();
	pid_t pid;

	use(PEAK_MIB, size);
	EVENTUALLY(has_purge_thread());
	comes_down_to(before + PEAK_MIB / 8);
	EVENTUALLY(goes_by_clock(0));
	pid = fork();
	if (pid == 0) {
		CHECK(!has_purge_thread());
		/* Its first pages: from then on, until it has a thread of its own. */
		use(4, 16000);
		CHECK(!has_purge_thread());
		CHECK(goes_by_clock(1));
		use(PEAK_MIB, size);
		EVENTUALLY(has_purge_thread());
		comes_down_to(before + PEAK_MIB / 8);
		_exit(0);
	}
	ends_well(pid);
}

static atomic_int is_over;

static void *storm(void *seed)
{
	unsigned random = (unsigned)(size_t)seed;

	while (!atomic_load(&is_over))
		use(1 + (size_t)rand_r(&random) % 24, 500u << rand_r(&random) % 9);
	return NULL;
}

static void test_storm(int seconds)
{
	time_t end = time(NULL) + seconds;
	pthread_t threads[4];
	int forks = 0;

	use(64, 4000);
	for (size_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, storm, (void *)(i + 1)) == 0);
	while (time(NULL) < end || forks < 5) {
		pid_t pid = fork();

		if (pid == 0) {
			use(48, 9000);
			/* A fork in a fork: its thread is new again. */
			pid = fork();
			if (pid == 0) {
				use(48, 300);
				_exit(0);
			}
			ends_well(pid);
			_exit(0);
		}
		ends_well(pid);
		forks++;
	}
	atomic_store(&is_over, 1);
	for (size_t i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static size_t peak_size;

static void *second_peak(void *unused)
{
	for (int i = 0; i < 3; i++)
		use(105 * 4, peak_size);
	return unused;
}

/* 420 MiB, twice: the small blocks' memory must be back before the big ones are there. */
static void test_peak(size_t size)
{
	pthread_t thread;

	peak_size = size;
	use(420, 1000);
	CHECK(pthread_create(&thread, NULL, second_peak, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

static void test_closed(void)
{
	long before = resident_mib();

	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	use(PEAK_MIB, 16000);
	comes_down_to(before + PEAK_MIB / 8);
}

static void test_alone(void)
{
	use(PEAK_MIB, 16000);
	CHECK(!has_purge_thread());
	/* By the allocator's own clock, while there is work. */
	for (int i = 0; i < 20; i++)
		use(8, 16000);
}

static void test_user(void)
{
	gid_t group = 65534;

	use(PEAK_MIB, 16000);
	EVENTUALLY(has_purge_thread());
	CHECK(setgroups(1, &group) == 0 && setresgid(65534, 65534, 65534) == 0);
	CHECK(setresuid(65534, 65534, 65534) == 0 && getuid() == 65534);
	CHECK(setuid(0) < 0);
	use(PEAK_MIB, 16000);
}

static void test_arenas(void)
{
	CHECK(mallctl && mallocx && dallocx);
	use(PEAK_MIB, 16000);
	EVENTUALLY(has_purge_thread());
	for (int round = 0; round < 200; round++) {
		unsigned arena;
		size_t size = sizeof arena;
		ssize_t decay = 12345, found = 0;
		size_t found_size = sizeof found;
		char name[64];
		void *blocks[64];

		CHECK(mallctl("arenas.create", &arena, &size, NULL, 0) == 0);
		snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", arena);
		CHECK(mallctl(name, NULL, NULL, &decay, sizeof decay) == 0);
		for (int i = 0; i < 64; i++) {
			/* MALLOCX_ARENA() | MALLOCX_TCACHE_NONE */
			blocks[i] = mallocx(64000, (int)((arena + 1) << 20 | 1 << 8));
			CHECK(blocks[i]);
			memset(blocks[i], 1, 64000);
		}
		for (int i = 0; i < 64; i++)
			dallocx(blocks[i], (int)((arena + 1) << 20 | 1 << 8));
		CHECK(mallctl(name, &found, &found_size, NULL, 0) == 0 && found == decay);
		snprintf(name, sizeof name, "arena.%u.destroy", arena);
		CHECK(mallctl(name, NULL, NULL, NULL, 0) == 0);
	}
}

int main(int argc, char **argv)
{
	const char *test = argc > 1 ? argv[1] : "";
	size_t number = argc > 2 ? (size_t)atol(argv[2]) : 0;

	check_served("malloc");
	if (strcmp(test, "small") == 0)
		test_small();
	else if (strcmp(test, "idle") == 0)
		test_idle(number);
	else if (strcmp(test, "storm") == 0)
		test_storm((int)number);
	else if (strcmp(test, "peak") == 0)
		test_peak(number);
	else if (strcmp(test, "closed") == 0)
		test_closed();
	else if (strcmp(test, "alone") == 0)
		test_alone();
	else if (strcmp(test, "user") == 0)
		test_user();
	else if (strcmp(test, "arenas") == 0)
		test_arenas();
	else if (strcmp(test, "exit") == 0)
		use(PEAK_MIB, 16000);
	else
		return 2;
	puts("ok");
	return 0;
}
