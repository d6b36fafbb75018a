/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_ENVIRONMENT_H
#define ALLOCRUN_UTIL_ENVIRONMENT_H

#include "util/mem.h"

/* Environment blocks, "NAME=VALUE"…, NULL-terminated. Pure. */

/* The value of NAME; the last one wins, as for the loader. NULL = not set. */
const char *environment_get(const char *const *environment, const char *name);

/*
 * A new block with NAME set to `value` (NULL: removed); further copies of NAME, which
 * a strange parent may have left, are dropped. Everything else keeps its order and
 * its bytes. The block is in the pool, its other strings are those of `environment`.
 */
char **environment_with(struct mem *m, char *const *environment, const char *name, const char *value);

#endif
