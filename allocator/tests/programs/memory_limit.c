/* SPDX-License-Identifier: Apache-2.0 */
/* Under a cgroup's memory limit.
 *   memory_limit grow MB      touches more and more, up to MB
 *   memory_limit steady MB    turns over many times as much, with at most MB live
 * It says "ready" first: what comes after happens with the library at work. */
#include "check.h"

#include <pthread.h>

static size_t limit_bytes;

static void grow(void)
{
	for (size_t have = 0; have < limit_bytes; have += 1u << 20) {
		void *p = malloc(1u << 20);

		CHECK(p != NULL);
		memset(p, 1, 1u << 20);
	}
}

/* Blocks of all sizes, each round of other ones, so that what is free fits badly. */
static void *turn_over(void *arg)
{
	static const size_t scale[] = { 100, 3000, 40000, 500000, 6000000 };
	unsigned seed = (unsigned)(uintptr_t)arg;
	size_t share = limit_bytes / 2, capacity = share / 100 + 1;
	void **blocks = calloc(capacity, sizeof(*blocks));

	CHECK(blocks != NULL);
	for (int round = 0; round < 15; round++) {
		size_t live = 0, count = 0;

		while (live < share - capacity * sizeof(*blocks) && count < capacity) {
			size_t unit = scale[(unsigned)round % 5], size;

			seed = seed * 1103515245 + 12345;
			size = unit / 2 + (seed >> 8) % unit;
			if (live + size > share - capacity * sizeof(*blocks))
				break;
			blocks[count] = malloc(size);
			CHECK(blocks[count] != NULL);
			memset(blocks[count++], round, size);
			live += size;
		}
		while (count > 0)
			free(blocks[--count]);
	}
	free(blocks);
	return NULL;
}

static void steady(void)
{
	pthread_t threads[2];

	for (size_t i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, turn_over, (void *)(uintptr_t)i) == 0);
	for (size_t i = 0; i < 2; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv)
{
	check_served("malloc");
	CHECK(argc == 3);
	limit_bytes = (size_t)atoi(argv[2]) << 20;
	puts("ready");
	fflush(stdout);
	if (strcmp(argv[1], "grow") == 0)
		grow();
	else if (strcmp(argv[1], "steady") == 0)
		steady();
	else
		CHECK(!"a scenario that exists");
	puts("ok");
	return 0;
}
