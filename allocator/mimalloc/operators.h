/* SPDX-License-Identifier: Apache-2.0 */
/* How operators/operators.c calls mimalloc. */
#ifndef OPERATORS_H
#define OPERATORS_H

#include <stddef.h>

extern void *mi_malloc_aligned(size_t size, size_t alignment);

/* What its aligned_alloc calls, without the hop. */
#define ALLOCATE_ALIGNED(alignment, size) mi_malloc_aligned((size), (alignment))

/* mimalloc finds the page from the address alone; the size would save it nothing. */
#define FREE_SIZED(p, size) ((void)(size), free(p))
#define FREE_SIZED_ALIGNED(p, size, alignment) ((void)(size), (void)(alignment), free(p))

#endif
