/* SPDX-License-Identifier: Apache-2.0 */
/* --check --format text: the node, then the processes; in each the worst first. */
#include <stdlib.h>
#include <string.h>

#include "audit/formats/formats.h"
#include "audit/runner.h"
#include "report/page.h"
#include "report/report.h"
#include "util/size.h"

#define INDENT "           "
#define FOLD_WIDTH 80
#define QUIET_VALUE_MAX 160
#define QUIET_NAMED 3
#define FINE_PROCESSES 16 /* so many are named although nothing is wrong with them */

/* What a text in the making knows. */
struct text {
	struct page page;
	struct mem *m; /* of what lasts to the end */
	const struct audit_report *report;
	const struct check **explained; /* their reason and remedy stand above already */
	size_t n_explained;
};

static const struct {
	const char *color, *word;
} text_marks[CHECK_STATUS_COUNT] = {
	[CHECK_SKIP] = { "0", "-       " },     [CHECK_OK] = { "32", "ok      " },
	[CHECK_UNKNOWN] = { "35", "unknown " }, [CHECK_WARN] = { "33", "warn    " },
	[CHECK_FAIL] = { "31", "FAIL    " },
};

static const char *text_clean(struct text *t, const char *text)
{
	return utf8_clean(t->page.out.m, text);
}

/* Worst first; what is ignored stands below all that counts. */
static int text_rank(const struct finding *f)
{
	return f->ignored ? CHECK_UNKNOWN : f->status >= CHECK_UNKNOWN ? (int)f->status + 1 : (int)f->status;
}

static void text_line(struct text *t, const struct finding *f)
{
	page_add(&t->page, "  ");
	if (f->ignored)
		page_paint(&t->page, "0", "ignored ");
	else
		page_paint(&t->page, text_marks[f->status].color, text_marks[f->status].word);
	page_add(&t->page, " %s: %s", f->check->id, text_clean(t, f->observed));
	page_end_line(&t->page);
}

static void text_detail(struct text *t, const char *label, const char *value)
{
	if (!value || !*value)
		return;
	page_add(&t->page, INDENT "%-9s %s", label, text_clean(t, value));
	page_end_line(&t->page);
}

static bool text_is_explained(struct text *t, const struct check *check)
{
	for (size_t i = 0; i < t->n_explained; i++) {
		if (t->explained[i] == check)
			return true;
	}
	*MEM_PUSH(t->m, t->explained, t->n_explained) = check;
	return false;
}

static void text_finding(struct text *t, const struct finding *f)
{
	text_line(t, f);
	if (f->ignored) {
		text_detail(t, "ignored", f->ignored);
		return;
	}
	if (f->status < CHECK_UNKNOWN)
		return;
	text_detail(t, "expected", f->expected);
	/* Why it matters, and a remedy, are of what is bad. */
	if (f->status == CHECK_UNKNOWN) {
		text_detail(t, "fix", format_fix(f));
		return;
	}
	/* A finding of a thousand processes is explained once, save for what is its own. */
	if (!text_is_explained(t, f->check)) {
		text_detail(t, "why", f->check->why);
		text_detail(t, "fix", format_fix(f));
	} else {
		text_detail(t, "fix", f->fix);
	}
}

/* Is it one of those that are only named? */
static bool text_is_folded(const struct finding *f, enum check_status status)
{
	return f->status == status && !f->is_told;
}

/* "ok  7: thp-mode swap ...", over as many lines as it takes. */
static void text_fold(struct text *t, const struct format_group *group, enum check_status status)
{
	size_t n = 0, column;
	const char *head;

	for (size_t i = 0; i < group->n; i++)
		n += text_is_folded(group->findings[i], status);
	if (n == 0)
		return;
	head = mem_printf(t->page.out.m, status == CHECK_OK ? " %zu:" : " %zu that do not apply here:", n);
	page_add(&t->page, "  ");
	page_paint(&t->page, text_marks[status].color, text_marks[status].word);
	page_add(&t->page, "%s", head);
	column = strlen(INDENT) - 1 + strlen(head);
	for (size_t i = 0; i < group->n; i++) {
		const char *id = group->findings[i]->check->id;

		if (!text_is_folded(group->findings[i], status))
			continue;
		if (column + 1 + strlen(id) > FOLD_WIDTH) {
			page_end_line(&t->page);
			page_add(&t->page, "%.*s", (int)strlen(INDENT) - 1, INDENT);
			column = strlen(INDENT) - 1;
		}
		page_add(&t->page, " %s", id);
		column += 1 + strlen(id);
	}
	page_end_line(&t->page);
}

static void text_group(struct text *t, const struct format_group *group)
{
	const struct live_process *p = group->process;

	page_heading(&t->page, p ? mem_printf(t->page.out.m, "Process %lld %s", (long long)p->pid,
					      text_clean(t, format_process_name(t->page.out.m, p))) :
				   "Node");
	for (int rank = CHECK_FAIL + 1; rank >= 0; rank--) {
		for (size_t i = 0; i < group->n; i++) {
			const struct finding *f = group->findings[i];

			if (text_rank(f) == rank && (f->status >= CHECK_UNKNOWN || f->is_told || t->report->is_verbose))
				text_finding(t, f);
		}
	}
	if (t->report->is_verbose)
		return;
	text_fold(t, group, CHECK_OK);
	text_fold(t, group, CHECK_SKIP);
}

