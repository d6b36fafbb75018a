/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the purge thread asks of an allocator; each has its own heap.c. A part is what keeps
 * its free pages to itself: an arena. All sizes are bytes.
 */
#ifndef ALLOCRUN_PURGE_HEAP_H
#define ALLOCRUN_PURGE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* More parts than these stay with their decay. */
#define PURGE_PARTS 256

struct purge_part {
	bool is_held; /* the thread purges it; else it goes by its own decay, or is the program's own */
	size_t used;
	size_t kept; /* free, resident, for reuse */
};

/* How many parts there are now, at most PURGE_PARTS. */
static unsigned heap_parts(void);

/* False: there is no such part. */
static bool heap_look(unsigned part, struct purge_part *ret);

/* The most that was in use since this was asked last. */
static size_t heap_peak(unsigned part);

/*
 * One step: gives back the oldest that is kept, at most about max and never below keep. Who
 * calls it holds the step lock. Returns what went back; 0: nothing, or another is at it.
 */
static size_t heap_purge(unsigned part, size_t keep, size_t max);

/* Heap profiling, told from outside. Dumps to a path; 0 or -errno, -ENOSYS: this build, or this start, has none. */
enum heap_profile { HEAP_PROFILE_ON, HEAP_PROFILE_OFF, HEAP_PROFILE_DUMP };
static int heap_profile(enum heap_profile what, const char *path);

/*
 * Nothing is purged by the clock while a thread lives that knows better; without one, the
 * decay of the options is in force. (From the child of a fork, under the step lock.)
 */
static void heap_hold(unsigned part);
static void heap_release_all(void);

#endif
