/* SPDX-License-Identifier: Apache-2.0 */
/* What [node] asks for, against what was found: the plan of writes. Pure. */
#include "tune/tuning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts/names.h"
#include "util/size.h"
#include "util/text.h"

const char *tune_outcome_name(enum tune_outcome outcome)
{
	static const char *const names[] = {
		[TUNE_SAME] = "unchanged",    [TUNE_SKIPPED] = "skipped",         [TUNE_IMPOSSIBLE] = "impossible",
		[TUNE_PLANNED] = "planned",   [TUNE_CHANGED] = "changed",         [TUNE_FAILED] = "failed",
		[TUNE_RESTORED] = "restored", [TUNE_NOT_WRITTEN] = "not written",
	};

	return names[outcome];
}

size_t tune_count(const struct tune_plan *plan, enum tune_outcome outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		n += plan->writes[i].outcome == outcome;
	return n;
}

static void decide_refuse(struct tune_write *w, const char *detail)
{
	w->outcome = TUNE_IMPOSSIBLE;
	w->detail = detail;
}

static const char *decide_list_nodes(struct mem *m, const struct tune_facts *facts)
{
	struct bitmap nodes = { { 0 } };

	for (size_t i = 0; i < facts->numa.n_nodes; i++)
		bitmap_set(&nodes, facts->numa.nodes[i].id);
	return mem_printf(m, "%s %s", facts->numa.n_nodes > 1 ? "nodes" : "node", bitmap_format_list(m, &nodes));
}

/* The row whose files tell the page sizes of a kind: the same on each node. */
static const struct tune_setting *decide_size_row(const struct tune_setting *setting)
{
	return setting->subject == TUNE_OF_SIZE ? setting : tune_setting_of_pool(TUNE_OF_POOL);
}

/* The page sizes of a kind that there are: "64K, 2M"; NULL = none. */
static const char *decide_list_sizes(struct mem *m, const struct tune_facts *facts, const struct tune_setting *setting)
{
	const char *list = NULL;

	setting = decide_size_row(setting);
	for (size_t i = 0; i < facts->n_files; i++) {
		const struct tune_file *file = &facts->files[i];

		if (file->setting == setting)
			text_list(m, &list, size_format_boot(m, file->size));
	}
	return list;
}

static bool decide_is_older(const char *kernel, const char *since)
{
	int major, minor, since_major, since_minor;

	return sscanf(kernel, "%4d.%4d", &major, &minor) == 2 &&
	       sscanf(since, "%4d.%4d", &since_major, &since_minor) == 2 &&
	       (major < since_major || (major == since_major && minor < since_minor));
}

/* Is another file of the same feature there, so that the feature is? */
static bool decide_has_feature(const struct tune_facts *facts, const struct tune_setting *setting)
{
	for (size_t i = 0; i < facts->n_files; i++) {
		const char *absent = facts->files[i].setting->absent;

		if (facts->files[i].value && absent && strcmp(absent, setting->absent) == 0)
			return true;
	}
	return strstr(setting->absent, "without NUMA") && facts->numa.known == TRI_YES;
}

/* Why there is no such file: an older kernel, the feature as a whole, or this file alone. */
static const char *decide_reason(struct mem *m, const struct tune_facts *facts, const struct tune_write *w)
{
	const struct tune_setting *s = w->setting;

	if (s->since && decide_is_older(facts->kernel, s->since))
		return mem_printf(m, "it came with Linux %s, and this is %s", s->since, facts->kernel);
	if (decide_has_feature(facts, s))
		return mem_printf(m, "this kernel has no %s", w->path);
	return s->absent;
}

static bool decide_wants_pages(const struct tune_write *w)
{
	return w->setting->form == TUNE_PAGES && strcmp(w->to, "0") != 0;
}

/* A feature that is not there needs no setting, pages that cannot be had are an error. */
static void decide_lacking(struct tune_write *w, const char *detail)
{
	w->outcome = decide_wants_pages(w) ? TUNE_IMPOSSIBLE : TUNE_SKIPPED;
	w->detail = detail;
}

static bool decide_is_without_memory(const struct tune_facts *facts, int id)
{
	const struct numa_node *node = id >= 0 ? numa_find_node(&facts->numa, id) : NULL;

	return node && node->memory_total == 0;
}

