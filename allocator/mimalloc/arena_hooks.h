/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mimalloc's own paths tell the purge thread beside purge/hooks.h: how much of its arenas is
 * in use, which it does not count itself. Included before its sources (fork.c).
 */
#ifndef ALLOCRUN_MIMALLOC_ARENA_HOOKS_H
#define ALLOCRUN_MIMALLOC_ARENA_HOOKS_H

#include "hooks.h"

static size_t heap_used_bytes, heap_peak_bytes;
static bool heap_held;

/* An hour: what is free is written down as to be purged, and nobody's clock purges it. */
#define HEAP_HELD_DELAY 3600000L

static inline bool heap_is_held(void)
{
	return __atomic_load_n(&heap_held, __ATOMIC_RELAXED);
}

static inline void heap_note_taken(size_t bytes)
{
	size_t used = __atomic_add_fetch(&heap_used_bytes, bytes, __ATOMIC_RELAXED);

	/* Of two that meet here one may be lost: the next is not. */
	if (used > __atomic_load_n(&heap_peak_bytes, __ATOMIC_RELAXED))
		__atomic_store_n(&heap_peak_bytes, used, __ATOMIC_RELAXED);
	/* What is fresh and what was used before look the same here: all of it counts against a limit. */
	purge_before_growth(bytes);
	purge_note_taken(bytes);
}

static inline void heap_note_given(size_t bytes)
{
	__atomic_sub_fetch(&heap_used_bytes, bytes, __ATOMIC_RELAXED);
	purge_note_given(bytes);
}

#endif
