/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an allocator's own paths meet the purge thread. An allocator's source includes this
 * (see its patches) and is compiled as one with purge.c; what is static here is defined there.
 *
 * Each hook costs a load and a branch as long as nobody waits for it, and stands on paths that
 * move whole pages, never on the fast path of malloc or free.
 */
#ifndef ALLOCRUN_PURGE_HOOKS_H
#define ALLOCRUN_PURGE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

/* Written by the purge code alone. All false: a process that asked for no purge thread. In .data: see purge.c. */
__attribute__((section(".data"), aligned(64))) static struct purge_hooks {
	bool taking;  /* no thread yet: somebody counts the pages handed out */
	bool wanted;  /* a thread is to be started by the next who is at a safe place */
	bool giving;  /* the thread sleeps, or nobody has settled in: somebody counts the pages that come back */
	bool limited; /* there is a memory limit: new memory is counted against it */
} purge_hooks;

static void purge_count_taken(size_t bytes);
static void purge_count_given(size_t bytes);
static void purge_make_room(size_t bytes);

static inline bool purge_hook(const bool *hook)
{
	return __builtin_expect(__atomic_load_n(hook, __ATOMIC_RELAXED), 0);
}

/* An extent was handed out. No lock of the allocator's may be held, in none of these. */
static inline void purge_note_taken(size_t bytes)
{
	if (purge_hook(&purge_hooks.taking))
		purge_count_taken(bytes);
}

/* An extent came back and is kept for reuse. */
static inline void purge_note_given(size_t bytes)
{
	if (purge_hook(&purge_hooks.giving))
		purge_count_given(bytes);
}

/* Nothing kept will do: the kernel is to be asked for this much. */
static inline void purge_before_growth(size_t bytes)
{
	if (purge_hook(&purge_hooks.limited))
		purge_make_room(bytes);
}

/* At the end of an allocation: is it time to make the thread? Then purge_start(). */
static void purge_start(void);
static inline bool purge_start_wanted(void)
{
	return purge_hook(&purge_hooks.wanted);
}

/* Before a fork, and after it on both sides. */
static void purge_before_fork(void);
static void purge_after_fork_parent(void);
static void purge_after_fork_child(void);

#endif
