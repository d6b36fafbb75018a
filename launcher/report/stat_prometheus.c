/* SPDX-License-Identifier: Apache-2.0 */
/* --stat --format prometheus. What is not known has no series. */
#include <inttypes.h>
#include <stddef.h>

#include "report/prometheus.h"
#include "report/stat.h"

/* `more`: further labels, "" or ",kind=\"dirty\"". */
static void prometheus_add(struct buffer *b, const char *name, const struct live_process *p, const char *more,
			   int64_t value)
{
	if (value != FACT_UNKNOWN && value != FACT_UNLIMITED)
		buffer_printf(b, "%s{pid=\"%" PRId64 "\",process=\"%s\"%s} %" PRId64 "\n", name, p->pid,
			      prometheus_escape(b->m, p->name), more, value);
}

static void prometheus_add_heap(struct buffer *b, const struct live_facts *live)
{
	static const struct {
		const char *label;
		size_t offset;
	} kinds[] = {
		{ ",kind=\"allocated\"", offsetof(struct live_heap, allocated) },
		{ ",kind=\"active\"", offsetof(struct live_heap, active) },
		{ ",kind=\"dirty\"", offsetof(struct live_heap, dirty) },
		{ ",kind=\"muzzy\"", offsetof(struct live_heap, muzzy) },
		{ ",kind=\"retained\"", offsetof(struct live_heap, retained) },
		{ ",kind=\"metadata\"", offsetof(struct live_heap, metadata) },
		{ ",kind=\"resident\"", offsetof(struct live_heap, resident) },
	};

	prometheus_head(b, "allocrun_heap_bytes", "gauge", "What the allocator holds, by kind: see allocrun(8), STAT.");
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		for (size_t k = 0; p->heap && k < sizeof kinds / sizeof *kinds; k++)
			prometheus_add(b, "allocrun_heap_bytes", p, kinds[k].label,
				       *(const int64_t *)(const void *)((const char *)p->heap + kinds[k].offset));
	}
	prometheus_head(b, "allocrun_heap_arenas", "gauge", "Arenas of the allocator.");
	for (size_t i = 0; i < live->n_processes; i++) {
		if (live->processes[i].heap)
			prometheus_add(b, "allocrun_heap_arenas", &live->processes[i], "",
				       live->processes[i].heap->arenas);
	}
}

static void prometheus_add_classes(struct buffer *b, const struct live_facts *live)
{
	prometheus_head(b, "allocrun_heap_class_bytes", "gauge",
			"What the slabs of a small size take, and what of it is used.");
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		for (size_t k = 0; p->heap && k < p->heap->n_classes; k++) {
			const struct live_heap_class *c = &p->heap->classes[k];
			const char *size = mem_printf(b->m, ",size=\"%" PRId64 "\"", c->size);

			prometheus_add(b, "allocrun_heap_class_bytes", p, mem_printf(b->m, "%s,kind=\"slabs\"", size),
				       c->bytes);
			prometheus_add(b, "allocrun_heap_class_bytes", p, mem_printf(b->m, "%s,kind=\"used\"", size),
				       c->used_bytes);
		}
	}
}

/* One metric of the three reasons. */
static void prometheus_add_reasons(struct buffer *b, const struct live_facts *live, const char *name, const char *help,
				   size_t offset)
{
	prometheus_head(b, name, "counter", help);
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];
		const struct {
			const char *label;
			const struct live_purged *purged;
		} reasons[] = {
			{ ",reason=\"idle\"", p->purge ? &p->purge->idle : NULL },
			{ ",reason=\"demand\"", p->purge ? &p->purge->demand : NULL },
			{ ",reason=\"pressure\"", p->purge ? &p->purge->pressure : NULL },
		};

		for (size_t k = 0; p->purge && k < sizeof reasons / sizeof *reasons; k++)
			prometheus_add(b, name, p, reasons[k].label,
				       *(const int64_t *)(const void *)((const char *)reasons[k].purged + offset));
	}
}

/* The kernel's own figures, of allocators that keep none as well. */
static void prometheus_add_resident(struct buffer *b, const struct live_facts *live)
{
	prometheus_head(b, "allocrun_process_resident_bytes", "gauge", "Resident memory of the process, by kind.");
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		prometheus_add(b, "allocrun_process_resident_bytes", p, ",kind=\"anonymous\"", p->status.rss_anon);
		prometheus_add(b, "allocrun_process_resident_bytes", p, ",kind=\"file\"", p->status.rss_file);
		prometheus_add(b, "allocrun_process_resident_bytes", p, ",kind=\"shared\"", p->status.rss_shmem);
	}
}

static void prometheus_add_processes(struct buffer *b, const struct live_facts *live)
{
	prometheus_head(b, "allocrun_heap_known", "gauge", "1 where the allocator's counters could be read, else 0.");
	for (size_t i = 0; i < live->n_processes; i++)
		prometheus_add(b, "allocrun_heap_known", &live->processes[i], "", live->processes[i].heap != NULL);
	prometheus_head(b, "allocrun_process_threads", "gauge", "Threads of the process.");
	for (size_t i = 0; i < live->n_processes; i++)
		prometheus_add(b, "allocrun_process_threads", &live->processes[i], "",
			       live->processes[i].status.n_threads);
	prometheus_add_resident(b, live);
	prometheus_head(b, "allocrun_purge_thread", "gauge", "1 for the state that the purge thread is in.");
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		if (p->purge)
			prometheus_add(b, "allocrun_purge_thread", p,
				       mem_printf(b->m, ",state=\"%s\"", stat_name_purge(p)), 1);
	}
}

char *report_stat_prometheus(struct mem *m, const struct stat_report *report)
{
	const struct live_facts *live = report->live;
	struct buffer b = { .m = m };

	prometheus_add_processes(&b, live);
	prometheus_add_heap(&b, live);
	if (report->has_classes)
		prometheus_add_classes(&b, live);
	prometheus_add_reasons(&b, live, "allocrun_purges_total", "Purges by the purge thread, by reason.",
			       offsetof(struct live_purged, times));
	prometheus_add_reasons(&b, live, "allocrun_purged_bytes_total", "Bytes that they gave back.",
			       offsetof(struct live_purged, bytes));
	prometheus_add_reasons(&b, live, "allocrun_purge_regrets_total", "Purges whose memory was soon wanted again.",
			       offsetof(struct live_purged, regrets));
	return buffer_text(&b);
}
