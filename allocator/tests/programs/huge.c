/* SPDX-License-Identifier: Apache-2.0 */
/* Big blocks: many of 1 GiB, sizes around every threshold, alignment, growth. Memory is
 * touched here and there only, so that this needs address space rather than RAM.
 *   huge MIB    the largest alignment that the allocator knows; above it: NULL */
#include "check.h"

#include <malloc.h>

#define KiB ((size_t)1 << 10)
#define MiB ((size_t)1 << 20)
#define GiB ((size_t)1 << 30)

/* Marks at both ends and in between. What was moved must have them all. */
enum { MARKS = 8 };

static void mark(unsigned char *p, size_t n, unsigned seed)
{
	for (unsigned i = 0; i < MARKS; i++)
		p[n / MARKS * i] = (unsigned char)(seed + i);
	p[n - 1] = (unsigned char)(seed + MARKS);
}

static int is_marked(const unsigned char *p, size_t n, unsigned seed)
{
	for (unsigned i = 0; i < MARKS; i++)
		if (p[n / MARKS * i] != (unsigned char)(seed + i))
			return 0;
	return p[n - 1] == (unsigned char)(seed + MARKS);
}

static void test_many(void)
{
	enum { MANY = 40 };
	unsigned char *list[MANY];

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			list[i] = malloc(GiB);
			CHECK(list[i] != NULL && malloc_usable_size(list[i]) >= GiB);
			list[i][0] = list[i][GiB / 2] = list[i][GiB - 1] = (unsigned char)(i + 1);
		}
		for (unsigned i = 0; i < MANY; i++) {
			CHECK(list[i][0] == i + 1 && list[i][GiB / 2] == i + 1 && list[i][GiB - 1] == i + 1);
			if (i % 2 == 0)
				free(list[i]);
		}
		for (unsigned i = 1; i < MANY; i += 2)
			free(list[i]);
	}
}

/* Where allocators change their way of getting memory: powers of two from 16 KiB
 * (slabs, mmap thresholds, jemalloc's oversize_threshold, mimalloc's page kinds and
 * arena blocks), one and 4096 less and more. */
static void test_edges(void)
{
	static const long long around[] = { -4096, -1, 0, 1, 4096 };

	for (size_t base = 16 * KiB; base <= 128 * MiB; base *= 2) {
		for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
			size_t n = (size_t)((long long)base + around[i]);
			unsigned char *p = malloc(n), *q = malloc(n);

			CHECK(p && q && p != q && malloc_usable_size(p) >= n);
			mark(p, n, 1);
			mark(q, n, 20);
			CHECK(is_marked(p, n, 1));
			q = realloc(q, n + 1);
			CHECK(q && is_marked(q, n, 20));
			free(p);
			/* Smaller again: the marks of what is left are still there. */
			q = realloc(q, n / MARKS * 3 + 1);
			CHECK(q && q[0] == 20 && q[n / MARKS] == 21 && q[n / MARKS * 3] == 23);
			free(q);
		}
	}
}

static void test_alignment_refused(size_t alignment)
{
	void *p = NULL;

	CHECK(aligned_alloc(alignment, alignment) == NULL);
	CHECK(memalign(alignment, 100) == NULL);
	CHECK(posix_memalign(&p, alignment, 100) == ENOMEM && p == NULL);
}

static void test_alignment(size_t largest)
{
	for (size_t alignment = 64 * KiB; alignment <= GiB; alignment *= 2) {
		unsigned char *p, *q;
		void *r = NULL;

		if (alignment > largest) {
			test_alignment_refused(alignment);
			continue;
		}
		p = aligned_alloc(alignment, alignment);
		CHECK(p && is_aligned(p, alignment));
		mark(p, alignment, 3);
		q = aligned_alloc(alignment, 2 * alignment);
		CHECK(q && is_aligned(q, alignment));
		mark(q, 2 * alignment, 4);
		CHECK(posix_memalign(&r, alignment, 100) == 0 && is_aligned(r, alignment));
		memset(r, 5, 100);
		CHECK(is_marked(p, alignment, 3) && is_marked(q, 2 * alignment, 4));
		p = realloc(p, alignment + MiB);
		CHECK(p && is_marked(p, alignment, 3));
		free(q);
		free(r);
		free(p);
	}
}

static void test_growth(void)
{
	size_t n = 64 * KiB;
	unsigned char *p = malloc(n), *wall = NULL;

	CHECK(p != NULL);
	mark(p, n, 6);
	while (n < 512 * MiB) {
		size_t bigger = n + n / 2 + 4097;

		/* Something behind it, so that it cannot always grow in place. */
		free(wall);
		wall = malloc(n);
		CHECK(wall != NULL);
		p = realloc(p, bigger);
		CHECK(p && is_marked(p, n, 6));
		n = bigger;
		mark(p, n, 6);
	}
	while (n > MiB) {
		size_t smaller = n / 3;

		mark(p, smaller, 7);
		n = smaller;
		p = realloc(p, n);
		CHECK(p && is_marked(p, n, 7));
	}
	free(wall);
	free(p);
}

static void test_zeroes(void)
{
	unsigned char *p = malloc(64 * MiB);

	CHECK(p != NULL);
	memset(p, 0xff, 64 * MiB);
	free(p);
	for (int i = 0; i < 3; i++) {
		p = calloc(64, MiB);
		CHECK(p != NULL);
		for (size_t at = 0; at < 64 * MiB; at += 509)
			CHECK(p[at] == 0);
		memset(p, 0xee, 64 * MiB);
		free(p);
	}
}

static void test_impossible(void)
{
	volatile size_t sizes[] = { PTRDIFF_MAX,     (size_t)PTRDIFF_MAX - 4096,
				    SIZE_MAX,        SIZE_MAX - 4096,
				    (size_t)1 << 62, (size_t)1 << 50 };
	unsigned char *kept = malloc(3 * MiB);

	CHECK(kept != NULL);
	mark(kept, 3 * MiB, 8);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *p = NULL;

		errno = 0;
		CHECK(malloc(sizes[i]) == NULL && errno == ENOMEM);
		errno = 0;
		CHECK(calloc(sizes[i], 1) == NULL && errno == ENOMEM);
		errno = 0;
		CHECK(realloc(kept, sizes[i]) == NULL && errno == ENOMEM);
		CHECK(posix_memalign(&p, 2 * MiB, sizes[i]) == ENOMEM);
		errno = 0;
		CHECK(aligned_alloc(GiB, sizes[i]) == NULL && errno != 0);
		CHECK(is_marked(kept, 3 * MiB, 8));
	}
	free(kept);
}

int main(int argc, char **argv)
{
	check_served("malloc");
	check_served("aligned_alloc");
	CHECK(argc == 2);
	test_many();
	test_edges();
	test_alignment((size_t)atoi(argv[1]) * MiB);
	test_growth();
	test_zeroes();
	test_impossible();
	puts("ok");
	return 0;
}
