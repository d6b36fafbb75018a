/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_HEAP_H
#define ALLOCRUN_LIVE_HEAP_H

#include "live/memory.h"
#include "live/symtab.h"

/*
 * What an allocator holds, from its own counters in the memory of a process. Bundled
 * builds of jemalloc say in a table where these are: allocator/jemalloc/layout.c.
 */
struct heap_usage {
	int64_t resident; /* bytes that it has from the kernel: in use, kept for reuse, its own tables */
	int64_t dirty;    /* of that: freed, and kept for reuse until it has decayed */
	int64_t live;     /* bytes that the program has; what threads have cached counts as theirs */
};

/*
 * -ENODATA: the build has no such table, or one of another version. The counters change
 * while they are read: the sums are near the truth, not exact.
 */
int heap_read_jemalloc(struct live_memory *memory, const struct symtab *table, uint64_t base, struct heap_usage *ret);

/*
 * How many threads of its own jemalloc has to give memory back with: none in the child
 * of a fork, nor where none could be started, whatever its options say. -ENODATA.
 */
int heap_count_purge_threads(struct live_memory *memory, const struct symtab *table, uint64_t base, int64_t *ret);

#endif
