/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that the purge thread meets, at once, for ThreadSanitizer: linked with a build whose names have a
 * prefix (overlay.sh), so that the sanitizer's own malloc hides nothing.
 *
 *     storm SEED ROUNDS FORKS [USED...]
 *
 * The work is fixed: of each kind ROUNDS times some, and FORKS by each of two threads. USED are files that say how much
 * a control group has in use, of 1 GiB: one thread writes them, now far from the limit, now near it. (A real group
 * cannot be had here: the sanitizer's shadow is several times what the allocator holds.) With forks all of it twice,
 * the second time in the child of a fork that was made before there were threads: there the sanitizer still looks; in
 * children of a process with threads it only follows.
 */
#include "../programs/check.h"
#include "channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define LIMIT (1024 * MIB)
#define WORKERS 3
#define SHARED 64
/* Long enough for a busy machine; what is waited for ends the wait. */
#define PATIENCE_SECONDS 120

#ifdef WITH_JEMALLOC
#define allocate je_malloc
#define release je_free
#define resize je_realloc
extern int je_mallctl(const char *, void *, size_t *, void *, size_t);
extern void *je_mallocx(size_t, int);
extern void je_dallocx(void *, int);
#else
#define allocate mi_malloc
#define release mi_free
#define resize mi_realloc
#endif
extern void *allocate(size_t);
extern void release(void *);
extern void *resize(void *, size_t);

static unsigned seed;
static size_t rounds, forks;
static char **used_files;
static _Atomic(char *) shared[SHARED];
static atomic_uint workers_left;

static void rest(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Small, some pages, or 2 MiB and more; written at both ends alone, for each byte has a shadow. */
static char *take(unsigned *random)
{
	static const size_t sizes[] = { 24, 700, 9000, 70000, 300000, 2 * MIB, 3 * MIB };
	size_t size = sizes[(size_t)rand_r(random) % (sizeof sizes / sizeof *sizes)];
	char *block = allocate(size);

	CHECK(block);
	block[0] = block[size - 1] = 1;
	return block;
}

static void use(unsigned *random, size_t count)
{
	char *blocks[32] = { 0 };

	for (size_t i = 0; i < count; i++) {
		char **slot = &blocks[(size_t)rand_r(random) % 32];

		release(*slot);
		*slot = take(random);
		if (i % 7 == 0)
			CHECK((*slot = resize(*slot, 100 + (size_t)rand_r(random) % MIB)));
		/* To be freed by whoever comes there next. */
		if (i % 3 == 0)
			*slot = atomic_exchange(&shared[(size_t)rand_r(random) % SHARED], *slot);
	}
	for (size_t i = 0; i < 32; i++)
		release(blocks[i]);
}

static void *work(void *number)
{
	unsigned random = seed * 100 + (unsigned)(size_t)number;

	for (size_t i = 0; i < rounds; i++) {
		use(&random, 100);
		/* Quiet for a while, or there is nothing to give back. */
		if (i % 4 == 3)
			nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);
	}
	atomic_fetch_sub(&workers_left, 1);
	return NULL;
}

/* Blocks so big that each is counted: the thread is made while the others count. */
static void *begin(void *unused)
{
	for (size_t i = 0; i < 30; i++) {
		char *block = allocate(9 * MIB);

		CHECK(block);
		*block = 1;
		release(block);
	}
	return unused;
}

static void *work_once(void *number)
{
	unsigned random = seed * 1000 + (unsigned)(size_t)number;

	use(&random, 20);
	return NULL;
}

static void *make_threads(void *unused)
{
	for (size_t i = 0; i < rounds * 3; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, NULL, work_once, (void *)i) == 0 && pthread_join(thread, NULL) == 0);
	}
	return unused;
}

static void ends_well(pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *make_children(void *number)
{
	for (size_t i = 0; i < forks; i++) {
		unsigned random = (unsigned)i + (unsigned)(size_t)number;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(PATIENCE_SECONDS);
			/* Too little for a thread: the sanitizer's own locks, which others held, are held for ever. */
			for (size_t k = 0; k < 200; k++)
				release(allocate(1 + (size_t)rand_r(&random) % 9000));
			_exit(0);
		}
		ends_well(pid);
	}
	return NULL;
}

