/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_NODE_POLICY_H
#define ALLOCRUN_OPTIONS_NODE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "known/knobs.h"
#include "util/mem.h"

/* [node] of the policy files: what --tune writes and --check expects. */

struct numa_node; /* facts/machine.h */

struct node_item {
	const struct tune_setting *setting;
	const char *key;   /* as written: "hugetlb.2M.node1" */
	int64_t size;      /* bytes of a page, where the subject has one */
	int node;          /* a number, NODE_NONE or NODE_EACH */
	const char *value; /* as the kernel shows it */
	const char *where; /* "/etc/allocrun/policy.conf:7" */
};

struct node_policy {
	struct node_item *items; /* one for each setting, size and node, in no order */
	size_t n;
	bool is_atomic; /* "atomic = yes" */
};

/*
 * One "name = value" of the section. -EINVAL: *ret_error says what is wrong with it,
 * without the place, and *policy is untouched. Pure.
 */
int node_policy_set(struct mem *m, struct node_policy *policy, const char *name, const char *value, const char *where,
		    const char **ret_error);
/* Once all is read: -EINVAL when two keys contradict each other; with the place. */
int node_policy_verify(struct mem *m, const struct node_policy *policy, const char **ret_error);
/* What a key of the whole machine is to be, "thp-enabled"; NULL = [node] does not say. */
const struct node_item *node_policy_find(const struct node_policy *policy, const char *key);

/*
 * Whether the line is about this node. "each" is every node that has CPUs and memory, save
 * for those with a line of their own: memory without CPUs is a device's or a slower tier,
 * and has to be named. Pure.
 */
bool node_policy_covers(const struct node_policy *policy, const struct node_item *item, const struct numa_node *node);

#endif
