/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_OPTIONS_H
#define ALLOCRUN_LIVE_OPTIONS_H

#include "known/conf.h"
#include "live/memory.h"
#include "live/symtab.h"

/*
 * The options that an allocator runs with, from its variables in memory: what a
 * process does, not what it was told. Options whose variable is no plain number or
 * word are left out.
 */
void options_read_jemalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
			   struct conf *ret);
void options_read_mimalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
			   struct conf *ret);

#endif
