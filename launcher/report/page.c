/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page.h"

#include <stdarg.h>

#include "util/utf8.h"

#define LABEL_WIDTH 11

void page_add(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buffer_append(&page->out, utf8_clean(page->out.m, mem_vprintf(page->out.m, format, args)));
	va_end(args);
}

void page_end_line(struct page *page)
{
	buffer_append(&page->out, "\n");
}

void page_paint(struct page *page, const char *color, const char *words)
{
	const char *escaped = utf8_clean(page->out.m, words);

	buffer_append(&page->out,
		      page->has_color ? mem_printf(page->out.m, "\033[%sm%s\033[0m", color, escaped) : escaped);
}

void page_heading(struct page *page, const char *words)
{
	page_end_line(page);
	page_paint(page, "1", words);
	page_end_line(page);
}

void page_row(struct page *page, const char *label, const char *value)
{
	/* Painted after it has got its width. */
	page_paint(page, "1", mem_printf(page->out.m, "%-*s", LABEL_WIDTH, label));
	page_add(page, "%s", value);
	page_end_line(page);
}

char *page_text(struct page *page)
{
	return buffer_text(&page->out);
}
