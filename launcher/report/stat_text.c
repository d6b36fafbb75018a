/* SPDX-License-Identifier: Apache-2.0 */
/* --stat for people, and what its formats share. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "report/stat.h"
#include "util/size.h"
#include "util/text.h"

const char *stat_find_problem(struct mem *m, const struct live_process *p)
{
	if (p->heap)
		return NULL;
	if (p->problem)
		return p->problem;
	if (p->is_static == TRI_YES)
		return "a static program: its allocator keeps no counters that could be read";
	if (!p->malloc)
		return "no loaded object defines malloc";
	if (p->malloc->build && strcmp(p->malloc->allocator, "jemalloc") == 0)
		return "the counters of its build cannot be read";
	return mem_printf(m, "%s keeps no counters that could be read; a bundled build of jemalloc does",
			  p->malloc->allocator);
}

const char *stat_name_purge(const struct live_process *p)
{
	static const char *const words[] = {
		[PURGE_THREAD_OFF] = "off",
		[PURGE_THREAD_WAITS] = "waits",
		[PURGE_THREAD_RUNS] = "runs",
		[PURGE_THREAD_FAILED] = "failed",
	};

	if (!p->purge)
		return NULL;
	return p->purge->pid != p->status.inner_pid ? "lost" : words[p->purge->state];
}

static void stat_add_row(struct page *page, const char *label, const char *value)
{
	page_add(page, "  %-11s %s", label, value);
	page_end_line(page);
}

static void stat_add_bytes(struct page *page, const char *label, int64_t bytes, const char *note)
{
	stat_add_row(page, label, mem_printf(page->out.m, "%-12s%s", size_format(page->out.m, bytes), note));
}

/* "2 GiB in 3 purges by idleness, 1 too early" */
static void stat_list_reason(struct mem *m, const char **list, const char *name, const struct live_purged *purged)
{
	if (purged->times > 0)
		text_list(m, list,
			  mem_printf(m, "%s in %" PRId64 " by %s (%" PRId64 " too early)",
				     size_format(m, purged->bytes), purged->times, name, purged->regrets));
}

static void stat_add_purge(struct page *page, const struct live_process *p)
{
	struct mem *m = page->out.m;
	const struct live_purge *purge = p->purge;
	const char *list = NULL, *state = stat_name_purge(p);

	if (purge) {
		stat_list_reason(m, &list, "idleness", &purge->idle);
		stat_list_reason(m, &list, "demand", &purge->demand);
		stat_list_reason(m, &list, "pressure", &purge->pressure);
		if (purge->state == PURGE_THREAD_FAILED)
			text_list(m, &list, mem_printf(m, "errno %" PRId64, purge->error));
		stat_add_row(page, "purge", mem_printf(m, "%s%s%s", state, list ? ": " : "", list ? list : ""));
	}
	if (p->purge_threads > 0)
		stat_add_row(page, "purge", mem_printf(m, "%" PRId64 " of jemalloc's own threads", p->purge_threads));
	if (p->heap->purges > 0)
		stat_add_row(page, "purged",
			     mem_printf(m, "%s in %" PRId64 " sweeps in all", size_format(m, p->heap->purged),
					p->heap->purges));
}

static void stat_add_options(struct page *page, const struct live_process *p)
{
	static const char *const keys[] = { "narenas",   "dirty_decay_ms", "muzzy_decay_ms", "background_thread",
					    "window_ms", "idle_ms",        "busy_percent",   "heap_mb" };
	const char *list = NULL;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct conf_item *item = conf_find(&p->options, keys[i]);

		if (item)
			text_list(page->out.m, &list, mem_printf(page->out.m, "%s:%s", item->key, item->value));
	}
	if (list)
		stat_add_row(page, "options", list);
}

static int64_t class_waste(const struct live_heap_class *small)
{
	/* Read while they change, the two need not fit. */
	return small->bytes > small->used_bytes ? small->bytes - small->used_bytes : 0;
}

static int class_compare(const void *a, const void *b)
{
	int64_t x = class_waste(a), y = class_waste(b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The most wasteful first. */
static void stat_add_classes(struct page *page, const struct live_heap *heap)
{
	struct mem *m = page->out.m;
	struct live_heap_class *sorted = mem_dup(m, heap->classes, heap->n_classes * sizeof *sorted);

	qsort(sorted, heap->n_classes, sizeof *sorted, class_compare);
	page_add(page, "  %8s %12s %10s %10s %12s %12s", "size", "in use", "slabs", "with room", "bytes", "wasted");
	page_end_line(page);
	for (size_t i = 0; i < heap->n_classes; i++) {
		const struct live_heap_class *c = &sorted[i];

		page_add(page, "  %8" PRId64 " %12" PRId64 " %10" PRId64 " %10" PRId64 " %12s %12s", c->size, c->used,
			 c->slabs, c->slabs_with_room, size_format(m, c->bytes), size_format(m, class_waste(c)));
		page_end_line(page);
	}
}

static void stat_add_heap(struct page *page, const struct live_process *p, bool has_classes)
{
	const struct live_heap *heap = p->heap;
	struct mem *m = page->out.m;
	int64_t between = heap->active - heap->allocated;

	stat_add_bytes(page, "allocated", heap->allocated, "in use");
	stat_add_bytes(page, "active", heap->active,
		       mem_printf(m, "pages with something in use; %s of them between blocks",
				  size_format(m, between > 0 ? between : 0)));
	stat_add_bytes(page, "dirty", heap->dirty, "free, kept for reuse");
	stat_add_bytes(page, "muzzy", heap->muzzy, "given back lazily");
	stat_add_bytes(page, "retained", heap->retained, "addresses without memory");
	stat_add_bytes(page, "metadata", heap->metadata, "the allocator's own tables");
	stat_add_row(page, "arenas", mem_printf(m, "%" PRId64, heap->arenas));
	stat_add_purge(page, p);
	stat_add_options(page, p);
	if (has_classes && heap->classes)
		stat_add_classes(page, heap);
}

static void stat_add_process(struct page *page, const struct live_process *p, bool has_classes)
{
	struct mem *m = page->out.m;
	const char *problem = stat_find_problem(m, p);
	const char *build = p->malloc && p->malloc->build ? p->malloc->build->id :
			    p->malloc                     ? p->malloc->allocator :
							    "";

	page_heading(page, mem_printf(m, "Process %" PRId64 " %s%s%s", p->pid, p->name, *build ? ", " : "", build));
	if (p->status.rss_anon != FACT_UNKNOWN)
		stat_add_bytes(page, "anonymous", p->status.rss_anon, "resident");
	if (p->status.n_threads != FACT_UNKNOWN)
		stat_add_row(page, "threads", mem_printf(m, "%" PRId64, p->status.n_threads));
	if (problem)
		stat_add_row(page, "heap", mem_printf(m, "unknown: %s", problem));
	else
		stat_add_heap(page, p, has_classes);
}

char *report_stat_text(struct mem *m, const struct stat_report *report)
{
	struct page page = { { .m = m }, report->has_color };
	const struct live_facts *live = report->live;

	page_add(&page, "%s: %zu process%s", live->asked ? live->asked : report->asked, live->n_processes,
		 live->n_processes == 1 ? "" : "es");
	page_end_line(&page);
	if (live->problem) {
		page_add(&page, "%s", live->problem);
		page_end_line(&page);
	}
	for (size_t i = 0; i < live->n_processes; i++)
		stat_add_process(&page, &live->processes[i], report->has_classes);
	return page_text(&page);
}
