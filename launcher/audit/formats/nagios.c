/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --check --format nagios: a line of status and performance data, then what is wrong, a
 * line each. Nagios' own exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
 */
#include <string.h>

#include "audit/formats/formats.h"

#define NAGIOS_LINE_MAX 160 /* of a value: some transports cut a line at 1024 bytes */
#define NAGIOS_NAMED 3      /* findings on the first line */

/* '|' would begin performance data. */
static const char *nagios_escape(struct mem *m, const char *text)
{
	const char *clean = utf8_clean_short(m, text, NAGIOS_LINE_MAX);
	char *out = mem_alloc(m, 4 * strlen(clean) + 1), *o = out;

	for (; *clean; clean++) {
		if (*clean == '|')
			o = (char *)memcpy(o, "\\x7c", 4) + 4;
		else
			*o++ = *clean;
	}
	return out;
}

static bool nagios_is_named(const struct finding *f, enum check_status status)
{
	return !f->ignored && f->status == status && status >= CHECK_UNKNOWN;
}

/* Of the worst kind the first few, for who gets a text message. */
static void nagios_name_worst(struct buffer *b, const struct audit_result *result)
{
	size_t n = 0;

	for (size_t i = 0; i < result->n_findings; i++) {
		const struct finding *f = &result->findings[i];

		if (!nagios_is_named(f, result->worst) || ++n > NAGIOS_NAMED)
			continue;
		buffer_printf(b, "; %s%s: %s", f->check->id,
			      f->process ?
				      mem_printf(b->m, " (%s)", nagios_escape(b->m, format_place(b->m, f->process))) :
				      "",
			      nagios_escape(b->m, f->observed));
	}
	if (n > NAGIOS_NAMED)
		buffer_printf(b, "; and %zu more", n - NAGIOS_NAMED);
}

static void nagios_long_output(struct buffer *b, const struct audit_report *report)
{
	const struct audit_result *result = report->result;
	static const enum check_status order[] = { CHECK_FAIL, CHECK_WARN, CHECK_UNKNOWN };

	for (size_t s = 0; s < sizeof order / sizeof *order; s++) {
		for (size_t i = 0; i < result->n_findings; i++) {
			const struct finding *f = &result->findings[i];

			if (!nagios_is_named(f, order[s]))
				continue;
			buffer_printf(b, "%s: %s, %s: %s; expected: %s; fix: %s\n", check_status_name(f->status),
				      f->check->id, nagios_escape(b->m, format_place(b->m, f->process)),
				      nagios_escape(b->m, f->observed),
				      nagios_escape(b->m, f->expected ? f->expected : "-"),
				      nagios_escape(b->m, format_fix(f) ? format_fix(f) : "-"));
			format_pause(report, b);
		}
	}
}

char *format_nagios(struct mem *m, const struct audit_report *report)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
	const struct audit_result *r = report->result;
	struct buffer b = format_begin(m, report);

	buffer_printf(&b, "ALLOCRUN %s - %s", words[format_exit_code(CHECK_FORMAT_NAGIOS, r)], format_summary(m, r));
	nagios_name_worst(&b, r);
	buffer_printf(&b, " | fail=%zu;;0;0 warn=%zu;0;;0 unknown=%zu;;;0 ok=%zu;;;0 skip=%zu;;;0 ignored=%zu;;;0\n",
		      r->counts[CHECK_FAIL], r->counts[CHECK_WARN], r->counts[CHECK_UNKNOWN], r->counts[CHECK_OK],
		      r->counts[CHECK_SKIP], r->n_ignored);
	nagios_long_output(&b, report);
	return buffer_text(&b);
}
