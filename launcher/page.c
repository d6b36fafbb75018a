/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <stdarg.h>
#include <string.h>

#include "report.h"

#define LABEL_WIDTH 11

/* As it is; the callers have escaped what is not ours. */
static void page_append(struct page *page, const char *text)
{
	size_t n = strlen(text);

	if (page->length + n + 1 > page->capacity) {
		char *bigger;

		page->capacity = 2 * (page->length + n + 1) + 512;
		bigger = mem_alloc(page->m, page->capacity);
		if (page->length)
			memcpy(bigger, page->s, page->length);
		page->s = bigger;
	}
	memcpy(page->s + page->length, text, n + 1);
	page->length += n;
}

void page_add(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page_append(page, report_escape(page->m, mem_vprintf(page->m, format, args)));
	va_end(args);
}

void page_end_line(struct page *page)
{
	page_append(page, "\n");
}

void page_paint(struct page *page, const char *color, const char *words)
{
	const char *escaped = report_escape(page->m, words);

	page_append(page, page->has_color ? mem_printf(page->m, "\033[%sm%s\033[0m", color, escaped) :
		    escaped);
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
	page_paint(page, "1", mem_printf(page->m, "%-*s", LABEL_WIDTH, label));
	page_add(page, "%s", value);
	page_end_line(page);
}

char *page_text(struct page *page)
{
	if (!page->s)
		page_append(page, "");
	return page->s;
}
