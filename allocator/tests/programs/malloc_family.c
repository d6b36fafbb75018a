/* SPDX-License-Identifier: Apache-2.0 */
/* The C allocation functions: alignment, zero sizes, overflow, contents. */
#include "check.h"

#include <limits.h>
#include <malloc.h>
#include <wchar.h>

/* Each byte; under an emulator one here and there, beyond the first 64 KiB. */
static size_t after(size_t i)
{
	static size_t step;

	if (step == 0)
		step = is_emulated() ? 251 : 1;
	return i < 64 * 1024 ? i + 1 : i + step;
}

static void fill(void *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i = after(i))
		((unsigned char *)p)[i] = (unsigned char)(i * 31 + seed);
}

static int holds(const void *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i = after(i))
		if (((const unsigned char *)p)[i] != (unsigned char)(i * 31 + seed))
			return 0;
	return 1;
}

/* C wants room for any object of the size: at 16 bytes and above max_align_t. */
static void test_sizes_and_alignment(void)
{
	for (size_t n = 1; n <= (4u << 20); n += 1 + n / 7) {
		unsigned char *p = malloc(n);

		CHECK(p != NULL);
		CHECK(is_aligned(p, n >= 16 ? 16 : n >= 8 ? 8 : 1));
		CHECK(malloc_usable_size(p) >= n);
		fill(p, malloc_usable_size(p), (unsigned)n);
		CHECK(holds(p, malloc_usable_size(p), (unsigned)n));
		free(p);
	}
}

static void test_zero_sizes(void)
{
	void *a = malloc(0), *b = malloc(0), *c = calloc(0, 8), *d = calloc(8, 0);

	CHECK(a && b && c && d);
	CHECK(a != b && c != d);
	free(a);
	free(b);
	free(c);
	free(d);
	free(NULL);
	CHECK(malloc_usable_size(NULL) == 0);

	a = realloc(NULL, 0);
	CHECK(a != NULL);
	free(a);
}

static void test_calloc_zeroes(void)
{
	for (size_t n = 8; n <= (16u << 20); n *= 3) {
		unsigned char *p = malloc(n), *q;

		CHECK(p != NULL);
		memset(p, 0xff, n);
		free(p); /* so that the next one may well be these dirty bytes */
		q = calloc(n / 8, 8);
		CHECK(q != NULL);
		for (size_t i = 0; i < n / 8 * 8; i = after(i))
			CHECK(q[i] == 0);
		free(q);
	}
}

