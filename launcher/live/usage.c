/* SPDX-License-Identifier: Apache-2.0 */
/* Memory by kind and by node. Costly: the kernel walks all pages of the process. */
#include "live/context.h"

#include <string.h>

#include "live/maps.h"
#include "util/text.h"

static char *usage_read(struct live_context *c, int64_t pid, const char *file)
{
	char *text;

	if (root_read(c->root, &c->scratch, mem_printf(&c->scratch, "/proc/%lld/%s", (long long)pid, file), MAPS_MAX,
		      &text, NULL) < 0)
		return NULL;
	return text;
}

static void usage_read_nodes(struct live_context *c, struct live_process *process)
{
	const char *text = usage_read(c, process->pid, "numa_maps");
	struct numa_maps maps;

	if (!text)
		return;
	numa_maps_parse(c->m, text, &maps);
	process->node_bytes = maps.node_bytes;
	process->n_node_bytes = maps.n_nodes;
	process->memory_policy = maps.policy;
	if (maps.policy_nodes)
		bitmap_parse_list(maps.policy_nodes, &process->policy_nodes);
}

/* The names that allocators give to their mappings, where the kernel keeps such names. */
static const char *usage_mapping_name(const struct live_process *process)
{
	const char *allocator = process->malloc ? process->malloc->allocator : "";

	return strcmp(allocator, "jemalloc") == 0 ? "jemalloc" : strcmp(allocator, "mimalloc") == 0 ? "mimalloc" : NULL;
}

static void usage_add_piece(void *user, const char *text)
{
	smaps_add(user, text);
}

static int64_t usage_sum_named(struct live_context *c, int64_t pid, const char *name)
{
	struct smaps_sum sum = { name, FACT_UNKNOWN, false };
	const char *path = mem_printf(&c->scratch, "/proc/%lld/smaps", (long long)pid);

	return root_read_pieces(c->root, path, usage_add_piece, &sum) < 0 ? FACT_UNKNOWN : sum.bytes;
}

void usage_detect(struct live_context *c, struct live_process *process)
{
	const char *rollup = usage_read(c, process->pid, "smaps_rollup");
	const char *name = usage_mapping_name(process);

	if (rollup)
		text_read_kib(rollup, "AnonHugePages", &process->anon_huge);
	/* Seconds for a large process: only where the allocator's own counters are not known. */
	if (name && process->allocator_resident == FACT_UNKNOWN)
		process->allocator_resident = usage_sum_named(c, process->pid, name);
	usage_read_nodes(c, process);
}
