/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/names.h"

#include <linux/mempolicy.h>

#include "util/kernel_abi.h"

const char *thp_mode_name(enum thp_mode mode)
{
	static const char *const names[] = { "unknown", "always", "madvise", "never" };

	return names[mode];
}

const char *gpu_vendor_name(enum gpu_vendor vendor)
{
	static const char *const names[] = { NULL, "nvidia", "amd" };

	return names[vendor];
}

const struct numa_node *numa_find_node(const struct numa_facts *numa, int id)
{
	for (size_t i = 0; i < numa->n_nodes; i++) {
		if (numa->nodes[i].id == id)
			return &numa->nodes[i];
	}
	return NULL;
}

const char *limit_format(struct mem *m, int64_t value)
{
	return value == FACT_UNLIMITED ? "unlimited" : mem_printf(m, "%lld", (long long)value);
}

const char *mempolicy_mode_name(int64_t mode)
{
	static const char *const names[] = {
		[MPOL_DEFAULT] = "default",
		[MPOL_PREFERRED] = "preferred",
		[MPOL_BIND] = "bind",
		[MPOL_INTERLEAVE] = "interleave",
		[MPOL_LOCAL] = "local",
		[MPOL_PREFERRED_MANY] = "preferred-many",
		[MODE_WEIGHTED_INTERLEAVE] = "weighted-interleave",
	};

	return mode >= 0 && mode < (int64_t)(sizeof names / sizeof *names) ? names[mode] : NULL;
}

const char *nodes_have(struct mem *m, const struct bitmap *nodes)
{
	return mem_printf(m, bitmap_count(nodes) == 1 ? "node %s has" : "nodes %s have", bitmap_format_list(m, nodes));
}

void numa_find_nearest(const struct numa_facts *numa, int id, const struct bitmap *candidates, struct bitmap *ret)
{
	const struct numa_node *from = numa_find_node(numa, id);
	struct bitmap nearest = { { 0 } };
	int distance = 0;

	for (size_t i = 0; from && from->distances && i < numa->n_nodes; i++) {
		if (!bitmap_has(candidates, numa->nodes[i].id) ||
		    (!bitmap_is_empty(&nearest) && from->distances[i] > distance))
			continue;
		if (from->distances[i] != distance)
			nearest = (struct bitmap){ { 0 } };
		distance = from->distances[i];
		bitmap_set(&nearest, numa->nodes[i].id);
	}
	*ret = nearest;
}
