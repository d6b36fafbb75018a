/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --check --format tap, version 13: warnings below the threshold are "ok", what is
 * ignored is a TODO with the reason, what is unknown is "not ok".
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "audit/formats/formats.h"

/* '#' would begin a directive. */
static const char *tap_escape(struct mem *m, const char *text)
{
	const char *clean = utf8_clean(m, text);
	char *out = mem_alloc(m, 2 * strlen(clean) + 1), *o = out;

	for (; *clean; clean++) {
		if (*clean == '#' || *clean == '\\')
			*o++ = '\\';
		*o++ = *clean;
	}
	return out;
}

/* A string of JSON is one of YAML as well. */
static void tap_field(struct buffer *b, const char *name, const char *text)
{
	json_t *string;
	char *quoted;

	if (!text)
		return;
	string = json_string(utf8_clean(b->m, text));
	quoted = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	buffer_printf(b, "  %s: %s\n", name, quoted ? quoted : "null");
	/* jansson's own memory */
	free(quoted);
	json_decref(string);
}

static void tap_diagnostics(struct buffer *b, const struct finding *f)
{
	buffer_printf(b, "  ---\n");
	tap_field(b, "status", check_status_name(f->status));
	tap_field(b, "observed", f->observed);
	if (f->status >= CHECK_UNKNOWN) {
		tap_field(b, "expected", f->expected);
		tap_field(b, "why", f->check->why);
		tap_field(b, "fix", format_fix(f));
	}
	tap_field(b, "ignored", f->ignored);
	if (f->process) {
		buffer_printf(b, "  pid: %lld\n", (long long)f->process->pid);
		tap_field(b, "process", f->process->name);
	}
	buffer_printf(b, "  ...\n");
}

static void tap_point(struct buffer *b, const struct audit_report *report, size_t number, const struct finding *f)
{
	/* Unknown is no pass, whatever the threshold. */
	bool is_bad = f->ignored || f->status == CHECK_UNKNOWN || format_is_bad(report, f);

	buffer_printf(b, "%s %zu - %s: %s", is_bad ? "not ok" : "ok", number,
		      tap_escape(b->m, format_place(b->m, f->process)), tap_escape(b->m, f->check->id));
	if (f->ignored)
		buffer_printf(b, " # TODO ignored: %s", tap_escape(b->m, f->ignored));
	else if (f->status == CHECK_SKIP)
		buffer_printf(b, " # SKIP %s", tap_escape(b->m, f->observed));
	buffer_printf(b, "\n");
	tap_diagnostics(b, f);
}

char *format_tap(struct mem *m, const struct audit_report *report)
{
	const struct audit_result *result = report->result;
	struct buffer b = format_begin(m, report);

	buffer_printf(&b, "TAP version 13\n");
	if (result->n_findings == 0)
		buffer_printf(&b, "Bail out! nothing was checked\n");
	else
		buffer_printf(&b, "1..%zu\n", result->n_findings);
	for (size_t i = 0; i < result->n_findings; i++) {
		tap_point(&b, report, i + 1, &result->findings[i]);
		format_pause(report, &b);
	}
	return buffer_text(&b);
}
