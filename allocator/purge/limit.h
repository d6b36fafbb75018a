/* SPDX-License-Identifier: Apache-2.0 */
/* The memory limits of this process's control groups, version 1 or 2, its own and those above it. */
#ifndef ALLOCRUN_PURGE_LIMIT_H
#define ALLOCRUN_PURGE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Looks for them anew: a process may be moved, a limit set later. False: there is none. */
static bool limits_find(void);

/*
 * Bytes until the nearest is reached, page cache that the kernel can drop at once not counted;
 * UINT64_MAX: none. The limit itself in *limit. Where no descriptor is to be had, less than the last time.
 */
static uint64_t limits_left(uint64_t *limit);

#endif
