/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_MEMORY_H
#define ALLOCRUN_LIVE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * The memory of another process, through /proc/PID/mem: unlike process_vm_readv(2)
 * the descriptor stays with that very process when its PID is used again. Nothing
 * read from it is trusted: every pointer may be wrong, every list may be a circle.
 */
#define MEMORY_BLOCK 4096
#define MEMORY_BLOCKS 256
#define MEMORY_AHEAD 4 /* blocks that one system call reads */
/*
 * What may be read from one process: as many values, or a 16th as many blocks. A big
 * server needs some 10,000; this ends after about a second, whatever the memory says.
 */
#define MEMORY_BUDGET (4 * 1024 * 1024)
#define MEMORY_BLOCK_COST 16

struct live_memory {
	int fd;
	int64_t budget;                    /* what is left of it */
	uint64_t addresses[MEMORY_BLOCKS]; /* of the cached blocks; UINT64_MAX = empty */
	unsigned char blocks[MEMORY_BLOCKS][MEMORY_BLOCK];
};

/* -errno: -EACCES or -EPERM when the process may not be looked into. */
int memory_open(const struct root *root, struct mem *m, int64_t pid, struct live_memory *ret);
/* What was read before may have changed. */
void memory_forget(struct live_memory *memory);
void memory_close(struct live_memory *memory);

/* Was more asked for than any real program has? Every read fails then. */
bool memory_is_spent(const struct live_memory *memory);
/* All of `size` bytes, or -EFAULT and nothing. */
int memory_read(struct live_memory *memory, uint64_t address, void *ret, size_t size);
int memory_read_u32(struct live_memory *memory, uint64_t address, uint32_t *ret);
int memory_read_u64(struct live_memory *memory, uint64_t address, uint64_t *ret);
/* A string of less than `max` bytes; NULL when there is none. */
char *memory_dup_string(struct live_memory *memory, struct mem *m, uint64_t address, size_t max);

#endif
