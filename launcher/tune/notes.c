/* SPDX-License-Identifier: Apache-2.0 */
/* Who else sets what [node] sets: the kernel command line, other tools. Pure. */
#include "tune/tuning.h"

#include <stdlib.h>
#include <string.h>

#include "detect/boot.h"
#include "detect/node.h"
#include "util/size.h"
#include "util/text.h"

static void note_add(struct mem *m, const char ***notes, size_t *n, const char *text)
{
	*MEM_PUSH(m, *notes, *n) = text;
}

static int64_t note_number(const char *value)
{
	return strtoll(value, NULL, 10);
}

/* The pages of all nodes, as the plan leaves them. */
static int64_t note_sum_nodes(const struct tune_facts *facts, const struct tune_plan *plan, int64_t size)
{
	const struct tune_setting *pool = tune_setting_of_pool(TUNE_OF_POOL_ON_NODE);
	int64_t sum = 0;

	for (size_t i = 0; i < facts->numa.n_nodes; i++) {
		int node = facts->numa.nodes[i].id;
		const struct tune_file *file = tune_find_file(facts, pool, node, size);
		const char *value = file ? file->value : NULL;

		for (size_t k = 0; k < plan->n; k++) {
			if (plan->writes[k].setting == pool && plan->writes[k].node == node &&
			    plan->writes[k].size == size)
				value = plan->writes[k].to;
		}
		sum += value ? note_number(value) : 0;
	}
	return sum;
}

/*
 * What a number of pages that the kernel spreads is compared with: where each node is set
 * by itself, all of them together. Asked for as many as there are it moves none.
 */
static int64_t note_wanted_pages(const struct tune_facts *facts, const struct tune_plan *plan,
				 const struct tune_write *w)
{
	return w->setting->subject == TUNE_OF_POOL_ON_NODE ? note_sum_nodes(facts, plan, w->size) : note_number(w->to);
}

/* The pages of one node in "0:512,1:512"; a node that is not named gets none. */
static int64_t note_boot_share(const char *nodes, int node)
{
	int64_t id, pages;

	while (text_parse_i64(nodes, &id, &nodes) == 0 && *nodes++ == ':' &&
	       text_parse_i64(nodes, &pages, &nodes) == 0) {
		if (id == node)
			return pages;
		nodes += *nodes == ',';
	}
	return 0;
}

/* hugepagesz=, hugepages= and default_hugepagesz= together ask for the pages of a size. */
static void note_boot_pool(struct mem *m, const struct tune_facts *facts, const struct tune_plan *plan,
			   struct tune_write *w)
{
	struct boot_pool *pools = NULL;
	size_t n = 0;

	boot_parse_pools(m, facts->command_line, facts->default_huge_size, &pools, &n);
	for (size_t i = 0; i < n; i++) {
		bool is_of_node = pools[i].nodes && w->setting->subject == TUNE_OF_POOL_ON_NODE;
		int64_t pages = is_of_node ? note_boot_share(pools[i].nodes, w->node) : pools[i].pages;

		if (pools[i].page_size != w->size ||
		    pages == (is_of_node ? note_number(w->to) : note_wanted_pages(facts, plan, w)))
			continue;
		note_add(m, &w->notes, &w->n_notes,
			 mem_printf(m,
				    "the kernel command line asks for %lld pages of %s%s: each boot begins with those",
				    (long long)pages, size_format_boot(m, w->size),
				    is_of_node ? mem_printf(m, " on node %d", w->node) : ""));
	}
}

static const char *note_boot_value(struct mem *m, const struct tune_write *w, const char *value)
{
	const char *state;

	if (w->setting->subject == TUNE_OF_SIZE)
		return boot_find_thp(m, value, w->setting->words, w->size, &state) ? state : NULL;
	if (strcmp(w->setting->key, "numa-balancing") != 0)
		return value;
	return strcmp(value, "enable") == 0 ? "1" : strcmp(value, "disable") == 0 ? "0" : value;
}

static void note_boot(struct mem *m, const struct tune_facts *facts, const struct tune_plan *plan, struct tune_write *w)
{
	const char *name = w->setting->boot, *text, *value;

	if (!name || !facts->command_line)
		return;
	if (w->setting->form == TUNE_PAGES) {
		note_boot_pool(m, facts, plan, w);
		return;
	}
	text = boot_find(m, facts->command_line, name);
	value = text ? note_boot_value(m, w, text) : NULL;
	if (value && strcmp(value, w->to) != 0)
		note_add(m, &w->notes, &w->n_notes,
			 mem_printf(m, "the kernel command line says %s=%s: each boot begins with that", name, text));
}

/* Is that file one of the write's? The machine's pool is the sum of the nodes'. */
static bool note_is_same(struct mem *m, const struct tune_write *w, const char *path)
{
	return strcmp(path, w->path) == 0 ||
	       (w->setting->subject == TUNE_OF_POOL_ON_NODE &&
		strcmp(path, tune_setting_path(m, tune_setting_of_pool(TUNE_OF_POOL), NODE_NONE, w->size)) == 0);
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
		note_add(
			m, &w->notes, &w->n_notes,
			mem_printf(
				m,
				"the kernel spreads these pages over nodes %s as well, which have no CPUs; %s.each does not",
				bitmap_format_list(m, &nodes), w->key));
}

/* Would it leave what the plan wants? Numbers are read as sysctl does, 0x10 is 16. */
static bool note_agrees(const struct tune_facts *facts, const struct tune_plan *plan, const struct tune_write *w,
			const struct tune_rival *rival)
{
	int64_t wanted, number;
	char *end;

	number = strtoll(rival->value, &end, 0);
	if (end == rival->value || *end)
		return false;
	wanted = strcmp(rival->path, w->path) == 0 ? note_number(w->to) : note_wanted_pages(facts, plan, w);
	return number == wanted;
}

static void note_rivals(struct mem *m, const struct tune_facts *facts, const struct tune_plan *plan,
			struct tune_write *w)
{
	for (size_t i = 0; i < facts->n_rivals; i++) {
		const struct tune_rival *rival = &facts->rivals[i];

		if (note_is_same(m, w, rival->path) && !note_agrees(facts, plan, w, rival))
			note_add(m, &w->notes, &w->n_notes,
				 mem_printf(m, "%s sets it to %s", rival->where, rival->value));
	}
}

void tune_add_notes(struct mem *m, const struct tune_facts *facts, struct tune_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		note_boot(m, facts, plan, &plan->writes[i]);
		note_cpuless(m, facts, &plan->writes[i]);
		note_rivals(m, facts, plan, &plan->writes[i]);
	}
	if (facts->tuned_profile && plan->n)
		note_add(
			m, &plan->notes, &plan->n_notes,
			mem_printf(
				m,
				"tuned is set up here with profile %s: it may set its own values again; run --tune after it, "
				"or put them into a profile of its own",
				facts->tuned_profile));
}
