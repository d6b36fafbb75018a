/* SPDX-License-Identifier: Apache-2.0 */
#include "util/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mem_block {
	struct mem_block *next;
	size_t mapped; /* bytes, of mmap(2); 0: it is malloc's */
	_Alignas(max_align_t) unsigned char data[];
};

struct mem_shared {
	size_t size, limit, used; /* of `data` */
	_Alignas(max_align_t) unsigned char data[];
};

static void (*mem_last_resort)(void);
static int mem_status = 125;

void mem_at_end(int status, void (*last_resort)(void))
{
	mem_status = status;
	mem_last_resort = last_resort;
}

static void mem_die(void)
{
	static const char message[] = "allocrun: out of memory\n";

	if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
		errno = 0; /* nobody is left to be told */
	if (mem_last_resort)
		mem_last_resort();
	_exit(mem_status);
}

static size_t mem_round(size_t size)
{
	return size + (-size & (_Alignof(max_align_t) - 1));
}

struct mem_shared *mem_share(struct mem *m, size_t size)
{
	size_t whole = sizeof(struct mem_block) + sizeof(struct mem_shared) + mem_round(size);
	struct mem_block *block = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
				       -1, 0);
	struct mem_shared *shared;

	if (block == MAP_FAILED)
		return NULL;
	block->mapped = whole;
	block->next = m->blocks;
	m->blocks = block;
	shared = (struct mem_shared *)block->data;
	shared->size = shared->limit = mem_round(size);
	return shared;
}

struct mem mem_of_shared(struct mem_shared *shared)
{
	return (struct mem){ NULL, shared };
}

size_t mem_shared_used(const struct mem_shared *shared)
{
	return shared->used;
}

void mem_shared_limit(struct mem_shared *shared, size_t more)
{
	shared->limit = more < shared->size - shared->used ? shared->used + more : shared->size;
}

void mem_shared_rewind(struct mem_shared *shared, size_t used)
{
	memset(shared->data + used, 0, shared->used - used);
	shared->used = used;
}

static void *mem_alloc_shared(struct mem_shared *shared, size_t size)
{
	size_t rounded = mem_round(size);
	void *data = shared->data + shared->used;

	if (rounded < size || rounded > shared->limit - shared->used)
		mem_die();
	shared->used += rounded;
	return data;
}

void *mem_alloc(struct mem *m, size_t size)
{
	struct mem_block *block;

	if (m->shared)
		return mem_alloc_shared(m->shared, size);
	block = calloc(1, sizeof *block + size);
	if (!block)
		mem_die();
	block->next = m->blocks;
	m->blocks = block;
	return block->data;
}

void *mem_dup(struct mem *m, const void *bytes, size_t size)
{
	return memcpy(mem_alloc(m, size), bytes, size);
}

char *mem_strndup(struct mem *m, const char *s, size_t n)
{
	size_t length = strnlen(s, n);
	char *copy = mem_alloc(m, length + 1);

	memcpy(copy, s, length);
	return copy;
}

char *mem_strdup(struct mem *m, const char *s)
{
	return mem_strndup(m, s, strlen(s));
}

char *mem_vprintf(struct mem *m, const char *format, va_list args)
{
	char line[512]; /* most fit, and are formatted once */
	va_list again;
	int length;
	char *text;

	va_copy(again, args);
	length = vsnprintf(line, sizeof line, format, args);
	if (length < 0)
		mem_die();
	text = mem_alloc(m, (size_t)length + 1);
	if ((size_t)length < sizeof line)
		memcpy(text, line, (size_t)length);
	else
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

char *mem_printf(struct mem *m, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = mem_vprintf(m, format, args);
	va_end(args);
	return text;
}

void *mem_append(struct mem *m, void *array, size_t *count, size_t size)
{
	unsigned char **items = array;
	size_t n = *count;

	/* Full at each power of two: the capacity needs no field of its own. */
	if ((n & (n - 1)) == 0) {
		unsigned char *grown = mem_alloc(m, (n ? 2 * n : 1) * size);

		if (n)
			memcpy(grown, *items, n * size);
		*items = grown;
	}
	*count = n + 1;
	return memset(*items + n * size, 0, size);
}

void mem_absorb(struct mem *m, struct mem *from)
{
	struct mem_block **end = &from->blocks;

	while (*end)
		end = &(*end)->next;
	*end = m->blocks;
	m->blocks = from->blocks;
	from->blocks = NULL;
}

void mem_free_all(struct mem *m)
{
	while (m->blocks) {
		struct mem_block *block = m->blocks;

		m->blocks = block->next;
		if (block->mapped)
			munmap(block, block->mapped);
		else
			free(block);
	}
}
