/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_CHECKS_ASSESS_H
#define ALLOCRUN_AUDIT_CHECKS_ASSESS_H

#include "audit/audit.h"

/* What the checks share, and the functions that the rows of table.c name. */

/* The head of an assess function; most look at one or two of these. */
#define ASSESS(name) \
	struct finding name(struct mem *m, __attribute__((unused)) const struct audit_facts *a, \
			    __attribute__((unused)) const struct thresholds *t, \
			    __attribute__((unused)) const struct live_process *p)

/* audit_numa.c */
check_assess audit_mempolicy_allowed, audit_autonuma, audit_gpu_nodes, audit_cpuless_nodes;
/* audit_thp.c */
check_assess audit_thp_mode, audit_thp_defrag, audit_thp_inherited, audit_fragmentation;
/* audit_boot.c */
check_assess audit_thp_cmdline, audit_boot_parameters, audit_kernel_age, audit_iommu;
/* audit_memory.c */
check_assess audit_oom_headroom, audit_cgroup_limit, audit_page_cache, audit_overcommit, audit_swap;
/* audit_limits.c */
check_assess audit_memlock, audit_locked_memory, audit_hugetlb, audit_shm, audit_max_map_count;
/* audit_allocator.c */
check_assess audit_environment, audit_arenas;
/* audit_builds.c */
check_assess audit_page_size, audit_builds, audit_ld_so_preload;
/* audit_self.c */
check_assess audit_gaps;

/* The first operation of a step and, unless that is NULL, of a kind of thing; NULL = none. */
const struct operation *audit_find_operation(const struct plan *plan, enum step step, const char *name);
/* Does the plan set a memory policy here? */
const struct operation *audit_wanted_mempolicy(const struct audit_facts *a);
/* The value of one of the plan's allocator options, "narenas" of MALLOC_CONF; NULL. */
const struct part *audit_planned_option(const struct plan *plan, const char *variable, const char *name);
/* What --KEY comes to after profiles and policy files; "" = nothing. */
const char *audit_setting(const struct plan *plan, const char *key);
/* GPUs that the command would see. */
size_t audit_count_gpus(const struct facts *machine);
/* Why "no GPU" is no answer here; NULL = it is one. */
const char *audit_gpus_unknown(const struct facts *machine);
/* Percent of `part` in `whole`, rounded down; 0 for an empty whole. */
int64_t audit_percent(int64_t part, int64_t whole);
/* "4 GPUs", "1 GPU" */
const char *audit_count(struct mem *m, int64_t n, const char *word);
/*
 * `finding`, or what comes of it where [node] of the policy says what `key` is to be: well
 * when `now` is that, else a warning at least. `name`: what is shown of the key.
 */
struct finding audit_by_policy(struct mem *m, const struct audit_facts *a, const char *key, const char *name,
			       const char *now, struct finding finding);
/* The hugetlb pages that [node] asks for and that are not there, in words; NULL = all are. */
const char *audit_missing_pages(struct mem *m, const struct audit_facts *a);
/* Whether [node] asks for pages of every size of which there are some. */
bool audit_asks_for_pages(const struct audit_facts *a);

#endif
