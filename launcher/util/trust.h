/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_TRUST_H
#define ALLOCRUN_UTIL_TRUST_H

#include <sys/types.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * Who besides root and `owner` may write a file that root is about to obey or to load, or put another
 * one in its place: words, "others may write /opt". NULL: nobody, or nobody can tell; or this is not
 * root, who alone has something to lose by it. Of a captured machine nobody can tell. `known`: a folder
 * that was looked at before, with all above it; NULL.
 */
const char *trust_find_writer(struct mem *m, const struct root *root, const char *path, uid_t owner, const char *known);
/* Whose program this is: whom root trusts who has started it. 0 where that is not known. */
uid_t trust_own_owner(void);

#endif
