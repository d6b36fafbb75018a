/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_NEAREST_H
#define ALLOCRUN_UTIL_NEAREST_H

#include <stddef.h>

#include "util/mem.h"

/*
 * The name among `names` (NULL-terminated) that `word` was probably meant to be:
 * fewest edits (insert, delete, replace, swap two neighbours), at most a third of
 * its length; a common prefix breaks ties. NULL when none is near.
 */
const char *nearest_name(const char *word, const char *const *names);

/*
 * " (did you mean 'NAME'?)", or, when none is near, " (one of: A, B, C)"; for the
 * end of an error line. Owned by the pool.
 */
char *nearest_hint(struct mem *m, const char *word, const char *const *names);

#endif
