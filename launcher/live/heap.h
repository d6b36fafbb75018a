/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_HEAP_H
#define ALLOCRUN_LIVE_HEAP_H

#include "facts/live.h"
#include "live/memory.h"
#include "live/symtab.h"

/*
 * What an allocator holds, from its own counters in the memory of a process. Bundled
 * builds of jemalloc say in a table where these are: allocator/jemalloc/layout.c.
 *
 * -ENODATA: the build has no such table, or one of a version that is not known; of version 1,
 * which servers run on that an older allocrun has started, some counters are unknown. The
 * counters change while they are read: the sums are near the truth, not exact. -EFAULT:
 * unreadable, or made up.
 */
int heap_read_jemalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
		       struct live_heap *ret);

/*
 * How many threads of its own jemalloc has to give memory back with: none in the child
 * of a fork, nor where none could be started, whatever its options say. -ENODATA.
 */
int heap_count_purge_threads(struct live_memory *memory, const struct symtab *table, uint64_t base, int64_t *ret);

#endif