static void test_overflow(void)
{
	volatile size_t half = SIZE_MAX / 2 + 2, all = SIZE_MAX, beyond = (size_t)PTRDIFF_MAX + 1;
	void *p = malloc(100), *q;

	errno = 0;
	CHECK(calloc(half, 2) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(calloc(all, all) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(reallocarray(NULL, half, 2) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(malloc(all) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(malloc(beyond) == NULL && errno == ENOMEM);

	CHECK(p != NULL);
	fill(p, 100, 1);
	errno = 0;
	CHECK(realloc(p, beyond) == NULL && errno == ENOMEM);
	CHECK(holds(p, 100, 1)); /* a failed realloc leaves the block alone */
	errno = 0;
	CHECK(reallocarray(p, half, 2) == NULL && errno == ENOMEM);
	CHECK(holds(p, 100, 1));
	free(p);

	q = (void *)1;
	CHECK(posix_memalign(&q, 64, beyond) == ENOMEM && q == (void *)1);
	CHECK(aligned_alloc(4096, beyond) == NULL);
	CHECK(memalign(64, all - 63) == NULL);
}

static void test_realloc_keeps_contents(void)
{
	unsigned char *p = malloc(1);
	size_t n = 1;

	CHECK(p != NULL);
	fill(p, n, 7);
	while (n < (64u << 20)) {
		p = realloc(p, n * 2 + 3);
		CHECK(p != NULL);
		CHECK(holds(p, n, 7));
		n = n * 2 + 3;
		fill(p, n, 7);
	}
	while (n > 8) {
		n = n / 3;
		p = realloc(p, n);
		CHECK(p != NULL);
		CHECK(holds(p, n, 7));
	}
	p = reallocarray(p, 1000, 16);
	CHECK(p != NULL && malloc_usable_size(p) >= 16000);
	CHECK(holds(p, n, 7));
	free(p);
}

static void test_aligned_functions(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	for (size_t alignment = sizeof(void *); alignment <= (4u << 20); alignment *= 2) {
		for (size_t n = 1; n <= 3 * alignment && n < (8u << 20); n = n * 5 + 1) {
			CHECK(posix_memalign(&p, alignment, n) == 0);
			CHECK(is_aligned(p, alignment) && malloc_usable_size(p) >= n);
			fill(p, n, 3);
			p = realloc(p, n + 100);
			CHECK(p && holds(p, n, 3));
			free(p);

			p = memalign(alignment, n);
			CHECK(p && is_aligned(p, alignment));
			fill(p, n, 3);
			free(p);

			p = aligned_alloc(alignment, (n + alignment - 1) / alignment * alignment);
			CHECK(p && is_aligned(p, alignment));
			fill(p, n, 3);
			free(p);
		}
	}
	CHECK(posix_memalign(&p, 3, 8) == EINVAL);
	CHECK(posix_memalign(&p, 24, 8) == EINVAL);

	p = valloc(100);
	CHECK(p && is_aligned(p, page));
	free(p);
#ifdef __GLIBC__ /* musl never had it */
	p = pvalloc(100);
	CHECK(p && is_aligned(p, page) && malloc_usable_size(p) >= page);
	memset(p, 1, page);
	free(p);
#endif
}

/* libc allocates, we free: both must be the same allocator. */
static void test_what_libc_allocates(void)
{
	char *line = NULL, *text = NULL, *path;
	size_t size = 0;
	FILE *file = tmpfile();
	wchar_t *wide;

	CHECK(file != NULL);
	for (int i = 0; i < 100000; i++)
		fputc('x', file);
	fputc('\n', file);
	rewind(file);
	CHECK(getline(&line, &size, file) == 100001);
	fclose(file);
	CHECK(malloc_usable_size(line) >= 100001);
	free(line);

	CHECK(asprintf(&text, "%0*d", 5000, 1) == 5000);
	free(text);
	text = strndup("hello", 3);
	CHECK(text && strcmp(text, "hel") == 0);
	free(text);
	text = strdup("hello");
	CHECK(text && strcmp(text, "hello") == 0);
	free(text);
	path = realpath("/proc/self/..", NULL);
	CHECK(path && strcmp(path, "/proc") == 0);
	free(path);
	wide = wcsdup(L"wide");
	CHECK(wide && wcscmp(wide, L"wide") == 0);
	free(wide);
	file = open_memstream(&text, &size);
	CHECK(file != NULL);
	for (int i = 0; i < 10000; i++)
		fprintf(file, "%d,", i);
	fclose(file);
	CHECK(size > 40000 && malloc_usable_size(text) > size);
	free(text);
}

/* More than 4 GiB, of which a few bytes are touched; and a big block that moves. */
static void test_huge(void)
{
	size_t n = (size_t)5 << 30, step = (size_t)1 << 30;
	unsigned char *p = malloc(n);

	CHECK(p != NULL && malloc_usable_size(p) >= n);
	for (size_t i = 0; i < n; i += step)
		p[i] = (unsigned char)(i >> 30);
	for (size_t i = 0; i < n; i += step)
		CHECK(p[i] == (unsigned char)(i >> 30));
	free(p);

	p = malloc(100u << 20);
	CHECK(p != NULL);
	fill(p, 100u << 20, 5);
	p = realloc(p, 300u << 20);
	CHECK(p != NULL && holds(p, 100u << 20, 5));
	free(p);
}

int main(void)
{
	check_served("malloc");
	check_served("free");
	check_served("calloc");
	check_served("realloc");
	check_served("posix_memalign");
	check_served("aligned_alloc");
	check_served("memalign");
	check_served("valloc");
#ifdef __GLIBC__
	check_served("pvalloc");
#endif
	check_served("malloc_usable_size");

	test_sizes_and_alignment();
	test_zero_sizes();
	test_calloc_zeroes();
	test_overflow();
	test_realloc_keeps_contents();
	test_aligned_functions();
	test_what_libc_allocates();
	test_huge();
	puts("ok");
	return 0;
}
