/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_NODE_H
#define ALLOCRUN_DETECT_NODE_H

#include "facts/node.h"
#include "util/mem.h"
#include "util/path.h"

/* machine -> facts/node.h, on top of what facts_detect() has read. */

/* Nothing known yet. */
extern const struct node_facts node_unknown;

/* Never fails: what is missing is unknown, and worth a gap where it should be there. */
void node_detect(const struct root *root, struct mem *m, const struct facts *machine, struct node_facts *ret);

/* The parts of node_detect(), not for other modules. */
void node_add_gap(struct mem *m, struct node_facts *node, const char *path, int error);
void node_detect_memory(const struct root *root, struct mem *m, const struct facts *machine, struct node_facts *node);
/* Also for the cgroup of another process. */
void node_detect_cgroup(const struct root *root, struct mem *m, const struct cgroup_facts *cgroup,
			struct node_facts *node);
void node_probe_mempolicy(struct mem *m, const struct bitmap *allowed, struct node_mempolicy *ret);

/* Text parsers, pure; the fuzzer's entries. What is not found leaves *ret as it is. */

/* The value of "NAME VALUE" at the start of a line: vmstat, memory.stat, memory.events. */
void node_parse_counter(const char *text, const char *name, int64_t *ret);
void node_parse_vmstat(const char *text, struct node_vmstat *ret);
/* `huge`: bytes of a huge page, FACT_UNKNOWN = none. -EINVAL: not the form of /proc/buddyinfo. */
int node_parse_buddyinfo(struct mem *m, const char *text, int64_t page_size, int64_t huge, struct node_free **ret,
			 size_t *ret_n);
/* The tmpfs at `point` in /proc/self/mountinfo; FACT_UNLIMITED for a size that is not limited. */
bool node_parse_tmpfs(const char *text, const char *point, int64_t memory_total, int64_t *ret_size);

#endif
