/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sudden second peak under a memory limit, in ten shapes: what the first one left free is of no use to
 * the second, so it has to be back with the kernel before the second is there.
 *
 *     peaks SHAPE MIB        MIB: what is in use at each peak
 *
 * Prints "ok". A shape that does not fit ends as the kernel ends it. Seeded: the same each time.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define BLOCKS_MAX ((size_t)1 << 20)
#define SMALL 1000
#define MIDDLE 60000
#define BIG (4 * MIB)

static uint64_t seed = 88172645463325252u;
static size_t peak;

static uint64_t random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* All of it touched. */
static void *take(size_t size)
{
	void *block = malloc(size);

	if (!block)
		fail("malloc");
	return memset(block, 1, size);
}

struct blocks {
	void **items;
	size_t n;
};

static struct blocks hold(size_t bytes, size_t size)
{
	struct blocks b = { malloc((bytes / size + 1) * sizeof(void *)), 0 };

	if (!b.items)
		fail("malloc");
	for (size_t had = 0; had + size <= bytes; had += size)
		b.items[b.n++] = take(size);
	return b;
}

/* In random order; `survivors`: one in so many stays, 0 none. */
static void drop(struct blocks b, size_t survivors)
{
	for (size_t i = b.n; i > 1; i--) {
		size_t other = random_next() % i;
		void *block = b.items[other];

		b.items[other] = b.items[i - 1];
		b.items[i - 1] = block;
	}
	for (size_t i = 0; i < b.n; i++) {
		if (!survivors || i % survivors)
			free(b.items[i]);
	}
	free(b.items);
}

static void peak_of(size_t bytes, size_t size)
{
	drop(hold(bytes, size), 0);
}

static void *share_of(void *size)
{
	peak_of(peak / 4, (size_t)size);
	return NULL;
}

/* Four threads at once, a quarter each. */
static void peak_of_threads(size_t size)
{
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, share_of, (void *)size) != 0)
			fail("pthread_create");
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void small_then_big(void)
{
	peak_of(peak, SMALL);
	peak_of(peak, BIG);
}

static void small_then_middle(void)
{
	peak_of(peak, SMALL);
	peak_of(peak, MIDDLE);
}

static void small_then_one(void)
{
	peak_of(peak, SMALL);
	free(take(peak * 9 / 10));
}

static void middle_then_small(void)
{
	peak_of(peak, MIDDLE);
	peak_of(peak, SMALL);
}

static void big_then_small(void)
{
	peak_of(peak, BIG);
	peak_of(peak, SMALL);
}

/* Few stay, but in every page somebody may: so much is left that the second has to be smaller. */
static void survivors_then_big(void)
{
	drop(hold(peak, MIDDLE), 200);
	peak_of(peak * 8 / 10, BIG);
}

static void threads_then_one(void)
{
	peak_of_threads(SMALL);
	peak_of(peak, BIG);
}

static void one_then_threads(void)
{
	peak_of(peak, MIDDLE);
	peak_of_threads(2 * MIB);
}

/* A vector that doubles: each step needs the old and the new. */
static void growing(void)
{
	char *vector = NULL;

	peak_of(peak, SMALL);
	for (size_t size = 1 << 16; size <= peak / 3; size *= 2) {
		vector = realloc(vector, size);
		if (!vector)
			fail("realloc");
		memset(vector, 2, size);
	}
	free(vector);
}

/* The child of a fork has what its parent had left free. */
static void in_a_child(void)
{
	int status;
	pid_t pid;

	peak_of(peak, SMALL);
	pid = fork();
	if (pid == 0) {
		peak_of(peak * 8 / 10, BIG);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fail("the child");
}

static const struct shape {
	const char *name;
	void (*run)(void);
} shapes[] = {
	{ "small-then-big", small_then_big },
	{ "small-then-middle", small_then_middle },
	{ "small-then-one", small_then_one },
	{ "middle-then-small", middle_then_small },
	{ "big-then-small", big_then_small },
	{ "survivors-then-big", survivors_then_big },
	{ "threads-then-one", threads_then_one },
	{ "one-then-threads", one_then_threads },
	{ "growing", growing },
	{ "in-a-child", in_a_child },
};

int main(int argc, char **argv)
{
	size_t n = sizeof shapes / sizeof *shapes;

	if (argc != 3) {
		for (size_t i = 0; i < n; i++)
			puts(shapes[i].name);
		return 2;
	}
	peak = strtoul(argv[2], NULL, 10) * MIB;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(argv[1], shapes[i].name) == 0) {
			shapes[i].run();
			puts("ok");
			return 0;
		}
	}
	return 2;
}
