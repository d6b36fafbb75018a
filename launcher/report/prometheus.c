/* SPDX-License-Identifier: Apache-2.0 */
#include "report/prometheus.h"

#include <string.h>

#include "util/utf8.h"

/* Backslash and quote; a newline utf8_clean() has taken. */
const char *prometheus_escape(struct mem *m, const char *text)
{
	const char *clean = utf8_clean(m, text);
	char *out = mem_alloc(m, 2 * strlen(clean) + 1), *o = out;

	for (; *clean; clean++) {
		if (*clean == '\\' || *clean == '"')
			*o++ = '\\';
		*o++ = *clean;
	}
	return out;
}

void prometheus_head(struct buffer *b, const char *name, const char *type, const char *help)
{
	buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}
