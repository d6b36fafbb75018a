/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the purge thread says of itself, in the memory of its process: `allocrun --check` and
 * `--stat` read it there, by the name "allocrun_purge_figures" in .symtab. Both sides know this
 * header; the version changes with it. Nothing that the thread decides by lies in it.
 */
#ifndef ALLOCRUN_PURGE_FIGURES_H
#define ALLOCRUN_PURGE_FIGURES_H

#include <stdint.h>

#define PURGE_FIGURES_VERSION 2

enum purge_thread_state {
	PURGE_THREAD_OFF,   /* not asked for */
	PURGE_THREAD_WAITS, /* the heap is small yet: no thread */
	PURGE_THREAD_RUNS,
	PURGE_THREAD_FAILED, /* none could be made: the decay of the options is in force */
};

struct purge_figures {
	uint64_t version;
	uint64_t state; /* enum purge_thread_state */
	uint64_t pid;   /* of the process that wrote this: another's is a parent's, from before a fork */
	uint64_t error; /* errno of the last try to make a thread */
	uint64_t looks;
	uint64_t look_ns;                                   /* CLOCK_MONOTONIC of the last one */
	uint64_t purges[4];                                 /* by enum purge_why */
	uint64_t bytes[4];                                  /* given back, likewise */
	uint64_t regrets[4];                                /* what was given back too early, likewise */
	uint64_t window_ms, idle_ms, busy_percent, heap_mb; /* the options in force */
	uint64_t limit;                                     /* the nearest memory limit, bytes; UINT64_MAX: none */
	uint64_t changes;                                   /* how often they were changed while it ran */
};

#endif
