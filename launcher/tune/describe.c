/* SPDX-License-Identifier: Apache-2.0 */
/* What --tune would change, or has. */
#include "tune/tuning.h"

#include <string.h>

#include <jansson.h>

#include "report/json_values.h"
#include "report/page.h"
#include "report/report.h"

/* Of "would change" and the longest key. */
#define OUTCOME_WIDTH 13
#define KEY_WIDTH 27

static const char *tune_report_outcome(const struct tune_write *w, const struct tune_report *r)
{
	if (w->outcome == TUNE_PLANNED)
		return r->mode == TUNE_REVERT ? "would restore" : "would change";
	if (w->outcome == TUNE_CHANGED && r->mode == TUNE_REVERT)
		return "restored";
	return tune_outcome_name(w->outcome);
}

static bool tune_report_has(const struct tune_report *r, const struct tune_write *w)
{
	if (r->is_quiet)
		return w->outcome == TUNE_FAILED || w->outcome == TUNE_IMPOSSIBLE;
	return r->is_verbose || w->outcome != TUNE_SAME || w->n_notes;
}

static void tune_report_line(struct page *page, const char *text)
{
	page_add(page, "%*s%s", OUTCOME_WIDTH + 1, "", text);
	page_end_line(page);
}

static void tune_report_write(struct page *page, const struct tune_report *r, const struct tune_write *w)
{
	const char *from = w->from ? w->from : "?";

	page_add(page, "%-*s %-*s ", OUTCOME_WIDTH, tune_report_outcome(w, r), KEY_WIDTH, w->key);
	if (w->outcome == TUNE_SAME)
		page_add(page, "%s", from);
	else if (w->outcome == TUNE_SKIPPED || w->outcome == TUNE_IMPOSSIBLE)
		page_add(page, "%s", w->detail);
	else if (w->outcome == TUNE_NOT_WRITTEN)
		page_add(page, "%s", from);
	else if (w->outcome == TUNE_RESTORED)
		page_add(page, "%s -> %s", w->to, from);
	else
		page_add(page, "%s -> %s", from, w->to);
	page_end_line(page);
	if (w->outcome != TUNE_SKIPPED && w->outcome != TUNE_IMPOSSIBLE)
		tune_report_line(page, w->path);
	if (w->detail && w->outcome != TUNE_SKIPPED && w->outcome != TUNE_IMPOSSIBLE)
		tune_report_line(page, w->detail);
	if (w->where && (r->is_verbose || w->outcome == TUNE_IMPOSSIBLE || w->outcome == TUNE_FAILED))
		tune_report_line(page, mem_printf(page->out.m, "asked for by %s", w->where));
	if (r->is_verbose)
		tune_report_line(page, w->setting->why);
	for (size_t i = 0; i < w->n_notes; i++)
		tune_report_line(page, mem_printf(page->out.m, "note: %s", w->notes[i]));
}

/* "2 changed, 5 unchanged" */
static void tune_report_counts(struct page *page, const struct tune_report *r)
{
	static const enum tune_outcome order[] = { TUNE_PLANNED,     TUNE_CHANGED,    TUNE_FAILED, TUNE_RESTORED,
						   TUNE_NOT_WRITTEN, TUNE_IMPOSSIBLE, TUNE_SAME,   TUNE_SKIPPED };
	const char *list = NULL;

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		struct tune_write example = { .outcome = order[i] };
		size_t n = tune_count(r->plan, order[i]);
		const char *word = order[i] == TUNE_PLANNED ? "to change" : tune_report_outcome(&example, r);

		if (n)
			list = mem_printf(page->out.m, "%s%s%zu %s", list ? list : "", list ? ", " : "", n, word);
	}
	page_add(page, "%s",
		 list                   ? list :
		 r->mode == TUNE_REVERT ? "nothing to revert" :
					  "nothing to set: the policy sets nothing in [node]");
	page_end_line(page);
}

char *tune_report_text(struct mem *m, const struct tune_report *r)
{
	struct page page = { .out.m = m };

	for (size_t i = 0; i < r->plan->n; i++) {
		if (tune_report_has(r, &r->plan->writes[i]))
			tune_report_write(&page, r, &r->plan->writes[i]);
	}
	for (size_t i = 0; i < r->plan->n_notes && !r->is_quiet; i++) {
		page_add(&page, "note: %s", r->plan->notes[i]);
		page_end_line(&page);
	}
	if (!r->is_quiet)
		tune_report_counts(&page, r);
	return page_text(&page);
}

static json_t *tune_report_write_json(const struct tune_write *w)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "key", json_text(w->key), "outcome",
			 tune_outcome_name(w->outcome), "path", json_text(w->path), "from", json_text(w->from), "to",
			 json_text(w->to), "read_back", json_text(w->got), "detail", json_text(w->detail), "where",
			 json_text(w->where), "why", json_text(w->setting->why), "notes",
			 json_texts(w->notes, w->n_notes));
}

char *tune_report_json(struct mem *m, const struct tune_report *r)
{
	static const char *const modes[] = { "dry-run", "tune", "revert" };
	json_t *settings = json_array(), *json;
	char *text;

	for (size_t i = 0; i < r->plan->n; i++)
		json_array_append_new(settings, tune_report_write_json(&r->plan->writes[i]));
	json = json_pack("{s:s, s:b, s:o, s:o, s:o, s:i, s:i, s:i, s:i}", "mode", modes[r->mode], "dry_run",
			 r->mode == TUNE_DRY_RUN || r->is_dry, "policy_files",
			 json_texts(r->policy_files, r->n_policy_files), "settings", settings, "notes",
			 json_texts(r->plan->notes, r->plan->n_notes), "to_change",
			 (int)tune_count(r->plan, TUNE_PLANNED), "changed", (int)tune_count(r->plan, TUNE_CHANGED),
			 "failed", (int)(tune_count(r->plan, TUNE_FAILED) + tune_count(r->plan, TUNE_IMPOSSIBLE)),
			 "exit_status", r->exit_code);
	text = report_dump_json(m, json);
	json_decref(json);
	return text;
}
