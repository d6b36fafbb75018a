/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_LD_PRELOAD_H
#define ALLOCRUN_DECIDE_LD_PRELOAD_H

#include "decide/plan.h"
#include "util/mem.h"

/* LD_PRELOAD composition. Pure. */

/*
 * Ours first, then what was there in its order, without other allocators and
 * without duplicates; both of the loader's separators are read, colons written.
 * Each entry goes to *parts, those left out with value NULL and the reason.
 * `library` NULL: only other allocators are taken out. Returns the value, "" when
 * nothing is left.
 */
char *preload_compose(struct mem *m, const char *library, const char *current, struct parts *parts);

#endif
