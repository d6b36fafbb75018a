/* SPDX-License-Identifier: Apache-2.0 */
#include "util/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buffer_append(struct buffer *b, const char *text)
{
	buffer_append_bytes(b, text, strlen(text));
}

/* Room for `n` bytes more and the zero behind them. */
static void buffer_reserve(struct buffer *b, size_t n)
{
	char *bigger;

	if (b->length + n + 1 <= b->capacity)
		return;
	b->capacity = 2 * (b->length + n + 1) + 512;
	bigger = mem_alloc(b->m, b->capacity);
	if (b->length)
		memcpy(bigger, b->s, b->length);
	b->s = bigger;
}

void buffer_append_bytes(struct buffer *b, const char *bytes, size_t n)
{
	buffer_reserve(b, n);
	memcpy(b->s + b->length, bytes, n);
	b->length += n;
	b->s[b->length] = '\0';
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	/* Most fit, and are formatted once. */
	buffer_reserve(b, 64);
	n = vsnprintf(b->s + b->length, b->capacity - b->length, format, args);
	if (n > 0 && (size_t)n >= b->capacity - b->length) {
		buffer_reserve(b, (size_t)n);
		vsnprintf(b->s + b->length, b->capacity - b->length, format, again);
	}
	b->length += n > 0 ? (size_t)n : 0;
	b->s[b->length] = '\0';
	va_end(again);
	va_end(args);
}

char *buffer_text(struct buffer *b)
{
	if (!b->s)
		buffer_append(b, "");
	return b->s;
}
