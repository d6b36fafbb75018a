/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with a malloc of its own, which hands out no memory but its own and takes nothing
 * else back: it ends with 9 when it is given a block of another. With an argument it waits for
 * the end of its input.
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char memory[1 << 24];
static size_t used;

void *malloc(size_t size);
void free(void *block);
void *calloc(size_t n, size_t size);
void *realloc(void *block, size_t size);

void *malloc(size_t size)
{
	char *block = memory + used;

	used += 16 + ((size + 15) & ~(size_t)15);
	*(size_t *)(void *)block = size;
	return used <= sizeof memory ? block + 16 : NULL;
}

void free(void *block)
{
	if (block && ((char *)block < memory || (char *)block >= memory + sizeof memory))
		_exit(9);
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size);
}

void *realloc(void *block, size_t size)
{
	char *copy = malloc(size);
	size_t old = block ? ((size_t *)block)[-2] : 0;

	if (copy && block)
		memcpy(copy, block, old < size ? old : size);
	return copy;
}

int main(int argc, char **argv)
{
	char byte, *copy = strdup(argv[0]), *part = strndup(argv[0], 3);

	free(copy);
	free(part);
	if (argc > 1 && read(STDIN_FILENO, &byte, 1) < 0)
		return 8;
	return 7;
}
