/* SPDX-License-Identifier: Apache-2.0 */
#include "util/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mem_block {
	struct mem_block *next;
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

void *mem_alloc(struct mem *m, size_t size)
{
	struct mem_block *block = calloc(1, sizeof *block + size);

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
	return *items + n * size;
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
		free(block);
	}
}