/* No file: what the node lacks, then its page size, then the feature. */
static void decide_absent(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	const char *sizes = w->size ? decide_list_sizes(m, facts, w->setting) : NULL;

	if (w->node >= 0 && facts->numa.known == TRI_NO && w->setting->form == TUNE_PAGES)
		decide_lacking(w, NO_NUMA);
	else if (decide_is_without_memory(facts, w->node))
		decide_lacking(w, mem_printf(m, "node %d has no memory", w->node));
	else if (sizes && !tune_find_file(facts, decide_size_row(w->setting), NODE_NONE, w->size))
		decide_lacking(w, mem_printf(m, "this kernel has no %s pages of %s (it has %s)",
					     w->setting->form == TUNE_PAGES ? "hugetlb" : "transparent",
					     size_format_boot(m, w->size), sizes));
	else
		decide_lacking(w, decide_reason(m, facts, w));
}

/*
 * Pages that are asked of the machine as a whole go back to the nodes that had them. On one
 * node too: its file and the machine's are the same pages, and only one may be put back.
 */
static void decide_save(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	for (size_t i = 0; w->setting == tune_setting_of_pool(TUNE_OF_POOL) && i < facts->n_files; i++) {
		const struct tune_file *file = &facts->files[i];

		if (file->setting->subject == TUNE_OF_POOL_ON_NODE && file->size == w->size && file->value)
			*MEM_PUSH(m, w->saved, w->n_saved) = (struct tune_saved){ file->path, file->value };
	}
	if (!w->n_saved)
		*MEM_PUSH(m, w->saved, w->n_saved) = (struct tune_saved){ w->path, w->from };
}

const char *tune_explain_unread(struct mem *m, const struct tune_file *file)
{
	if (file->error == -EINVAL)
		return mem_printf(m, "%s is not in the form that is expected", file->path);
	return mem_printf(m, "%s cannot be read: %s", file->path, strerror(-file->error));
}

/* What is known to be refused: NULL, or why. */
static const char *decide_limit(struct mem *m, const struct tune_facts *facts, const struct tune_file *file,
				const struct tune_write *w)
{
	if (file->offered && !text_has_word(file->offered, w->to))
		return mem_printf(m, "this kernel offers: %s", file->offered);
	/* It would be kept for --revert, which takes from there only what it knows. */
	if (w->setting->form == TUNE_WORD && !text_has_word(w->setting->words, file->value))
		return mem_printf(m, "%s says '%s', which is none of: %s", file->path, file->value, w->setting->words);
	/* mm/khugepaged.c: HPAGE_PMD_NR - 1. */
	if (text_starts_with(w->key, "khugepaged-max-ptes-") && facts->thp_pages > 0 &&
	    strtoll(w->to, NULL, 10) >= facts->thp_pages)
		return mem_printf(m, "a huge page has %lld pages here, and the kernel takes at most one less: %lld",
				  (long long)facts->thp_pages, (long long)facts->thp_pages - 1);
	return NULL;
}

/* One file and what it is to say. */
static void decide_file(struct mem *m, const struct tune_facts *facts, const struct tune_file *file,
			struct tune_write *w)
{
	const char *limit;

	if (!file || file->error == -ENOENT) {
		decide_absent(m, facts, w);
		return;
	}
	w->path = file->path;
	w->from = file->value;
	if (file->error) {
		decide_refuse(w, tune_explain_unread(m, file));
	} else if (strcmp(w->from, w->to) == 0) {
		w->outcome = TUNE_SAME;
	} else if ((limit = decide_limit(m, facts, file, w))) {
		decide_refuse(w, limit);
	} else {
		w->outcome = TUNE_PLANNED;
		decide_save(m, facts, w);
	}
}

static struct tune_write *decide_add(struct mem *m, struct tune_plan *plan, const struct node_item *item, int node)
{
	struct tune_write *w = MEM_PUSH(m, plan->writes, plan->n);

	*w = (struct tune_write){
		.setting = item->setting,
		.where = item->where,
		.node = node,
		.size = item->size,
		.key = item->node == NODE_EACH ? tune_setting_name(m, item->setting, node, item->size) : item->key,
		.path = tune_setting_path(m, item->setting, node < 0 ? 0 : node, item->size),
		.to = item->value,
	};
	return w;
}

static void decide_one(struct mem *m, const struct tune_facts *facts, const struct node_item *item, int node,
		       struct tune_plan *plan)
{
	struct tune_write *w = decide_add(m, plan, item, node);

