/* SPDX-License-Identifier: Apache-2.0 */
/* A library that serves malloc and is nobody's build: memory from one block, never given back. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

static _Alignas(16) char block[16 << 20];
static size_t used;

#ifdef MARKS
__attribute__((used)) static unsigned int je_opt_narenas = 5;

int mallctl(void);
int mallctl(void)
{
	return 0;
}
#endif

void *malloc(size_t size)
{
	size_t at = __atomic_fetch_add(&used, ((size + 15) & ~(size_t)15) + 16, __ATOMIC_RELAXED);

	if (size > sizeof block || at + size + 16 > sizeof block) {
		errno = ENOMEM;
		return NULL;
	}
	memcpy(block + at, &size, sizeof size);
	return block + at + 16;
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size); /* the block is zero, and nothing is used twice */
}

void *realloc(void *p, size_t size)
{
	void *to = malloc(size);
	size_t old;

	if (p && to) {
		memcpy(&old, (char *)p - 16, sizeof old);
		memcpy(to, p, old < size ? old : size);
	}
	return to;
}
