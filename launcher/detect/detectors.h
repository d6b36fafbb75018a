/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_DETECTORS_H
#define ALLOCRUN_DETECT_DETECTORS_H

#include "facts/machine.h"
#include "facts/request.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * The detectors, which facts_detect() calls: each fills its own part of struct facts (see there
 * for the meaning) and no other, whatever was in it, so that their order is free.
 */
/* "6.12.1", "x86_64"; "" = unknown. */
void kernel_detect(const struct root *root, char ret_release[KERNEL_RELEASE_SIZE],
		   char ret_machine[KERNEL_MACHINE_SIZE]);
int64_t page_size_detect(const struct root *root, struct mem *m);
void cpu_detect(const struct root *root, struct cpu_facts *ret);
/* `hugetlb`: when it says that no pool has a page, the nodes' pools are not asked. NULL: ask. */
void numa_detect(const struct root *root, struct mem *m, const struct hugetlb_facts *hugetlb, struct numa_facts *ret);
/* Of a huge page of the page tables; FACT_UNKNOWN. */
int64_t thp_read_pmd_size(const struct root *root);
void thp_detect(const struct root *root, struct mem *m, bool thorough, struct thp_facts *ret);
/* Of `memory`, hugetlb: 0 = every pool is empty; FACT_UNKNOWN = ask each. Its own pool, where /sys has none. */
void hugetlb_detect(const struct root *root, struct mem *m, const struct meminfo *memory, struct hugetlb_facts *ret);
void cgroup_detect(const struct root *root, struct mem *m, bool thorough, struct cgroup_facts *ret);
void gpu_detect(const struct root *root, struct mem *m, const char *const *environment, struct gpu_facts *ret);
void process_detect(const struct root *root, struct mem *m, struct process_facts *ret);
/* "NAME", "UID", each with ":GROUP" or ":GID". */
void account_detect(const struct root *root, struct mem *m, const char *user, struct account_facts *ret);

/* The pools of one folder: /sys/kernel/mm/hugepages or a node's. Shared by two detectors. */
void hugetlb_read_pools(const struct root *root, struct mem *m, const char *folder, struct hugetlb_pool **ret_pools,
			size_t *ret_n);

/* Text parsers, pure; the fuzzer's entries. */
void cgroup_parse_self(const char *text, struct mem *m, const char *controller, char **ret_path);
void gpu_apply_visibility(struct mem *m, const char *const *environment, struct gpu_facts *facts);

#endif
