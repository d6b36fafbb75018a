/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_TURNS_H
#define ALLOCRUN_LIVE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whose process is looked at next. What a look costs is put on the account of the process's
 * owner, and next is always an owner with the least on it: who has many processes, or such as
 * are slow or never answer, holds up his own. Pure.
 */
enum turn_state {
	TURN_WAITS,
	TURN_DONE,
	TURN_SILENT,   /* reading it stood still */
	TURN_LATE,     /* the time was over before it was looked at, or while it was */
	TURN_TOO_BIG,  /* looking at it took more memory than there is */
	TURN_FATAL,    /* whoever looked at it ended */
	TURN_FORSAKEN, /* not tried: looks at others of its owner could not even be ended */
};

struct turn {
	uint32_t owner; /* below turns->n_owners */
	uint16_t tries; /* that came to no end */
	uint8_t state;  /* enum turn_state */
};

struct turns {
	struct turn *items;
	size_t n;
	int64_t *accounts; /* by owner; INT64_MAX: closed */
	size_t n_owners;
};

/*
 * Where only `room` of them all can have a turn: how many of each owner have one, the same for all that
 * have so many. `counts`: how many each has.
 */
size_t turns_share(const size_t *counts, size_t n_owners, size_t room);
/* The index of a turn that waits, of those of its owner the one with the fewest tries; n: there is none. */
size_t turns_next(const struct turns *turns);
/* Does any other one wait that has not been tried more often? Then a long look makes room for it. */
bool turns_has_rival(const struct turns *turns, size_t at);
void turns_charge(struct turns *turns, size_t at, int64_t cost);
/* All that still wait: of one owner, whose account is closed; of all for SIZE_MAX. */
void turns_end(struct turns *turns, size_t owner, enum turn_state state);

#endif
