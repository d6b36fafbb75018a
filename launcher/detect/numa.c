/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "detect/detectors.h"
#include "util/kernel_abi.h"
#include "util/text.h"

#define NUMA_FOLDER "/sys/devices/system/node"
/* MAX_NUMNODES of every kernel so far: CONFIG_NODES_SHIFT is at most 10. */
#define NUMA_DISTANCE_LOCAL 10
#define NUMA_WEIGHT "/sys/kernel/mm/mempolicy/weighted_interleave/node%d"

/* From the names of the folders, for a kernel or a capture without "online". */
static int numa_list_nodes(const struct root *root, struct mem *m, struct bitmap *ret)
{
	struct bitmap nodes = { { 0 } };
	char **names;
	int r = root_list(root, m, NUMA_FOLDER, "node", &names);

	if (r < 0)
		return r;
	for (; *names; names++) {
		int64_t id;

		if (text_is_digits(*names + 4) && text_parse_i64(*names + 4, &id, NULL) == 0 && id < NUMA_NODES_MAX)
			bitmap_set(&nodes, (int)id);
	}
	if (bitmap_is_empty(&nodes))
		return -ENODATA;
	*ret = nodes;
	return 0;
}

/* "Node 0 MemTotal:       24684084 kB" */
static void numa_parse_meminfo(const char *text, struct numa_node *node)
{
	char name[48];

	snprintf(name, sizeof name, "Node %d MemTotal", node->id);
	text_read_kib(text, name, &node->memory_total);
}

/* One number for each online node, in their order; anything else is no answer. */
static int *numa_parse_distances(struct mem *m, const char *line, size_t n_nodes)
{
	int *distances = mem_alloc(m, n_nodes * sizeof *distances);

	for (size_t i = 0; i < n_nodes; i++) {
		int64_t value;

		if (text_parse_i64(line, &value, &line) < 0 || value < 1 || value > 255)
			return NULL;
		distances[i] = (int)value;
	}
	return *line ? NULL : distances;
}

static void numa_read_distances(const struct root *root, struct mem *m, size_t n_nodes, struct numa_node *node)
{
	char line[8 * NUMA_NODES_MAX];

	if (n_nodes == 1) {
		node->distances = mem_alloc(m, sizeof *node->distances);
		node->distances[0] = NUMA_DISTANCE_LOCAL;
		return;
	}
	if (root_read_line(root, line, sizeof line, NUMA_FOLDER "/node%d/distance", node->id) == 0)
		node->distances = numa_parse_distances(m, line, n_nodes);
}

static bool numa_has_pages(const struct hugetlb_facts *hugetlb)
{
	for (size_t i = 0; i < hugetlb->n_pools; i++) {
		if (hugetlb->pools[i].total != 0)
			return true;
	}
	return false;
}

static void numa_read_pools(const struct root *root, struct mem *m, const struct hugetlb_facts *hugetlb,
			    struct numa_node *node)
{
	char folder[64];

	if (!hugetlb || numa_has_pages(hugetlb)) {
		snprintf(folder, sizeof folder, NUMA_FOLDER "/node%d/hugepages", node->id);
		hugetlb_read_pools(root, m, folder, &node->pools, &node->n_pools);
		return;
	}
	for (size_t i = 0; i < hugetlb->n_pools; i++)
		*MEM_PUSH(m, node->pools, node->n_pools) = (struct hugetlb_pool){
			.page_size = hugetlb->pools[i].page_size,
			.reserved = FACT_UNKNOWN,
		};
}

static int numa_read_node(const struct root *root, struct mem *m, int id, size_t n_nodes,
			  const struct hugetlb_facts *hugetlb, struct numa_node *ret)
{
	char path[64];
	char *meminfo;
	int r;

	ret->id = id;
	ret->memory_total = FACT_UNKNOWN;
	ret->weight = FACT_UNKNOWN;
	r = root_read_bitmap(root, &ret->cpus, NUMA_FOLDER "/node%d/cpulist", id);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, NUMA_FOLDER "/node%d/meminfo", id);
	if (root_read_record(root, m, path, &meminfo) == 0)
		numa_parse_meminfo(meminfo, ret);
	numa_read_distances(root, m, n_nodes, ret);
	numa_read_pools(root, m, hugetlb, ret);
	return 0;
}

/* All or none: a kernel before 6.9 is asked once. */
static void numa_read_weights(const struct root *root, struct numa_node *nodes, size_t n)
{
	for (size_t i = 0; n > 1 && i < n; i++) {
		if (root_read_i64(root, &nodes[i].weight, NUMA_WEIGHT, nodes[i].id) < 0)
			return;
	}
}

static void numa_read_nodes(const struct root *root, struct mem *m, const struct bitmap *online,
			    const struct hugetlb_facts *hugetlb, struct numa_facts *ret)
{
	size_t n = (size_t)bitmap_count(online), i = 0;
	struct numa_node *nodes = mem_alloc(m, n * sizeof *nodes);

	/*
	 * A node whose CPUs cannot be read would look like a memory-only one, and a
	 * binding be made of that: then the topology as a whole is unknown.
	 */
	BITMAP_FOR_EACH (id, online) {
		if (id >= NUMA_NODES_MAX || numa_read_node(root, m, id, n, hugetlb, &nodes[i++]) < 0)
			return;
	}
	numa_read_weights(root, nodes, n);
	ret->known = TRI_YES;
	ret->nodes = nodes;
	ret->n_nodes = n;
}

void numa_detect(const struct root *root, struct mem *m, const struct hugetlb_facts *hugetlb, struct numa_facts *ret)
{
	struct bitmap online = { { 0 } };
	struct stat st;
	int r;

	*ret = (struct numa_facts){ .known = TRI_UNKNOWN };
	r = root_read_bitmap(root, &online, NUMA_FOLDER "/online");
	if (r < 0 || bitmap_is_empty(&online))
		r = numa_list_nodes(root, m, &online);
	if (r == 0)
		numa_read_nodes(root, m, &online, hugetlb, ret);
	else if (r == -ENOENT && root_stat(root, "/sys/devices/system", &st) == 0)
		ret->known = TRI_NO;
}
