/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_JSON_WRITER_H
#define ALLOCRUN_REPORT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/bitmap.h"
#include "util/buffer.h"

/*
 * JSON written as it is told, without a tree in memory. jansson's tree was half of what a
 * launch computes; everything else in here that writes JSON uses jansson. The layout is that
 * of its JSON_INDENT(1).
 *
 * `key` is NULL for the elements of an array. Begins as { .text.m = the pool }.
 */
struct json_writer {
	struct buffer text;
	size_t depth;
	bool has_items; /* in what is open */
};

void writer_open(struct json_writer *w, const char *key, char bracket); /* '{' or '[' */
void writer_close(struct json_writer *w, char bracket);                 /* '}' or ']' */
/* null for NULL; bytes that are not UTF-8 become U+FFFD, as in json_text(). */
void writer_text(struct json_writer *w, const char *key, const char *text);
/* null for FACT_UNKNOWN, "unlimited" for FACT_UNLIMITED, as in json_number(). */
void writer_number(struct json_writer *w, const char *key, int64_t value);
/* A number that may be -1. */
void writer_integer(struct json_writer *w, const char *key, int64_t value);
void writer_bool(struct json_writer *w, const char *key, bool value);
/* "0-3,8"; null for the empty set. */
void writer_bitmap(struct json_writer *w, const char *key, const struct bitmap *b);

#endif
