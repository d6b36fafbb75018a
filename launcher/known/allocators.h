/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_ALLOCATORS_H
#define ALLOCRUN_KNOWN_ALLOCATORS_H

#include <stdbool.h>

#include "util/mem.h"

/* Allocators and other runtimes by the names of their files, and what LD_PRELOAD says. Pure. */

/* "jemalloc" for libjemalloc.so.2, …; NULL when the file name is no allocator's. */
const char *preload_allocator_of(const char *path);

/* "AddressSanitizer", … for the runtime of a sanitizer, which has a malloc of its own; NULL. */
const char *preload_sanitizer_of(const char *path);

/*
 * For what /etc/ld.so.preload says: blanks in place of comments, which begin at any "#" and
 * end with the line (glibc, elf/rtld.c); and the next entry at *cursor, in the pool, NULL at
 * the end.
 */
void preload_remove_comments(char *text);
char *preload_next_of_file(struct mem *m, const char **cursor);

/* The next entry of an LD_PRELOAD value at *cursor, in the pool; NULL at the end. */
char *preload_next(struct mem *m, const char **cursor);

/* ld.so splits at spaces and colons and knows no quoting. */
bool preload_can_express(const char *path);

#endif
