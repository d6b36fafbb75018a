/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_PRIVILEGES_H
#define ALLOCRUN_OPTIONS_PRIVILEGES_H

#include "options/options.h"

/*
 * Whoever asks that privileges are given up (--user, --keep-caps, --no-new-privs) is not overruled
 * from a lower rank: rank by rank, the table is in allocrun(8), "Privileges". Pure.
 */

/* Is it one of the three keys? */
bool options_is_privilege(enum key key);
/* After all origins were read: what of a lower rank would loosen them is dropped, with a warning. */
void options_settle_privileges(struct mem *m, struct options *o);
/* Does something of it have to be done? */
bool options_gives_up(const struct options *o);
/*
 * ALLOCRUN=off is for the allocator: every other step is off, what gives up privileges stays, and is
 * required. `from`: what was read of it.
 */
void options_take_privileges(const struct options *from, struct options *o);

#endif
