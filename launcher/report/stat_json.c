/* SPDX-License-Identifier: Apache-2.0 */
/* --stat --format json: stat.schema.json says what it is. */
#include "report/json_values.h"
#include "report/stat.h"
#include "util/utf8.h"
#include "version.h"

static json_t *stat_class(const struct live_heap_class *c)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "size", json_number(c->size), "used", json_number(c->used),
			 "slabs", json_number(c->slabs), "slabs_with_room", json_number(c->slabs_with_room), "bytes",
			 json_number(c->bytes));
}

static json_t *stat_heap(const struct live_heap *heap, bool has_classes)
{
	json_t *o = json_object(), *classes = json_array();

	json_object_set_new(o, "allocated", json_number(heap->allocated));
	json_object_set_new(o, "active", json_number(heap->active));
	json_object_set_new(o, "dirty", json_number(heap->dirty));
	json_object_set_new(o, "muzzy", json_number(heap->muzzy));
	json_object_set_new(o, "retained", json_number(heap->retained));
	json_object_set_new(o, "metadata", json_number(heap->metadata));
	json_object_set_new(o, "resident", json_number(heap->resident));
	json_object_set_new(o, "arenas", json_number(heap->arenas));
	json_object_set_new(o, "purges", json_number(heap->purges));
	json_object_set_new(o, "purged", json_number(heap->purged));
	for (size_t i = 0; has_classes && i < heap->n_classes; i++)
		json_array_append_new(classes, stat_class(&heap->classes[i]));
	if (has_classes)
		json_object_set(o, "classes", classes);
	json_decref(classes);
	return o;
}

static json_t *stat_options(struct mem *m, const struct conf *conf)
{
	json_t *o = json_object();

	for (size_t i = 0; i < conf->n; i++)
		json_object_set_new(o, utf8_repair(m, conf->items[i].key), json_text(conf->items[i].value));
	return o;
}

static json_t *stat_process(struct mem *m, const struct live_process *p, bool has_classes)
{
	json_t *o = json_object();

	json_object_set_new(o, "pid", json_integer(p->pid));
	json_object_set_new(o, "name", json_text(p->name));
	json_object_set_new(o, "parent", json_number(p->parent));
	json_object_set_new(o, "problem", json_text(stat_find_problem(m, p)));
	json_object_set_new(o, "allocator", json_text(p->malloc ? p->malloc->allocator : NULL));
	json_object_set_new(o, "build", json_text(p->malloc && p->malloc->build ? p->malloc->build->id : NULL));
	json_object_set_new(o, "threads", json_number(p->status.n_threads));
	json_object_set_new(o, "anonymous", json_number(p->status.rss_anon));
	json_object_set_new(o, "heap", p->heap ? stat_heap(p->heap, has_classes) : json_null());
	json_object_set_new(o, "purge_threads", json_number(p->purge_threads));
	json_object_set_new(o, "purge", json_purge(p->purge));
	json_object_set_new(o, "options",
			    p->options_evidence == EVIDENCE_PROVED ? stat_options(m, &p->options) : json_null());
	return o;
}

char *report_stat_json(struct mem *m, const struct stat_report *report)
{
	const struct live_facts *live = report->live;
	json_t *o = json_object(), *list = json_array();
	char *text;

	for (size_t i = 0; i < live->n_processes; i++)
		json_array_append_new(list, stat_process(m, &live->processes[i], report->has_classes));
	json_object_set_new(o, "stat", json_integer(1));
	json_object_set_new(o, "allocrun", json_string(ALLOCRUN_VERSION));
	json_object_set_new(o, "asked", json_text(live->asked ? live->asked : report->asked));
	json_object_set_new(o, "problem", json_text(live->problem));
	json_object_set_new(o, "processes", list);
	text = report_dump_json(m, o);
	json_decref(o);
	return text;
}
