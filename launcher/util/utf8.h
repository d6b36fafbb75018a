/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_UTF8_H
#define ALLOCRUN_UTIL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "util/mem.h"

/* Texts from processes and files, which may hold any bytes, made fit to be shown. */

/*
 * One line of valid UTF-8 that drives no terminal: control characters, invisible ones,
 * those that turn the direction of writing, and bytes that are no UTF-8 as \xNN.
 */
char *utf8_clean(struct mem *m, const char *text);
/* The same, at most about `size` bytes; "..." stands for the rest. */
char *utf8_clean_short(struct mem *m, const char *text, size_t size);
/* Valid UTF-8 with all that was in it; other bytes as U+FFFD. For JSON, which escapes itself. */
char *utf8_repair(struct mem *m, const char *text);

/* The length of the UTF-8 sequence at `text` and its character; 0: these bytes are none. */
size_t utf8_decode(const char *text, uint32_t *ret);

#endif
