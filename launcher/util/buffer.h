/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_BUFFER_H
#define ALLOCRUN_UTIL_BUFFER_H

#include <stddef.h>

#include "util/mem.h"

/* A growing text. Begins as { .m = the pool }. */
struct buffer {
	struct mem *m;
	char *s; /* NUL-terminated, in the pool; NULL = nothing yet */
	size_t length, capacity;
};

/* They add the text as it is: callers have cleaned or escaped what is not theirs. */
void buffer_append(struct buffer *b, const char *text);
/* Without a zero among the `n` bytes. */
void buffer_append_bytes(struct buffer *b, const char *bytes, size_t n);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was written so far, "" for nothing. Good until more is added. */
char *buffer_text(struct buffer *b);

#endif
