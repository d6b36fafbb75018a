/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_LD_PRELOAD_H
#define ALLOCRUN_DECIDE_LD_PRELOAD_H

#include "decide/plan.h"
#include "util/mem.h"

/* Who brings a malloc, and the composition of LD_PRELOAD. Pure. */

/*
 * What an entry of LD_PRELOAD or DT_NEEDED does with malloc: as it was read (NULL: nothing was), else
 * by its name. MALLOC_NONE for a name that says nothing.
 */
enum malloc_role preload_role_of(const struct malloc_files *read, const char *entry);
/* The first entry of an LD_PRELOAD or ld.so.preload value that has this role, in the pool; NULL = none. */
const char *preload_find_role(struct mem *m, const struct malloc_files *read, const char *entries,
			      enum malloc_role role);
/*
 * The first of the command's libraries that has it; where they were not read, of those that it names.
 * `but`: not this one; NULL = any.
 */
const char *preload_find_library(const struct command_facts *command, enum malloc_role role, const char *but);

/*
 * Ours first, then what was there in its order, without other allocators and
 * without duplicates; both of the loader's separators are read, colons written.
 * Each entry goes to *parts, those left out with value NULL and the reason.
 * `library` NULL: only other allocators are taken out. `children`: the library that
 * goes behind ours (known/inheritance.h); NULL = none. Returns the value, "" when
 * nothing is left.
 */
char *preload_compose(struct mem *m, const struct malloc_files *read, const char *library, const char *children,
		      const char *current, struct parts *parts);

#endif
