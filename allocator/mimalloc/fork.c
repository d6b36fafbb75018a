/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mimalloc as one object, and what it lacks to be safe in a process that forks.
 *
 * fork() copies one thread and every lock as it was. mimalloc 3.5.0 has no fork
 * handlers, so that a lock which another thread held at that moment is held for ever
 * in the child, whose next allocation that needs it hangs (tests/programs/fork_threads.c
 * shows it within seconds). A server that starts workers with Python's multiprocessing
 * does just that. So: take every lock before the fork, and let them go after it on
 * both sides.
 *
 * Upstream's whole library is included, for the locks are static. The patch
 * fork-init.patch calls allocrun_fork_init() when the library initialises itself, at
 * the process's first allocation: whoever registers later has his prepare handler run
 * before ours, while he may still allocate.
 */
#define _GNU_SOURCE /* secure_getenv */

static void allocrun_fork_init(void);

#include "arena_hooks.h"

#include "static.c"

#include <pthread.h>

/*
 * The order: a lock may be held while one further down is taken, nowhere in the
 * library the other way round. The locks of the lists come first and go last, because
 * the walk over all the others follows those lists.
 */
static void acquire_lists(void)
{
	mi_lock_acquire(&mi_subprocs_lock);
	for (mi_subproc_t *subproc = mi_subprocs; subproc; subproc = subproc->next) {
		mi_lock_acquire(&subproc->heaps_lock);
		for (mi_heap_t *heap = subproc->heaps; heap; heap = heap->next)
			mi_lock_acquire(&heap->theaps_lock);
	}
}

static void release_lists(void)
{
	for (mi_subproc_t *subproc = mi_subprocs; subproc; subproc = subproc->next) {
		for (mi_heap_t *heap = subproc->heaps; heap; heap = heap->next)
			mi_lock_release(&heap->theaps_lock);
		mi_lock_release(&subproc->heaps_lock);
	}
	mi_lock_release(&mi_subprocs_lock);
}

static void for_each_other_lock(void (*operate)(mi_lock_t *))
{
	operate(&mi_thread_locals_lock);
	/* Heaps that a program made for itself get their page tables from the main heap. */
	for (mi_subproc_t *subproc = mi_subprocs; subproc; subproc = subproc->next)
		for (mi_heap_t *heap = subproc->heaps; heap; heap = heap->next)
			if (!_mi_is_heap_main(heap))
				operate(&heap->arena_pages_lock);
	for (mi_subproc_t *subproc = mi_subprocs; subproc; subproc = subproc->next)
		operate(&subproc->theap_meta_lock);
	for (mi_subproc_t *subproc = mi_subprocs; subproc; subproc = subproc->next) {
		for (mi_heap_t *heap = subproc->heaps; heap; heap = heap->next) {
			if (_mi_is_heap_main(heap))
				operate(&heap->arena_pages_lock);
			operate(&heap->os_abandoned_pages_lock);
		}
		operate(&subproc->arena_reserve_lock);
	}
	operate(&_mi_page_map()->lock);
}

static void before_fork(void)
{
	acquire_lists();
	for_each_other_lock(mi_lock_acquire);
	purge_before_fork();
	/* Under the step lock mimalloc may have something to say: what it gave back could not be. */
	mi_lock_acquire(&out_buf_lock);
}

/* In the parent, and in the child too, where the calling thread lives on as the owner.
 * What the other threads had in their hands is lost to the child, as with any
 * allocator: that is memory, not a lock. */
static void release_all(void)
{
	for_each_other_lock(mi_lock_release);
	release_lists();
}

static void after_fork_parent(void)
{
	mi_lock_release(&out_buf_lock);
	purge_after_fork_parent();
	release_all();
}

static void after_fork_child(void)
{
	mi_lock_release(&out_buf_lock);
	release_all();
	purge_after_fork_child();
}

static void allocrun_fork_init(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

#include "options.c"
#include "policy.c"
#include "limit.c"
#include "heap.c"
#include "purge.c"
