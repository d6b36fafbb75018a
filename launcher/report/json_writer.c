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

/* What a string needs escaped: quotes, backslashes, control characters (RFC 8259, 7). */
static void writer_quote(struct json_writer *w, const char *text)
{
	static const char letters[] = "\b\f\n\r\t", names[] = "bfnrt";

	buffer_append_bytes(&w->text, "\"", 1);
	for (const char *c = text; *c; c++) {
		const char *letter;
		size_t n = 0;

		while ((unsigned char)c[n] >= ' ' && c[n] != '"' && c[n] != '\\')
			n++;
		buffer_append_bytes(&w->text, c, n);
		c += n;
		if (!*c)
			break;
		letter = strchr(letters, *c);
		if (*c == '"' || *c == '\\')
			buffer_append_bytes(&w->text, (const char[]){ '\\', *c }, 2);
		else if (letter)
			buffer_append_bytes(&w->text, (const char[]){ '\\', names[letter - letters] }, 2);
		else
			buffer_printf(&w->text, "\\u%04X", (unsigned char)*c);
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

static bool writer_is_ascii(const char *text)
{
	while ((unsigned char)*text - 1U < 0x7f)
		text++;
	return *text == '\0';
}

void writer_text(struct json_writer *w, const char *key, const char *text)
{
	writer_begin(w, key);
	if (!text)
		buffer_append(&w->text, "null");
	else
		writer_quote(w, writer_is_ascii(text) ? text : utf8_repair(w->text.m, text));
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
