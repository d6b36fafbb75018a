/* SPDX-License-Identifier: Apache-2.0 */
/* Address space runs out: NULL and ENOMEM, and the process goes on.
 *   out_of_memory big         on the main thread, in big blocks
 *   out_of_memory thread      on another thread
 *   out_of_memory small       in small blocks, of which some can be had again afterwards
 *   out_of_memory again       the same, and nearly all can be had again
 *   out_of_memory released    what was freed can be mapped by others (a thread's stack) */
#include "check.h"

#include <pthread.h>
#include <sys/resource.h>

static size_t fill_memory(void **list, size_t max, size_t size)
{
	size_t count = 0;

	while (count < max) {
		errno = 0;
		list[count] = malloc(size);
		if (!list[count])
			break;
		/* An emulator has its own limit, more than twice ours, and clears pages slowly. */
		memset(list[count++], 1, is_emulated() ? 1 : size);
	}
	return count;
}

static void *exhaust(void *arg)
{
	static void *big[100000];
	size_t n = fill_memory(big, 100000, 100000);

	CHECK(n > 100 && n < 100000);
	CHECK(errno == ENOMEM);
	for (size_t i = 0; i < n; i++)
		free(big[i]);
	return arg;
}

static void exhaust_on_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, exhaust, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void exhaust_in_small_blocks(size_t share)
{
	static void *small[8000000];
	/* An emulator has a limit of its own, and clears pages slowly. */
	const size_t size = is_emulated() ? 6000 : 600;
	size_t n = fill_memory(small, 8000000, size);
	void *p;

	CHECK(n * size > 60000000 && n < 8000000 && errno == ENOMEM);
	errno = 0;
	CHECK(calloc(1000, 1000000) == NULL && errno == ENOMEM);
	CHECK(posix_memalign(&p, 4096, (size_t)2 << 30) == ENOMEM);
	for (size_t i = 0; i < n; i++)
		free(small[i]);
	CHECK(fill_memory(small, 8000000, size) > n / 100 * share);
}

/* 1 GiB beyond what is mapped now: an allocator may have reserved as much already. (An
 * emulator ignores this. It is given its own limit when it is started.) */
static void limit_address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	struct rlimit limit;
	unsigned long pages;

	CHECK(file && fscanf(file, "%lu", &pages) == 1);
	fclose(file);
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)1 << 30);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

int main(int argc, char **argv)
{
	check_served("malloc");
	CHECK(argc == 2);
	limit_address_space();

	if (strcmp(argv[1], "big") == 0)
		exhaust(NULL);
	else if (strcmp(argv[1], "thread") == 0)
		exhaust_on_thread();
	else if (strcmp(argv[1], "small") == 0)
		exhaust_in_small_blocks(1);
	else if (strcmp(argv[1], "again") == 0)
		exhaust_in_small_blocks(75);
	else if (strcmp(argv[1], "released") == 0) {
		exhaust(NULL);
		exhaust_on_thread();
	} else
		CHECK(!"a scenario that exists");
	puts("ok");
	return 0;
}
