/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to give back how much: no system call, no lock, no clock of its own, so that a test can
 * play a day of a server's life (tests/unit/purge).
 *
 *   idle      the process used less than busy_percent of a core for idle_ms: everything goes
 *   demand    each part keeps what its peak of use over window_ms needs; the rest goes
 *   pressure  a memory limit is near: everything goes, busy or not
 *
 * What went back and was soon wanted again was given back too early: the same reason waits
 * twice as long the next time.
 */
#ifndef ALLOCRUN_PURGE_POLICY_H
#define ALLOCRUN_PURGE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"

struct purge_options {
	bool is_on;
	unsigned window_ms;
	unsigned idle_ms;
	unsigned busy_percent; /* of one core */
	unsigned heap_mb;      /* a smaller heap gets no thread */
};

enum purge_why { PURGE_NOTHING, PURGE_IDLE, PURGE_DEMAND, PURGE_PRESSURE, PURGE_WHYS };

/* One look at the process. */
struct purge_look {
	uint64_t wall_ns;
	uint64_t cpu_ns; /* of all its threads but ours */
	uint64_t limit;  /* bytes; UINT64_MAX: none */
	uint64_t left;   /* until that limit */
	unsigned count;
	struct purge_part parts[PURGE_PARTS];
	size_t peaks[PURGE_PARTS]; /* since the last look that wants_peaks */
};

#define PURGE_SLOTS 8

/* One reason's patience: how often its wait is doubled. */
struct purge_patience {
	unsigned factor; /* 1, 2, 4 … 16 */
};

struct purge_state {
	uint64_t wall_ns, cpu_ns; /* of the last look */
	uint64_t quiet_ns;        /* for so long it has been quiet */
	uint64_t slot_ns;         /* when the last slot began */
	unsigned slot;
	unsigned filled; /* slots with a peak in them */
	size_t peaks[PURGE_PARTS][PURGE_SLOTS];
	struct purge_patience patience[PURGE_WHYS];
	/* The last purge that was worth it, until it is known whether it was right. */
	enum purge_why last;
	uint64_t last_ns;
	size_t last_bytes, resident_after;
	uint64_t regrets[PURGE_WHYS];
};

struct purge_plan {
	enum purge_why why;
	bool stops_when_busy;
	size_t keep[PURGE_PARTS]; /* SIZE_MAX: this part is left alone */
	unsigned sleep_ms;        /* PURGE_SLEEP: until somebody gives back, or for long */
};

#define PURGE_SLEEP 0

/* At the start of a thread, and whenever it slept. */
static void purge_state_begin(struct purge_state *state, const struct purge_look *look);

/* Does the next look need the parts' peaks? */
static bool purge_wants_peaks(const struct purge_state *state, const struct purge_options *options, uint64_t wall_ns);

static void purge_decide(struct purge_state *state, const struct purge_options *options, const struct purge_look *look,
			 struct purge_plan *plan);

/* What came of a plan, with a look after it. */
static void purge_done(struct purge_state *state, const struct purge_plan *plan, size_t bytes,
		       const struct purge_look *after);

#endif
