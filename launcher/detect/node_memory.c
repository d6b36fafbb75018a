/* SPDX-License-Identifier: Apache-2.0 */
/* What is in memory: meminfo, vmstat, buddyinfo, and the cgroup whose limit binds. */
#include "detect/node.h"

#include <errno.h>
#include <string.h>

#include "detect/meminfo.h"
#include "util/text.h"

/* seq_file gives these a page at a time: they are read to their end. */
static bool node_read_list(const struct root *root, struct mem *m, struct node_facts *node, const char *path,
			   char **ret)
{
	int r = root_read(root, m, path, PATH_READ_MAX, ret, NULL);

	if (r == 0 && **ret)
		return true;
	node_add_gap(m, node, path, r < 0 ? r : -ENODATA);
	return false;
}

/* Blocks of the size that a fault wants; orders are powers of two of the page. */
static void node_detect_free(const struct root *root, struct mem *m, const struct facts *machine,
			     struct node_facts *node)
{
	static const char path[] = "/proc/buddyinfo";
	char *text;
	int r;

	if (machine->page_size == FACT_UNKNOWN || !node_read_list(root, m, node, path, &text))
		return;
	r = node_parse_buddyinfo(m, text, machine->page_size, machine->thp.pmd_size, &node->free, &node->n_free);
	if (r < 0)
		node_add_gap(m, node, path, r);
}

void node_detect_memory(const struct root *root, struct mem *m, const struct facts *machine, struct node_facts *node)
{
	char *text;
	int r = meminfo_read(root, m, &node->memory);

	if (r < 0 || node->memory.available == FACT_UNKNOWN)
		node_add_gap(m, node, "/proc/meminfo", r < 0 ? r : -EINVAL);
	if (node_read_list(root, m, node, "/proc/vmstat", &text))
		node_parse_vmstat(text, &node->events);
	node_detect_free(root, m, machine, node);
}

/* A file of the cgroup's folder. False: not there, which is no gap on its own. */
static bool node_read_cgroup(const struct root *root, struct mem *m, struct node_facts *node, const char *folder,
			     const char *file, char **ret)
{
	char *path = mem_printf(m, "%s/%s", folder, file);
	int r = root_read_record(root, m, path, ret);

	if (r < 0 && r != -ENOENT)
		node_add_gap(m, node, path, r);
	return r == 0;
}

static void node_read_cgroup_v2(const struct root *root, struct node_facts *node, const char *folder, const char *stat)
{
	struct node_cgroup *cgroup = &node->cgroup;
	int64_t cached = FACT_UNKNOWN;
	char line[64];

	/* 5.19 */
	root_read_i64(root, &cgroup->peak, "%s/memory.peak", folder);
	if (stat) {
		node_parse_counter(stat, "anon", &cgroup->anon);
		node_parse_counter(stat, "shmem", &cgroup->shmem);
		node_parse_counter(stat, "file", &cached);
		node_parse_counter(stat, "inactive_file", &cgroup->inactive_file);
	}
	if (cached >= 0 && cgroup->shmem >= 0)
		cgroup->file = cached > cgroup->shmem ? cached - cgroup->shmem : 0;
	if (node->memory.swap_total <= 0 || root_read_line(root, line, sizeof line, "%s/memory.swap.max", folder) < 0)
		return;
	if (strcmp(line, "max") == 0)
		cgroup->swap_max = FACT_UNLIMITED;
	else if (text_is_digits(line))
		text_parse_i64(line, &cgroup->swap_max, NULL);
}

/* The names with "total_" count what is below as the limit does. */
static void node_read_cgroup_v1(const struct root *root, struct mem *m, struct node_facts *node, const char *folder,
				const char *stat)
{
	struct node_cgroup *cgroup = &node->cgroup;
	int64_t cached = FACT_UNKNOWN;
	char *control;

	root_read_i64(root, &cgroup->peak, "%s/memory.max_usage_in_bytes", folder);
	/* The count of kills is of 4.13. */
	if (node_read_cgroup(root, m, node, folder, "memory.oom_control", &control))
		node_parse_counter(control, "oom_kill", &cgroup->oom_kills);
	if (stat) {
		node_parse_counter(stat, "total_rss", &cgroup->anon);
		node_parse_counter(stat, "total_shmem", &cgroup->shmem);
		node_parse_counter(stat, "total_cache", &cached);
		node_parse_counter(stat, "total_inactive_file", &cgroup->inactive_file);
	}
	if (cached >= 0 && cgroup->shmem >= 0)
		cgroup->file = cached > cgroup->shmem ? cached - cgroup->shmem : 0;
}

void node_detect_cgroup(const struct root *root, struct mem *m, const struct cgroup_facts *cgroup,
			struct node_facts *node)
{
	const char *folder = cgroup->memory_path;
	char *events, *stat = NULL;

	if (!folder)
		return;
	if (!node_read_cgroup(root, m, node, folder, "memory.stat", &stat))
		stat = NULL;
	/* Of the two versions only v2 has this one; on a hybrid host either may hold memory. */
	if (cgroup->version != CGROUP_V1 && node_read_cgroup(root, m, node, folder, "memory.events", &events)) {
		node_parse_counter(events, "oom_kill", &node->cgroup.oom_kills);
		node_read_cgroup_v2(root, node, folder, stat);
	} else if (cgroup->version != CGROUP_V2) {
		node_read_cgroup_v1(root, m, node, folder, stat);
	}
}
