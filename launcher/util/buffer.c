/* SPDX-License-Identifier: Apache-2.0 */
#include "util/buffer.h"

#include <stdarg.h>
#include <string.h>

void buffer_append(struct buffer *b, const char *text)
{
	buffer_append_bytes(b, text, strlen(text));
}

void buffer_append_bytes(struct buffer *b, const char *bytes, size_t n)
{
	if (b->length + n + 1 > b->capacity) {
		char *bigger;

		b->capacity = 2 * (b->length + n + 1) + 512;
		bigger = mem_alloc(b->m, b->capacity);
		if (b->length)
			memcpy(bigger, b->s, b->length);
		b->s = bigger;
	}
	memcpy(b->s + b->length, bytes, n);
	b->length += n;
	b->s[b->length] = '\0';
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buffer_append(b, mem_vprintf(b->m, format, args));
	va_end(args);
}

char *buffer_text(struct buffer *b)
{
	if (!b->s)
		buffer_append(b, "");
	return b->s;
}
