/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tune_case.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree tree;

struct node_policy policy;

struct tune_facts facts;

struct tune_plan plan;

int tune_open(void **state)
{
	(void)state;
	policy = (struct node_policy){ .n = 0 };
	tree_open(&tree);
	return 0;
}

int tune_close(void **state)
{
	tree_close(&tree);
	return pool_free(state);
}

void tune_want(const char *name, const char *value)
{
	const char *error;

	if (node_policy_set(&pool, &policy, name, value, mem_printf(&pool, "p.conf:%zu", policy.n + 2), &error) < 0)
		fail_msg("%s", error);
}

void tune_write_node(int id, const char *cpus, int kib)
{
	tree_write(&tree, mem_printf(&pool, NODES "/node%d/cpulist", id), mem_printf(&pool, "%s\n", cpus));
	tree_write(&tree, mem_printf(&pool, NODES "/node%d/meminfo", id),
		   mem_printf(&pool, "Node %d MemTotal:       %d kB\nNode %d MemFree:        1 kB\n", id, kib, id));
	tree_write(&tree, mem_printf(&pool, NODES "/node%d/distance", id), "10 20 30\n");
	tree_write(&tree, mem_printf(&pool, NODES "/node%d/hugepages/hugepages-2048kB/nr_hugepages", id), "4\n");
	tree_write(&tree, mem_printf(&pool, WEIGHTS "/node%d", id), "1\n");
}

void tune_write_machine(void)
{
	tree_write(&tree, NODES "/online", "0-2\n");
	tune_write_node(0, "0-1", 1000);
	tune_write_node(1, "2-3", 1000);
	tune_write_node(2, "", 1000);
	tree_write(&tree, THP "/enabled", "[always] madvise never\n");
	tree_write(&tree, THP "/defrag", "always defer defer+madvise [madvise] never\n");
	tree_write(&tree, THP "/hugepages-64kB/enabled", "always inherit madvise [never]\n");
	tree_write(&tree, THP "/khugepaged/max_ptes_none", "511\n");
	tree_write(&tree, POOLS "/hugepages-2048kB/nr_hugepages", "12\n");
	tree_write(&tree, POOLS "/hugepages-2048kB/nr_overcommit_hugepages", "0\n");
	tree_write(&tree, "/proc/sys/kernel/osrelease", "6.10.0\n");
	tree_write(&tree, BOOT_ID, "b007\n");
	tree_write(&tree, "/proc/sys/kernel/numa_balancing", "1\n");
	tree_write(&tree, "/proc/sys/vm/max_map_count", "65530\n");
	tree_write(&tree, "/proc/sys/vm/zone_reclaim_mode", "0\n");
	tree_write(&tree, "/proc/meminfo", "MemTotal: 3000 kB\nHugepagesize:       2048 kB\n");
	tree_write(&tree, "/proc/cmdline", "ro quiet\n");
}

void tune_decide_here(void)
{
	tune_detect(&tree.root, &pool, &facts);
	tune_decide(&pool, &facts, &policy, &plan);
}

void apply(bool is_atomic)
{
	tune_apply(&tree.root, &pool, &plan, is_atomic, false);
}

void vanish(void)
{
	tune_decide_here();
	tree_remove(&tree, NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages");
}

void apply_through_pipe(const char *key, const char *value, const char *path, const char *first)
{
	int fd;

	policy.n = 0;
	tune_write_machine();
	tune_want(key, value);
	tune_decide_here();
	tree_remove(&tree, path);
	assert_int_equal(mkfifo(tree_outside(&tree, path), 0600), 0);
	/* Someone has to read a pipe for it to be written to. */
	fd = open(tree_outside(&tree, path), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, first, strlen(first)), strlen(first));
	apply(false);
	close(fd);
	tree_remove(&tree, path);
}

const struct tune_write *tune_find(const char *key)
{
	for (size_t i = 0; i < plan.n; i++) {
		if (strcmp(plan.writes[i].key, key) == 0)
			return &plan.writes[i];
	}
	fail_msg("nothing of %s in the plan", key);
	return NULL;
}

void assert_write(const char *key, const char *expected)
{
	const struct tune_write *w = tune_find(key);
	const char *text = tune_outcome_name(w->outcome);

	if (w->outcome == TUNE_SKIPPED || w->outcome == TUNE_IMPOSSIBLE || w->outcome == TUNE_FAILED ||
	    w->outcome == TUNE_RESTORED || w->outcome == TUNE_NOT_WRITTEN)
		text = mem_printf(&pool, "%s: %s", text, w->detail);
	else if (w->outcome == TUNE_SAME)
		text = mem_printf(&pool, "%s %s", text, w->from);
	else
		text = mem_printf(&pool, "%s %s -> %s", text, w->from, w->to);
	assert_row_string(key, text, expected);
}

void assert_file(const char *path, const char *text)
{
	char *now;

	assert_int_equal(root_read(&tree.root, &pool, path, 4096, &now, NULL), 0);
	assert_row_string(path, now, text);
}
