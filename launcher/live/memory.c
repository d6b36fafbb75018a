/* SPDX-License-Identifier: Apache-2.0 */
#include "live/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/retry.h"

int memory_open(const struct root *root, struct mem *m, int64_t pid, struct live_memory *ret)
{
	int fd = root_openat(root, mem_printf(m, "/proc/%lld/mem", (long long)pid), O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fd;
	ret->fd = fd;
	ret->budget = MEMORY_BUDGET;
	memory_forget(ret);
	return 0;
}

void memory_forget(struct live_memory *memory)
{
	for (size_t i = 0; i < MEMORY_BLOCKS; i++)
		memory->addresses[i] = UINT64_MAX;
}

void memory_close(struct live_memory *memory)
{
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = -1;
}

bool memory_is_spent(const struct live_memory *memory)
{
	return memory->budget <= 0;
}

/*
 * Fills the slot, and those behind it as far as memory goes on: tables lie side by side, and a
 * system call costs more than what it copies. False: nothing is mapped there.
 */
static bool memory_fill(struct live_memory *memory, size_t slot, uint64_t start)
{
	size_t most = MEMORY_BLOCKS - slot < MEMORY_AHEAD ? MEMORY_BLOCKS - slot : MEMORY_AHEAD;
	ssize_t n;

	for (size_t i = 0; i < most; i++)
		memory->addresses[slot + i] = UINT64_MAX;
	n = retry_pread(memory->fd, memory->blocks[slot], most * MEMORY_BLOCK, start);
	for (size_t i = 0; n >= 0 && i < (size_t)n / MEMORY_BLOCK; i++)
		memory->addresses[slot + i] = start + i * MEMORY_BLOCK;
	return n >= MEMORY_BLOCK;
}

/* The block that holds an address, NULL when nothing is mapped there. */
static const unsigned char *memory_block(struct live_memory *memory, uint64_t address)
{
	uint64_t start = address & ~(uint64_t)(MEMORY_BLOCK - 1);
	size_t slot = (size_t)(start / MEMORY_BLOCK) % MEMORY_BLOCKS;

	if (memory_is_spent(memory))
		return NULL;
	memory->budget--;
	if (memory->addresses[slot] == start)
		return memory->blocks[slot];
	if (start > INT64_MAX)
		return NULL;
	memory->budget -= MEMORY_BLOCK_COST;
	return memory_fill(memory, slot, start) ? memory->blocks[slot] : NULL;
}

int memory_read(struct live_memory *memory, uint64_t address, void *ret, size_t size)
{
	unsigned char *to = ret;

	while (size > 0) {
		size_t at = (size_t)(address % MEMORY_BLOCK);
		size_t n = size < MEMORY_BLOCK - at ? size : MEMORY_BLOCK - at;
		const unsigned char *block = memory_block(memory, address);

		if (!block)
			return -EFAULT;
		memcpy(to, block + at, n);
		to += n;
		address += n;
		size -= n;
	}
	return 0;
}

int memory_read_u32(struct live_memory *memory, uint64_t address, uint32_t *ret)
{
	return memory_read(memory, address, ret, sizeof *ret);
}

int memory_read_u64(struct live_memory *memory, uint64_t address, uint64_t *ret)
{
	return memory_read(memory, address, ret, sizeof *ret);
}

char *memory_dup_string(struct live_memory *memory, struct mem *m, uint64_t address, size_t max)
{
	uint64_t start = address;
	size_t length = 0;
	char *text;

	while (length < max) {
		size_t at = (size_t)(address % MEMORY_BLOCK);
		const unsigned char *block = memory_block(memory, address);
		const unsigned char *end = block ? memchr(block + at, '\0', MEMORY_BLOCK - at) : NULL;

		if (!block)
			return NULL;
		length += end ? (size_t)(end - block) - at : MEMORY_BLOCK - at;
		address += MEMORY_BLOCK - at;
		if (end)
			break;
	}
	if (length >= max)
		return NULL;
	/* The pool lives longer than the process that has such strings by the thousand. */
	memory->budget -= (int64_t)(length / MEMORY_BLOCK_COST);
	if (memory_is_spent(memory))
		return NULL;
	text = mem_alloc(m, length + 1);
	return memory_read(memory, start, text, length) == 0 ? text : NULL;
}
