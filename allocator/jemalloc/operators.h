/* SPDX-License-Identifier: Apache-2.0 */
/* How operators/operators.c calls jemalloc. */
#ifndef OPERATORS_H
#define OPERATORS_H

#include <stddef.h>

extern void *aligned_alloc(size_t alignment, size_t size);
extern void sdallocx(void *p, size_t size, int flags);

#define ALLOCATE_ALIGNED(alignment, size) aligned_alloc((alignment), (size))

/* With the size known, the size class need not be looked up in the page map. */
#define FREE_SIZED(p, size) sdallocx((p), (size), 0)

/* sdallocx wants the base 2 logarithm of the alignment in the low bits of the flags, and
 * a size: for none it computes another class than aligned_alloc, which takes 0 as 1. */
#define FREE_SIZED_ALIGNED(p, size, alignment) sdallocx((p), (size) ? (size) : 1, __builtin_ctzl(alignment))

#endif
