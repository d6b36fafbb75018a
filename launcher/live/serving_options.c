/* SPDX-License-Identifier: Apache-2.0 */
/* The options and counters of the allocator that serves, from its own variables. */
#include "live/look.h"

#include <errno.h>
#include <string.h>

#include "live/heap.h"
#include "live/options.h"
#include "live/purge.h"
#include "util/clock.h"

/* What has run for longer has started all the threads that it will. */
#define SERVING_START_SECONDS 10

/*
 * A table that was read before. Only a bundled build's own file speaks for every process:
 * any other may have been made to mislead about those that have the true one.
 */
static const struct symtab *serving_find_known(struct serving *s, const struct live_library *library)
{
	for (size_t i = 0; i < s->c->n_tables; i++) {
		const struct symtab *table = &s->c->tables[i];

		if (strcmp(table->build_id, library->build_id) == 0 &&
		    (!table->path || (s->process->other_mounts == TRI_NO && strcmp(table->path, library->path) == 0)))
			return table;
	}
	return NULL;
}

/* The symbols of the library's file: ours of the same build ID, or the file that it was loaded from. */
static const struct symtab *serving_find_table(struct serving *s, const struct live_library *library)
{
	const struct symtab *known = serving_find_known(s, library);
	struct live_context *c = s->c;
	struct symtab table;
	struct root theirs;
	bool is_ours = false;
	int r = -ENOENT;

	if (known)
		return known;
	if (library->build) {
		r = symtab_read(c->root, c->m, library->build->path, &table);
		is_ours = r == 0;
	}
	/* Below the root of that process, and not out of it: its links are its own. */
	if (r < 0 && live_open_root(c, s->process->pid, &theirs) == 0) {
		r = symtab_read(&theirs, c->m, library->path, &table);
		root_close(&theirs);
	}
	if (r < 0 || !table.build_id || strcmp(table.build_id, library->build_id) != 0) {
		/* Stripped, or another file by now: it gives nothing. */
		table = (struct symtab){ .build_id = library->build_id };
	}
	/* Where the mounts are others a path says little: read again for each process. */
	table.path = is_ours ? NULL : s->process->other_mounts == TRI_NO ? library->path : "";
	*MEM_PUSH(c->m, c->tables, c->n_tables) = table;
	return &c->tables[c->n_tables - 1];
}

static void serving_read_heap(struct serving *s, const struct symtab *table, uint64_t base)
{
	struct live_process *p = s->process;
	struct live_heap heap;

	if (!s->c->request->thorough || heap_read_jemalloc(s->memory, s->c->m, table, base, &heap) < 0)
		return;
	p->heap = mem_dup(s->c->m, &heap, sizeof heap);
	/* What was never touched is counted as active, and is not resident. */
	p->allocator_resident = p->status.rss_anon >= 0 && heap.resident > p->status.rss_anon ? p->status.rss_anon :
												heap.resident;
	p->allocator_live = heap.allocated;
	p->allocator_dirty = heap.dirty > p->allocator_resident ? p->allocator_resident : heap.dirty;
}

static bool serving_is_new(const struct live_process *p)
{
	return p->age_seconds != FACT_UNKNOWN && p->age_seconds <= SERVING_START_SECONDS;
}

/*
 * Just started, jemalloc has read its options and not started its thread yet: waited for.
 * An old process may have executed its program just now, which is rare: once for that.
 */
static void serving_count_purge_threads(struct serving *s, const struct symtab *table, uint64_t base)
{
	struct live_process *p = s->process;
	const struct conf_item *item = conf_find(&p->options, "background_thread");
	int tries = item && strcmp(item->value, "true") == 0 ? serving_is_new(p) ? SERVING_TRIES : 2 : 1;

	for (int i = 0; i < tries; i++) {
		if (i > 0 && !live_pause(s->c))
			return;
		memory_forget(s->memory);
		if (heap_count_purge_threads(s->memory, table, base, &p->purge_threads) < 0 || p->purge_threads > 0)
			return;
	}
}

/* Its constructor runs when the loader has done its part. False: it is not set up, and will not be. */
static bool serving_await_allocator(struct serving *s, const struct symtab *table, uint64_t base)
{
	for (int i = 0; i < SERVING_TRIES; i++) {
		if (proof_is_initialised(s->memory, table, base) != TRI_NO)
			return true;
		if (!live_pause(s->c))
			break;
		memory_forget(s->memory);
	}
	return false;
}

/* Its clock is ours, unless it is in a time namespace of its own. */
static int64_t serving_now_ns(const struct serving *s)
{
	char ours[64], theirs[64];

	if (!s->c->root->live ||
	    (root_readlink(s->c->root, "/proc/self/ns/time", ours, sizeof ours) == 0 &&
	     (root_readlink(s->c->root, mem_printf(s->c->m, "%s/ns/time", s->folder), theirs, sizeof theirs) < 0 ||
	      strcmp(ours, theirs) != 0)))
		return FACT_UNKNOWN;
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Just started, the library may not have come to its first words yet: waited for, as above. */
static void serving_read_purge(struct serving *s, const struct symtab *table, uint64_t base)
{
	struct live_purge purge;
	int r = -ENODATA;

	for (int i = 0; i < SERVING_TRIES; i++) {
		memory_forget(s->memory);
		r = purge_read(s->memory, table, base, serving_now_ns(s), &purge);
		if (r != -EAGAIN || !serving_is_new(s->process) || !live_pause(s->c))
			break;
	}
	if (r < 0)
		return;
	s->process->purge = mem_dup(s->c->m, &purge, sizeof purge);
	purge_list_options(s->c->m, &purge, &s->process->options);
}

void serving_read_options(struct serving *s)
{
	struct live_process *p = s->process;
	const struct live_library *library = p->malloc;
	const struct symtab *table;
	uint64_t base = s->malloc_base;

	/*
	 * No others' options can be read: libc's file is megabytes. Where an impostor has its
	 * options it says itself, if at all.
	 */
	if (!library || !library->build_id || library->is_impostor ||
	    (strcmp(library->allocator, "jemalloc") != 0 && strcmp(library->allocator, "mimalloc") != 0))
		return;
	table = serving_find_table(s, library);
	if (library->build && !serving_await_allocator(s, table, base)) {
		serving_doubt(s, "the library that it lists as its allocator was never set up");
		return;
	}
	if (strcmp(library->allocator, "jemalloc") == 0) {
		options_read_jemalloc(s->memory, s->c->m, table, base, &p->options);
		serving_count_purge_threads(s, table, base);
		serving_read_heap(s, table, base);
	} else if (strcmp(library->allocator, "mimalloc") == 0) {
		options_read_mimalloc(s->memory, s->c->m, table, base, &p->options);
	}
	serving_read_purge(s, table, base);
	if (p->options.n)
		p->options_evidence = EVIDENCE_PROVED;
}
