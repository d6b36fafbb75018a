/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_H
#define ALLOCRUN_DETECT_H

#include "util/environment.h" /* environment_get(), in environment.c */
#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/* What the detectors are asked about. Nothing in it is changed or kept. */
struct detect_request {
	const char *const *argv;        /* the command; NULL = none (--list) */
	const char *const *environment; /* NAME=VALUE…, NULL-terminated; for PATH and GPUs */
	const char *allocators;         /* as --allocator: its paths are looked at; NULL = none */
	const char *user;               /* --user; NULL = none */
	/*
	 * False, for a launch: what decides nothing there and costs three system calls a
	 * value is left unknown (THP sizes other than the PMD's, hugetlb overcommit).
	 */
	bool thorough;
	bool integrity; /* read the builds whole and compare them with the manifest */
};

/* All detectors in turn. Never fails: what is missing is unknown. */
void facts_detect(const struct root *root, struct mem *m, const struct detect_request *request,
		  struct facts *ret);

/* The detectors, each for its own part of struct facts (see there for the meaning). */
int64_t page_size_detect(const struct root *root, struct mem *m);
void cpu_detect(const struct root *root, struct cpu_facts *ret);
/* `hugetlb`: when it says that no pool has a page, the nodes' pools are not asked. NULL: ask. */
void numa_detect(const struct root *root, struct mem *m, const struct hugetlb_facts *hugetlb,
		 struct numa_facts *ret);
void thp_detect(const struct root *root, struct mem *m, bool thorough, struct thp_facts *ret);
/* `pool_bytes`: /proc/meminfo, Hugetlb: 0 = every pool is empty; FACT_UNKNOWN = ask each. */
void hugetlb_detect(const struct root *root, struct mem *m, bool thorough, int64_t pool_bytes,
		    struct hugetlb_facts *ret);
void cgroup_detect(const struct root *root, struct mem *m, struct cgroup_facts *ret);
/* The same for another process: `process` is its folder, "/proc/4711". */
void cgroup_detect_process(const struct root *root, struct mem *m, const char *process,
			   struct cgroup_facts *ret);
void gpu_detect(const struct root *root, struct mem *m, const char *const *environment,
		struct gpu_facts *ret);
/*
 * Reads /proc/self/status and limits once; also fills the CPU and memory masks and
 * the THP state that stand in the same files.
 */
void process_detect(const struct root *root, struct mem *m, struct facts *ret);
/* The limits in `folder`/limits, /proc/PID or /proc/self; unknown where it cannot be read. */
void process_read_limits(const struct root *root, struct mem *m, const char *folder,
			 struct process_facts *facts);
/* Fills libc_minor: eight system calls that only a build with a newer glibc is worth. */
void command_detect_glibc_version(const struct root *root, struct mem *m,
				  struct command_facts *facts);
void command_detect(const struct root *root, struct mem *m, const char *const *argv,
		    const char *const *environment, struct command_facts *ret);
/* "NAME", "UID", each with ":GROUP" or ":GID". */
void account_detect(const struct root *root, struct mem *m, const char *user,
		    struct account_facts *ret);
void catalog_detect(const struct root *root, struct mem *m, const struct detect_request *request,
		    const struct command_facts *command, struct catalog_facts *ret);

/* The pools of one folder: /sys/kernel/mm/hugepages or a node's. Shared by two detectors. */
void hugetlb_read_pools(const struct root *root, struct mem *m, const char *folder,
			struct hugetlb_pool **ret_pools, size_t *ret_n);

/* The headers of an ELF file at `path` below the root; ret->problem says what is wrong. */
void elf_read(const struct root *root, struct mem *m, const char *path, struct elf_facts *ret);
/* The same from memory: `size` bytes of the file. Pure; the fuzzer's entry. */
void elf_parse(struct mem *m, const unsigned char *bytes, size_t size, struct elf_facts *ret);

/* Text parsers, pure; the fuzzer's entries. */
void cgroup_parse_self(const char *text, struct mem *m, const char *controller, char **ret_path);
void gpu_apply_visibility(struct mem *m, const char *const *environment, struct gpu_facts *facts);

/* min(allowed and online, quota rounded up), at least 1; FACT_UNKNOWN when neither is known. */
int64_t cpu_count_effective(const struct cpu_facts *cpu);

#endif