/* --- commands by the page, as another process gives them --------------------------------------- */

static struct purge_channel *open_channel(void)
{
	struct purge_channel *page = MAP_FAILED;
	DIR *folder = opendir("/proc/self/fd");

	CHECK(folder);
	for (struct dirent *entry; page == MAP_FAILED && (entry = readdir(folder));) {
		char path[300], target[300] = "";
		int fd;

		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		if (readlink(path, target, sizeof target - 1) < 0 || !strstr(target, "memfd:" PURGE_CHANNEL_NAME))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		/* Its owner is at making it. */
		if (lseek(fd, 0, SEEK_END) == PURGE_CHANNEL_SIZE)
			page = mmap(NULL, PURGE_CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	closedir(folder);
	return page == MAP_FAILED ? NULL : page;
}

/* The thread comes with the heap, and the page with the thread. */
static struct purge_channel *wait_for_channel(void)
{
	struct purge_channel *page;
	time_t end = time(NULL) + PATIENCE_SECONDS;

	while (!(page = open_channel()) || __atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) != PURGE_CHANNEL_MAGIC) {
		CHECK(time(NULL) < end);
		if (page)
			munmap(page, PURGE_CHANNEL_SIZE);
		rest();
	}
	return page;
}

static int64_t command(struct purge_channel *page, uint64_t verb, const uint64_t *options)
{
	uint32_t number = __atomic_load_n(&page->asked, __ATOMIC_RELAXED) + 1;
	time_t end = time(NULL) + PATIENCE_SECONDS;

	__atomic_store_n(&page->verb, verb, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < PURGE_CHANNEL_OPTIONS; i++)
		__atomic_store_n(&page->options[i], options[i], __ATOMIC_RELAXED);
	__atomic_store_n(&page->asked, number, __ATOMIC_RELEASE);
	__atomic_store_n(&page->bell, 0, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &page->bell, 1 /* wake */, INT_MAX, NULL, NULL, 0);
	while (__atomic_load_n(&page->answered, __ATOMIC_ACQUIRE) != number) {
		CHECK(time(NULL) < end);
		rest();
	}
	return __atomic_load_n(&page->status, __ATOMIC_RELAXED);
}

static void *give_commands(void *unused)
{
	unsigned random = seed;
	struct purge_channel *page = wait_for_channel();

	for (size_t i = 0; i < rounds * 2; i++) {
		uint64_t options[PURGE_CHANNEL_OPTIONS] = { 100 + (uint64_t)rand_r(&random) % 300,
							    50 + (uint64_t)rand_r(&random) % 100, 1 + i % 100, 1 };

		CHECK(command(page, PURGE_VERB_PURGE, options) == 0);
		CHECK(command(page, PURGE_VERB_SET, options) == 0);
		options[0] = UINT64_MAX;
		CHECK(command(page, PURGE_VERB_SET, options) == -EINVAL);
		CHECK(command(page, PURGE_VERB_PROFILE_START, options) == -ENOSYS);
		CHECK(command(page, PURGE_VERB_PROFILE_DUMP, options) == -ENOSYS);
		CHECK(command(page, UINT64_MAX, options) == -ENOSYS);
		rest();
	}
	munmap(page, PURGE_CHANNEL_SIZE);
	return unused;
}

/* --- what programs do to an allocator beside ------------------------------------------------------- */

#ifdef WITH_JEMALLOC
static void control(unsigned arena, const char *what, ssize_t *value)
{
	char name[64];

	snprintf(name, sizeof name, "arena.%u.%s", arena, what);
	CHECK(je_mallctl(name, NULL, NULL, value, value ? sizeof *value : 0) == 0);
}

static void *make_arenas(void *unused)
{
	for (size_t i = 0; i < rounds * 4; i++) {
		unsigned arena;
		ssize_t decay = 12345 + (ssize_t)i;
		size_t size = sizeof arena, allocated, allocated_size = sizeof allocated;
		uint64_t epoch = 1;
		void *blocks[16];

		CHECK(je_mallctl("arenas.create", &arena, &size, NULL, 0) == 0);
		control(arena, "dirty_decay_ms", &decay);
		for (size_t k = 0; k < 16; k++) {
			/* MALLOCX_ARENA() | MALLOCX_TCACHE_NONE */
			blocks[k] = je_mallocx(64000, (int)((arena + 1) << 20 | 1 << 8));
			CHECK(blocks[k]);
			*(char *)blocks[k] = 1;
		}
		for (size_t k = 0; k < 16; k++)
			je_dallocx(blocks[k], (int)((arena + 1) << 20 | 1 << 8));
		control(arena, i % 2 ? "destroy" : "reset", NULL);
		/* Those that the thread holds, too: by hand, or with another decay. */
		control((unsigned)i % 2, i % 3 ? "purge" : "decay", NULL);
		if (i % 8 == 7)
			control((unsigned)i % 2, "dirty_decay_ms", &decay);
		CHECK(je_mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) == 0);
		CHECK(je_mallctl("stats.allocated", &allocated, &allocated_size, NULL, 0) == 0);
	}
	return unused;
}
#else
extern void *mi_heap_new(void);
extern void *mi_heap_malloc(void *, size_t);
extern void mi_heap_destroy(void *);
extern void mi_collect(_Bool);

