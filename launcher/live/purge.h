/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_PURGE_H
#define ALLOCRUN_LIVE_PURGE_H

#include "facts/live.h"
#include "live/memory.h"
#include "live/symtab.h"

/*
 * What the purge thread of a bundled build says of itself, in the memory of a process:
 * allocator/purge/figures.h. `now_ns`: CLOCK_MONOTONIC as that process has it, FACT_UNKNOWN.
 * -ENODATA: the build has no such figures, or of another version; -EAGAIN: it has not come to
 * write them; -EFAULT: unreadable.
 */
int purge_read(struct live_memory *memory, const struct symtab *table, uint64_t base, int64_t now_ns,
	       struct live_purge *ret);
/* Its options in force, where it has a thread or waits for the need of one. */
void purge_list_options(struct mem *m, const struct live_purge *purge, struct conf *ret);

#endif
