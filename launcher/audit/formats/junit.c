/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --check --format junit: a test suite for the node and one for each process. What is
 * below the threshold passes and says so in its output; unknown is an error.
 */
#include <string.h>

#include "audit/formats/formats.h"

/* For text and attributes alike; utf8_clean() has left nothing that XML cannot hold. */
static const char *junit_escape(struct mem *m, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&apos;" } };
	const char *clean = utf8_clean(m, text);
	char *out = mem_alloc(m, strlen("&quot;") * strlen(clean) + 1), *o = out;

	for (; *clean; clean++) {
		size_t i = 0;

		while (i < sizeof entities / sizeof *entities && entities[i].c != *clean)
			i++;
		if (i < sizeof entities / sizeof *entities)
			o = stpcpy(o, entities[i].entity);
		else
			*o++ = *clean;
	}
	return out;
}

static void junit_body(struct buffer *b, const struct finding *f)
{
	struct mem *m = b->m;

	buffer_printf(b, "observed: %s\nexpected: %s\nwhy: %s\nfix: %s", junit_escape(m, f->observed),
		      junit_escape(m, f->expected ? f->expected : "-"),
		      junit_escape(m, f->check->why ? f->check->why : "-"),
		      junit_escape(m, format_fix(f) ? format_fix(f) : "-"));
}

static void junit_outcome(struct buffer *b, const struct audit_report *report, const struct finding *f)
{
	const char *element = f->status == CHECK_UNKNOWN ? "error" :
			      format_is_bad(report, f)   ? "failure" :
							   "system-out";

	if (f->ignored || f->status == CHECK_SKIP) {
		buffer_printf(b, "\n   <skipped message=\"%s%s\"/>", f->ignored ? "ignored: " : "",
			      junit_escape(b->m, f->ignored ? mem_printf(b->m, "%s (%s: %s)", f->ignored,
									 check_status_name(f->status), f->observed) :
							      f->observed));
		return;
	}
	if (*element == 's')
		buffer_printf(b, "\n   <system-out>%s: ", check_status_name(f->status));
	else
		buffer_printf(b, "\n   <%s type=\"%s\" message=\"%s\">", element, check_status_name(f->status),
			      junit_escape(b->m, f->observed));
	if (f->status == CHECK_OK)
		buffer_printf(b, "%s", junit_escape(b->m, f->observed));
	else
		junit_body(b, f);
	buffer_printf(b, "</%s>", element);
}

struct junit_counts {
	size_t tests, failures, errors, skipped;
};

static void junit_count(const struct audit_report *report, const struct finding *f, struct junit_counts *c)
{
	c->tests++;
	if (f->ignored || f->status == CHECK_SKIP)
		c->skipped++;
	else if (f->status == CHECK_UNKNOWN)
		c->errors++;
	else if (format_is_bad(report, f))
		c->failures++;
}

static void junit_suite(struct buffer *b, const struct audit_report *report, const struct format_group *group)
{
	const char *class = group->process ? mem_printf(b->m, "allocrun.process.%lld", (long long)group->process->pid) :
					     "allocrun.node";
	struct junit_counts c = { 0, 0, 0, 0 };

	for (size_t i = 0; i < group->n; i++)
		junit_count(report, group->findings[i], &c);
	buffer_printf(b,
		      " <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		      "skipped=\"%zu\" time=\"0\" timestamp=\"%.19s\">\n",
		      junit_escape(b->m, format_place(b->m, group->process)), c.tests, c.failures, c.errors, c.skipped,
		      format_time(b->m, report->request->now));
	for (size_t i = 0; i < group->n; i++) {
		buffer_printf(b, "  <testcase classname=\"%s\" name=\"%s\" time=\"0\">", class,
			      junit_escape(b->m, group->findings[i]->check->id));
		junit_outcome(b, report, group->findings[i]);
		buffer_printf(b, "\n  </testcase>\n");
	}
	buffer_printf(b, " </testsuite>\n");
}

char *format_junit(struct mem *m, const struct audit_report *report)
{
	struct buffer b = format_begin(m, report);
	struct junit_counts c = { 0, 0, 0, 0 };
	size_t n;
	struct format_group *groups = format_group_findings(m, report->result, &n);

	for (size_t i = 0; i < report->result->n_findings; i++)
		junit_count(report, &report->result->findings[i], &c);
	buffer_printf(&b,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuites name=\"allocrun --check\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		      "skipped=\"%zu\" time=\"0\">\n",
		      c.tests, c.failures, c.errors, c.skipped);
	for (size_t i = 0; i < n; i++) {
		junit_suite(&b, report, &groups[i]);
		format_pause(report, &b);
	}
	buffer_printf(&b, "</testsuites>\n");
	return buffer_text(&b);
}
