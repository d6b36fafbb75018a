/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_NAMES_H
#define ALLOCRUN_FACTS_NAMES_H

#include "facts/machine.h"
#include "util/mem.h"

/* The facts' values in words, and one of several by its number. */

/* "unknown", or a word of /sys/kernel/mm/transparent_hugepage/enabled. */
const char *thp_mode_name(enum thp_mode mode);
const char *gpu_vendor_name(enum gpu_vendor vendor); /* NULL: not known */
/* "node 9 has", "nodes 0-1 have" */
const char *nodes_have(struct mem *m, const struct bitmap *nodes);
/*
 * Those of `candidates` that are nearest to node `id`, all that tie; none when there is no
 * such node or no distance is known.
 */
void numa_find_nearest(const struct numa_facts *numa, int id, const struct bitmap *candidates, struct bitmap *ret);
/* NULL: there is no such node. */
const struct numa_node *numa_find_node(const struct numa_facts *numa, int id);

/* "preferred-many" for a mode of set_mempolicy(2); NULL = one that nobody here knows. */
const char *mempolicy_mode_name(int64_t mode);
/* "unlimited", or the number. */
const char *limit_format(struct mem *m, int64_t value);

#endif
