/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_PAGE_H
#define ALLOCRUN_REPORT_PAGE_H

#include <stdbool.h>

#include "util/buffer.h"

/*
 * A growing text for people. All that is added is cleaned: names, paths and values
 * come from anywhere. Colours and line ends are ours alone.
 */
struct page {
	struct buffer out;
	bool has_color;
};

void page_add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_end_line(struct page *page);
/* `color`: the numbers of an SGR sequence, "1;31". */
void page_paint(struct page *page, const char *color, const char *words);
/* An empty line, then the words in bold. */
void page_heading(struct page *page, const char *words);
/* "Label      value" */
void page_row(struct page *page, const char *label, const char *value);
/* What was written so far, "" for nothing. Good until more is added. */
char *page_text(struct page *page);

#endif