	if (node >= 0 && facts->numa.known == TRI_UNKNOWN)
		decide_refuse(w, "the NUMA nodes cannot be read");
	else if (node >= 0 && facts->numa.known == TRI_YES && !numa_find_node(&facts->numa, node))
		decide_refuse(w, mem_printf(m, "there is no node %d here (%s)", node, decide_list_nodes(m, facts)));
	else if (decide_is_without_memory(facts, node) && decide_wants_pages(w))
		decide_refuse(w, mem_printf(m, "node %d has no memory", node));
	else
		decide_file(m, facts, tune_find_file(facts, item->setting, node, item->size), w);
}

/* The line as a whole, where there is no node to name. */
static struct tune_write *decide_add_each(struct mem *m, struct tune_plan *plan, const struct node_item *item)
{
	struct tune_write *w = decide_add(m, plan, item, 0);

	w->key = item->key;
	return w;
}

static void decide_each(struct mem *m, const struct tune_facts *facts, const struct node_policy *policy,
			const struct node_item *item, struct tune_plan *plan)
{
	const struct node_policy none = { .n = 0 };
	struct node_item whole = *item;
	bool has_node = false;

	/* Without nodes the machine is the only one. */
	if (facts->numa.known == TRI_NO) {
		whole.setting = tune_setting_of_pool(TUNE_OF_POOL);
		whole.node = NODE_NONE;
		decide_one(m, facts, &whole, NODE_NONE, plan);
		return;
	}
	if (facts->numa.known == TRI_UNKNOWN) {
		decide_refuse(decide_add_each(m, plan, item), "the NUMA nodes cannot be read");
		return;
	}
	for (size_t i = 0; i < facts->numa.n_nodes; i++) {
		const struct numa_node *node = &facts->numa.nodes[i];

		/* Also where each has a line of its own. */
		has_node |= node_policy_covers(&none, item, node);
		if (node_policy_covers(policy, item, node))
			decide_one(m, facts, item, node->id, plan);
	}
	if (!has_node)
		decide_lacking(decide_add_each(m, plan, item), "no node has CPUs and memory");
}

/* A weight ends the kernel's own choice: that is a change of its own, and is put back too. */
static void decide_weights_auto(struct mem *m, const struct tune_facts *facts, struct tune_plan *plan)
{
	const struct tune_file *file = tune_find_file(facts, &tune_weights_auto, NODE_NONE, 0);
	struct tune_write *first = NULL, switching = { .setting = &tune_weights_auto };

	for (size_t i = 0; i < plan->n && !first; i++) {
		if (plan->writes[i].setting->subject == TUNE_OF_NODE && plan->writes[i].outcome == TUNE_PLANNED)
			first = &plan->writes[i];
	}
	if (!first || !file || !file->value || strcmp(file->value, "true") != 0)
		return;
	switching.key = tune_weights_auto.key;
	switching.where = first->where;
	switching.path = file->path;
	switching.node = NODE_NONE;
	switching.from = file->value;
	switching.to = "false";
	switching.outcome = TUNE_PLANNED;
	switching.detail = "a weight of one's own ends the kernel's choice";
	decide_save(m, facts, &switching);
	/* In front of the weights, so that it is the last to be put back. */
	{
		size_t at = (size_t)(first - plan->writes);

		MEM_PUSH(m, plan->writes, plan->n);
		memmove(&plan->writes[at + 1], &plan->writes[at], (plan->n - 1 - at) * sizeof *plan->writes);
		plan->writes[at] = switching;
	}
}

static int decide_compare(const void *a, const void *b)
{
	const struct node_item *x = a, *y = b;

	if (x->setting != y->setting)
		return x->setting < y->setting ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

void tune_decide(struct mem *m, const struct tune_facts *facts, const struct node_policy *policy, struct tune_plan *ret)
{
	struct node_policy sorted = *policy;

	memset(ret, 0, sizeof *ret);
	if (policy->n) {
		sorted.items = mem_dup(m, policy->items, policy->n * sizeof *policy->items);
		qsort(sorted.items, sorted.n, sizeof *sorted.items, decide_compare);
	}
	for (size_t i = 0; i < sorted.n; i++) {
		const struct node_item *item = &sorted.items[i];

		if (item->node == NODE_EACH)
			decide_each(m, facts, &sorted, item, ret);
		else
			decide_one(m, facts, item, item->node, ret);
	}
	decide_weights_auto(m, facts, ret);
	tune_add_notes(m, facts, ret);
}
