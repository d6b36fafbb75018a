/* SPDX-License-Identifier: Apache-2.0 */
#include "report/json_writer.h"

#include <string.h>

#include "util/unknown.h"
#include "util/utf8.h"

#define WRITER_DEPTH_MAX 8

static void writer_break(struct json_writer *w)
{
	static const char blanks[] = "\n        ";

	_Static_assert(sizeof blanks == 1 + WRITER_DEPTH_MAX + 1, "a blank for each level");
	buffer_append_bytes(&w->text, blanks, 1 + (w->depth < WRITER_DEPTH_MAX ? w->depth : WRITER_DEPTH_MAX));
}

static void writer_escape(struct json_writer *w, uint32_t c)
{
	static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
	const char *letter = c < 0x80 ? strchr(letters, (int)c) : NULL;

	if (letter)
		buffer_append_bytes(&w->text, (const char[]){ '\\', names[letter - letters] }, 2);
	else if (c < 0x10000)
		buffer_printf(&w->text, "\\u%04X", c);
	else
		buffer_printf(&w->text, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
}

/*
 * Escaped is what a string needs (RFC 8259, 7), and all that is no printable ASCII: no name can drive the
 * terminal of who looks at it. Bytes that are no UTF-8 become U+FFFD.
 */
static void writer_quote(struct json_writer *w, const char *text)
{
	buffer_append_bytes(&w->text, "\"", 1);
	while (*text) {
		uint32_t c = 0xfffd;
		size_t n = 0;

		while ((unsigned char)text[n] - 0x20U < 0x5f && text[n] != '"' && text[n] != '\\')
			n++;
		buffer_append_bytes(&w->text, text, n);
		text += n;
		if (!*text)
			break;
		n = utf8_decode(text, &c);
		writer_escape(w, c);
		text += n ? n : 1;
	}
	buffer_append_bytes(&w->text, "\"", 1);
}

static void writer_begin(struct json_writer *w, const char *key)
{
	if (w->has_items)
		buffer_append_bytes(&w->text, ",", 1);
	if (w->depth)
		writer_break(w);
	w->has_items = true;
	if (!key)
		return;
	writer_quote(w, key);
	buffer_append_bytes(&w->text, ": ", 2);
}

void writer_open(struct json_writer *w, const char *key, char bracket)
{
	writer_begin(w, key);
	buffer_append_bytes(&w->text, &bracket, 1);
	w->depth++;
	w->has_items = false;
}

void writer_close(struct json_writer *w, char bracket)
{
	w->depth--;
	if (w->has_items)
		writer_break(w);
	buffer_append_bytes(&w->text, &bracket, 1);
	w->has_items = true;
}

void writer_text(struct json_writer *w, const char *key, const char *text)
{
	writer_begin(w, key);
	if (!text)
		buffer_append(&w->text, "null");
	else
		writer_quote(w, text);
}

void writer_integer(struct json_writer *w, const char *key, int64_t value)
{
	writer_begin(w, key);
	buffer_printf(&w->text, "%lld", (long long)value);
}

void writer_number(struct json_writer *w, const char *key, int64_t value)
{
	if (value == FACT_UNLIMITED)
		writer_text(w, key, "unlimited");
	else if (value == FACT_UNKNOWN)
		writer_text(w, key, NULL);
	else
		writer_integer(w, key, value);
}

void writer_bool(struct json_writer *w, const char *key, bool value)
{
	writer_begin(w, key);
	buffer_append(&w->text, value ? "true" : "false");
}

void writer_bitmap(struct json_writer *w, const char *key, const struct bitmap *b)
{
	writer_text(w, key, bitmap_is_empty(b) ? NULL : bitmap_format_list(w->text.m, b));
}