static void *make_arenas(void *unused)
{
	for (size_t i = 0; i < rounds * 4; i++) {
		void *heap = mi_heap_new();

		CHECK(heap);
		for (size_t k = 0; k < 16; k++) {
			char *block = mi_heap_malloc(heap, 64000);

			CHECK(block);
			*block = 1;
		}
		mi_heap_destroy(heap);
		mi_collect(i % 2);
	}
	return unused;
}
#endif

/* In place: a file that is empty for a moment is one that cannot be read. */
static void write_used(size_t bytes)
{
	char text[24];
	int length = snprintf(text, sizeof text, "%020zu\n", bytes);

	for (char **file = used_files; *file; file++) {
		int fd = open(*file, O_WRONLY | O_CLOEXEC);

		CHECK(fd >= 0 && pwrite(fd, text, (size_t)length, 0) == length);
		close(fd);
	}
}

/* Near the limit for a tenth of a second, far for half of one: each reason to give back has its time. */
static void *fill_group(void *unused)
{
	unsigned random = seed;

	for (size_t i = 0; atomic_load(&workers_left) > 0; i++) {
		size_t left = (size_t)rand_r(&random) % (64 * MIB);

		write_used(i / 20 % 6 ? 0 : LIMIT - left);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	write_used(0);
	return unused;
}

static unsigned count_purge_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	unsigned n = 0;

	CHECK(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(name, sizeof name, f) && strcmp(name, "allocrun-purge\n") == 0;
		fclose(f);
	}
	closedir(folder);
	return n;
}

static void storm(void)
{
	void *(*const others[])(void *) = { begin,         begin,         begin,       make_threads, make_children,
					    make_children, give_commands, make_arenas, fill_group };
	size_t n = sizeof others / sizeof *others;
	pthread_t threads[WORKERS + sizeof others / sizeof *others];

	atomic_store(&workers_left, WORKERS);
	for (size_t i = 0; i < WORKERS + n; i++)
		CHECK(pthread_create(&threads[i], NULL, i < n ? others[i] : work, (void *)i) == 0);
	for (size_t i = 0; i < WORKERS + n; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (size_t i = 0; i < SHARED; i++)
		release(atomic_exchange(&shared[i], NULL));
	/* Quiet, so that the last reason has its time: nothing of it can be seen from here. */
	for (size_t i = 0; i < 20; i++) {
		unsigned random = seed;

		use(&random, 1);
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	CHECK(count_purge_threads() == 1);
}

int main(int argc, char **argv)
{
	pid_t pid = 0;

	if (argc < 4)
		return 2;
	seed = (unsigned)atol(argv[1]);
	rounds = (size_t)atol(argv[2]);
	forks = (size_t)atol(argv[3]);
	used_files = argv + 4;
	release(allocate(1000));
	if (forks > 0) {
		pid = fork();
		if (pid == 0)
			seed += 1000;
	}
	storm();
	if (pid > 0)
		ends_well(pid);
	puts("ok");
	return 0;
}