static int text_compare(const void *a, const void *b)
{
	const struct format_group *one = a, *other = b;

	if (one->worst != other->worst)
		return one->worst > other->worst ? -1 : 1;
	/* Parents stand before children in the array that both are of. */
	return one->process < other->process ? -1 : one->process > other->process;
}

static void text_machine(struct text *t)
{
	const struct facts *f = t->report->facts->machine;
	const struct live_facts *live = t->report->facts->live;
	int64_t watched = format_watched_seconds(t->report);
	struct mem *m = t->page.out.m;

	page_row(&t->page, "Machine",
		 mem_printf(m, "Linux %s, %s, %s CPUs, %s, %zu NUMA node%s, %zu GPU%s%s",
			    *f->kernel ? text_clean(t, f->kernel) : "unknown",
			    *f->machine ? text_clean(t, f->machine) : "unknown",
			    f->cpu.effective == FACT_UNKNOWN ? "unknown" :
							       mem_printf(m, "%lld", (long long)f->cpu.effective),
			    size_format(m, f->memory_total), f->numa.n_nodes, f->numa.n_nodes == 1 ? "" : "s",
			    f->gpu.n_gpus, f->gpu.n_gpus == 1 ? "" : "s", f->is_live ? "" : " (captured)"));
	if (live && live->asked)
		page_row(&t->page, "Processes",
			 mem_printf(m, "%zu of %s%s", live->n_processes, text_clean(t, live->asked),
				    watched < 0 ? "" : mem_printf(m, ", watched for %lld s", (long long)watched)));
}

/* The findings that the exit code comes from; where all is well, the warnings below. */
static enum check_status text_decisive(const struct audit_result *r)
{
	static const enum check_status decisive[] = { CHECK_WARN, CHECK_WARN, CHECK_FAIL, CHECK_UNKNOWN };

	return decisive[r->exit_code];
}

/* "fail: 2 failures, 1 warning, 9 ok; thp-defrag: defrag=always; ..." */
static char *text_one_line(struct text *t)
{
	static const char *const words[] = { "ok", "warn", "fail", "unknown" };
	const struct audit_result *r = t->report->result;
	size_t n = 0;

	page_add(&t->page, "%s: %s", words[r->exit_code], format_summary(t->page.out.m, r));
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = &r->findings[i];

		if (f->ignored || (f->status != text_decisive(r) && !f->is_told) || ++n > QUIET_NAMED)
			continue;
		page_add(&t->page, "; %s%s: %s", f->check->id,
			 f->process ? mem_printf(t->page.out.m, " (%s)",
						 text_clean(t, format_place(t->page.out.m, f->process))) :
				      "",
			 utf8_clean_short(t->page.out.m, f->observed, QUIET_VALUE_MAX));
	}
	if (n > QUIET_NAMED)
		page_add(&t->page, "; and %zu more", n - QUIET_NAMED);
	page_end_line(&t->page);
	return page_text(&t->page);
}

char *format_text(struct mem *m, const struct audit_report *report)
{
	struct text t = { .page = { .out = format_begin(m, report), .has_color = report->has_color },
			  .m = m,
			  .report = report };
	size_t n, n_fine = 0;
	struct format_group *groups = format_group_findings(m, report->result, &n);

	if (report->is_quiet)
		return text_one_line(&t);
	text_machine(&t);
	if (groups[0].n)
		text_group(&t, &groups[0]);
	qsort(groups + 1, n - 1, sizeof *groups, text_compare);
	for (size_t i = 1; i < n; i++) {
		n_fine += groups[i].worst < CHECK_UNKNOWN;
		if (groups[i].worst >= CHECK_UNKNOWN || n_fine <= FINE_PROCESSES || report->is_verbose)
			text_group(&t, &groups[i]);
		format_pause(report, &t.page.out);
	}
	if (n_fine > FINE_PROCESSES && !report->is_verbose)
		page_heading(&t.page,
			     mem_printf(m, "%zu more processes with nothing to say about", n_fine - FINE_PROCESSES));
	page_end_line(&t.page);
	page_paint(&t.page, text_marks[report->result->worst].color, format_summary(m, report->result));
	page_end_line(&t.page);
	return page_text(&t.page);
}

static void text_describe(struct page *page, const struct check *c)
{
	struct thresholds built_in = thresholds_default();

	page_row(page, "Check", c->id);
	page_row(page, "Looks at",
		 mem_printf(page->out.m, "%s (%s)", c->title,
			    c->scope == SCOPE_PROCESS ? "of each process" : "of the node"));
	page_row(page, "Expected", c->expected ? thresholds_expand(page->out.m, &built_in, c->expected) : "-");
	page_row(page, "Why", c->why ? c->why : "-");
	page_row(page, "Fix", c->fix ? c->fix : "-");
	if (c->section)
		page_row(page, "See", mem_printf(page->out.m, "allocrun-check(7), %s", c->section));
}

char *format_checks_text(struct mem *m, const struct check *table, const struct check *check)
{
	const char **ids = runner_list_ids(m, table);
	struct page page = { .out.m = m };

	if (check) {
		text_describe(&page, check);
		return page_text(&page);
	}
	for (; *ids; ids++) {
		const struct check *c = runner_find(table, *ids);

		page_add(&page, "%-20s %-8s %s", c->id, c->scope == SCOPE_PROCESS ? "process" : "node", c->title);
		page_end_line(&page);
	}
	return page_text(&page);
}
