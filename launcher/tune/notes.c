/* SPDX-License-Identifier: Apache-2.0 */
/* Who else sets what [node] sets: the kernel command line, other tools. Pure. */
#include "tune/tune.h"

#include <string.h>

#include "audit/node.h"

static void note_add(struct mem *m, const char ***notes, size_t *n, const char *text)
{
	*MEM_PUSH(m, *notes, *n) = text;
}

/* hugepagesz=, hugepages= and default_hugepagesz= together ask for the pages of a size. */
static void note_boot_pool(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	struct node_boot_pool *pools = NULL;
	size_t n = 0;

	node_parse_boot_pools(m, facts->command_line, facts->default_huge_size, &pools, &n);
	for (size_t i = 0; i < n; i++) {
		const char *pages = mem_printf(m, "%lld", (long long)pools[i].pages);

		if (pools[i].page_size != w->size || strcmp(pages, w->to) == 0)
			continue;
		note_add(m, &w->notes, &w->n_notes, mem_printf(
			m, "the kernel command line asks for %s pages of %s: each boot begins with those",
			pages, tune_size_name(m, w->size)));
	}
}

static const char *note_boot_value(const struct tune_write *w, const char *value)
{
	if (strcmp(w->setting->key, "numa-balancing") != 0)
		return value;
	return strcmp(value, "enable") == 0 ? "1" : strcmp(value, "disable") == 0 ? "0" : value;
}

static void note_boot(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	const char *name = w->setting->boot, *value;

	if (!name || !facts->command_line)
		return;
	if (w->setting->form == TUNE_PAGES) {
		note_boot_pool(m, facts, w);
		return;
	}
	value = node_find_boot(m, facts->command_line, name);
	if (value && strcmp(note_boot_value(w, value), w->to) != 0)
		note_add(m, &w->notes, &w->n_notes, mem_printf(
			m, "the kernel command line says %s=%s: each boot begins with that", name, value));
}

/* Is that file one of the write's? The machine's pool is the sum of the nodes'. */
static bool note_is_same(struct mem *m, const struct tune_write *w, const char *path)
{
	return strcmp(path, w->path) == 0 ||
	       (w->setting->subject == TUNE_OF_POOL_ON_NODE &&
		strcmp(path, tune_setting_path(m, tune_setting_of_pool(TUNE_OF_POOL), NODE_NONE,
					       w->size)) == 0);
}

/* The kernel spreads a pool over all memory, a GPU's own included. */
static void note_cpuless(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	struct bitmap nodes = { { 0 } };

	if (w->setting != tune_setting_of_pool(TUNE_OF_POOL) || strcmp(w->to, "0") == 0)
		return;
	for (size_t i = 0; i < facts->numa.n_nodes; i++) {
		if (bitmap_is_empty(&facts->numa.nodes[i].cpus) && facts->numa.nodes[i].memory_total != 0)
			bitmap_set(&nodes, facts->numa.nodes[i].id);
	}
	if (!bitmap_is_empty(&nodes))
		note_add(m, &w->notes, &w->n_notes, mem_printf(
			m, "the kernel spreads these pages over nodes %s as well, which have no CPUs; %s.each does not",
			bitmap_format_list(m, &nodes), w->key));
}

static void note_rivals(struct mem *m, const struct tune_facts *facts, struct tune_write *w)
{
	for (size_t i = 0; i < facts->n_rivals; i++) {
		const struct tune_rival *rival = &facts->rivals[i];

		if (note_is_same(m, w, rival->path) && strcmp(rival->value, w->to) != 0)
			note_add(m, &w->notes, &w->n_notes, mem_printf(m, "%s sets it to %s", rival->where, rival->value));
	}
}

void tune_add_notes(struct mem *m, const struct tune_facts *facts, struct tune_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		note_boot(m, facts, &plan->writes[i]);
		note_cpuless(m, facts, &plan->writes[i]);
		note_rivals(m, facts, &plan->writes[i]);
	}
	if (facts->tuned_profile && plan->n)
		note_add(m, &plan->notes, &plan->n_notes, mem_printf(
			m, "tuned is set up here with profile %s: it may set its own values again; run --tune after it, "
			   "or put them into a profile of its own", facts->tuned_profile));
}
