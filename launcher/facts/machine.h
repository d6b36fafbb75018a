/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_MACHINE_H
#define ALLOCRUN_FACTS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/bitmap.h"
#include "util/unknown.h"

/*
 * What the machine is: plain data, no behaviour. Filled by detect.c and the
 * detectors that it runs, never changed afterwards. Strings and arrays belong to
 * the pool that was given to facts_detect(). Sizes are bytes.
 *
 * Whatever could not be read is unknown, as util/unknown.h has it.
 */

struct meminfo { /* /proc/meminfo */
	int64_t total;
	int64_t hugetlb; /* of all pools: 0 = every pool is empty */
	int64_t available;
	int64_t file, shmem; /* file: page cache without shmem */
	int64_t locked, unevictable;
	int64_t commit_limit, committed;
	int64_t swap_total, swap_free;
	int64_t default_huge_size;                    /* Hugepagesize */
	int64_t huge_total, huge_free, huge_reserved; /* pages of that size */
};

struct cpu_facts {
	struct bitmap online; /* /sys/devices/system/cpu/online */
	int64_t quota_milli;  /* tightest cgroup quota, 1000 = one CPU; FACT_UNLIMITED */
	int64_t x86_level;    /* N of the psABI's x86-64-vN; live x86_64 only */
	int64_t effective;    /* min(allowed and online, quota rounded up), at least 1 */
};

struct hugetlb_pool {
	int64_t page_size;
	int64_t total; /* nr_hugepages: pages, not bytes, as the next two */
	int64_t free;
	int64_t reserved; /* whole machine only */
};

struct numa_node {
	int id;
	struct bitmap cpus;   /* empty: a memory-only node */
	int64_t memory_total; /* 0: a node without memory */
	int64_t weight;       /* of weighted interleave, 1 to 255 (6.9) */
	int *distances;       /* one per entry of numa_facts.nodes, 10 = local; NULL = unknown */
	struct hugetlb_pool *pools;
	size_t n_pools;
};

struct numa_facts {
	enum tristate known;     /* TRI_NO: no /sys/devices/system/node */
	struct numa_node *nodes; /* online nodes, in order of id */
	size_t n_nodes;
};

enum thp_mode { THP_UNKNOWN, THP_ALWAYS, THP_MADVISE, THP_NEVER };

/* What PR_GET_THP_DISABLE says: 0, 1, or 3 = disabled except where advised (6.18). */
enum thp_process {
	THP_PROCESS_UNKNOWN = -1,
	THP_PROCESS_ALLOWED = 0,
	THP_PROCESS_DISABLED = 1,
	THP_PROCESS_EXCEPT_ADVISED = 3
};

struct thp_size {
	int64_t size;
	char enabled[16]; /* always, inherit, madvise, never; "" = unknown */
};

struct thp_facts {
	enum tristate known; /* TRI_NO: a kernel without it */
	enum thp_mode enabled;
	char defrag[16]; /* always, defer, defer+madvise, madvise, never; "" = unknown, or not asked for */
	int64_t pmd_size;
	struct thp_size *sizes; /* hugepages-NkB, kernel 6.8 */
	size_t n_sizes;
};

struct hugetlb_facts {
	struct hugetlb_pool *pools; /* /sys/kernel/mm/hugepages, by size */
	size_t n_pools;
};

enum cgroup_version { CGROUP_UNKNOWN, CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

struct cgroup_facts {
	enum cgroup_version version;
	char *memory_path;       /* the folder whose limit binds, NULL = no limit or unknown */
	int64_t memory_max;      /* tightest of the cgroup and its ancestors; FACT_UNLIMITED */
	int64_t memory_high;     /* v2 only, tightest; FACT_UNLIMITED */
	int64_t memory_current;  /* of the folder whose limit binds, else of the own cgroup; unknown in a launch */
	int64_t cpu_quota_milli; /* tightest; FACT_UNLIMITED */
};

enum gpu_vendor { GPU_UNKNOWN, GPU_NVIDIA, GPU_AMD };

#define GPU_NODE_UNREAD (-2) /* its folder has no numa_node, or none that can be read */

struct gpu {
	enum gpu_vendor vendor;
	int index;             /* as the vendor's tools count, among its own */
	char *uuid;            /* "GPU-…"; NULL = unknown */
	char address[16];      /* PCI, dddd:bb:dd.f */
	int node;              /* NUMA node; -1 = the firmware names none; GPU_NODE_UNREAD */
	enum tristate visible; /* to the command, after the *_VISIBLE_DEVICES variables */
};

struct gpu_facts {
	struct gpu *gpus;
	size_t n_gpus;
	char *visible_by; /* "CUDA_VISIBLE_DEVICES=0,1": what narrowed them; NULL = nothing */
};

struct limit {
	int64_t soft, hard; /* FACT_UNLIMITED, FACT_UNKNOWN */
};

/* /proc/PID/status of a process, ourselves or another. */
struct process_status {
	int64_t uid, euid, gid, egid;
	enum tristate capabilities_known;
	uint64_t permitted, effective, inheritable, bounding, ambient; /* bit N = CAP_… N */
	enum tristate no_new_privs;
	int64_t seccomp;                  /* 0 off, 1 strict, 2 filter */
	struct bitmap cpus, memory_nodes; /* allowed: affinity within the cpuset; empty = unknown */
	enum thp_process thp;             /* "except advised" shows as allowed: only the process itself can tell */
	int64_t n_threads;
	int64_t inner_pid; /* in its own PID namespace */
	int64_t rss_anon, rss_file, rss_shmem, hugetlb, swap, locked, pinned;
};

/* /proc/PID/limits and oom_score_adj. */
struct process_limits {
	struct limit memlock, core, address_space, stack;
	int64_t oom_score_adj;
};

/* Our own process, which becomes the command. */
struct process_facts {
	struct process_status status;
	struct process_limits limits;
	int64_t memory_policy;  /* MPOL_*, inherited from whoever started us; live only */
	int64_t start_time;     /* /proc/self/stat field 22, clock ticks since boot; live only */
	const char *fatal_call; /* that allocators make and a seccomp filter ends them for, NULL = none; live only */
};

enum libc_kind { LIBC_UNKNOWN, LIBC_GLIBC, LIBC_MUSL, LIBC_OTHER };

/* The headers of one ELF file. */
struct elf_facts {
	int problem;       /* 0, or -errno: -ENOEXEC not an ELF file, -ENODATA truncated */
	int bits;          /* 32, 64 */
	char machine[16];  /* as uname -m says it: x86_64, aarch64, …; "em-N" if not named */
	bool is_dynamic;   /* has PT_INTERP or PT_DYNAMIC */
	char *interpreter; /* PT_INTERP; NULL = none */
	char *soname;
	char **needed; /* DT_NEEDED */
	size_t n_needed;
	char *runpath;     /* DT_RUNPATH, or DT_RPATH without one; NULL = none */
	int64_t page_size; /* largest p_align of PT_LOAD */
	char *build_id;    /* lower-case hex; NULL = none */
};

/* What an ELF file has to do with malloc, by the symbols that it defines and asks for. */
enum malloc_role {
	MALLOC_UNREAD,    /* the file cannot be read: only its name speaks */
	MALLOC_NONE,      /* it defines none */
	MALLOC_SERVES,    /* an allocator */
	MALLOC_PASSES_ON, /* it defines malloc, and hands on to the next one: heaptrack */
	MALLOC_SANITIZES, /* a sanitizer's runtime: a malloc that works with no other */
};

struct malloc_file {
	char *name; /* as LD_PRELOAD or DT_NEEDED has it, or the command's path */
	enum malloc_role role;
};

/* By their names; none twice. */
struct malloc_files {
	struct malloc_file *items;
	size_t n;
};

#define COMMAND_CHAIN_MAX 4 /* "#!" levels that are followed; the kernel's own limit is 5 */

/* The command that will be executed, and the ELF file that the kernel loads for it. */
struct command_facts {
	char *name;                         /* as given */
	char *path;                         /* found on PATH; NULL = not found */
	bool is_behind_shim;                /* PATH has an allocrun of the command's name before it */
	int error;                          /* 0, or what exec would fail with: -ENOENT, -EACCES, -EISDIR … */
	char *chain[COMMAND_CHAIN_MAX + 1]; /* path, then each "#!" interpreter; "env" is looked through */
	size_t n_chain;
	struct elf_facts elf;      /* of the last in the chain */
	enum libc_kind libc;       /* from PT_INTERP */
	int64_t libc_minor;        /* glibc 2.N of the target's libc.so.6; FACT_UNKNOWN */
	bool is_setuid, is_setgid; /* of the last in the chain; scripts' own bits do nothing */
	int64_t owner_uid, owner_gid;
	enum tristate file_capabilities;
	enum tristate nosuid;          /* mounted so that the three above do nothing */
	enum malloc_role malloc_role;  /* of the file itself */
	struct malloc_files libraries; /* those that it loads, by DT_NEEDED and so on, without the libc's own */
};

#define BUILD_FEATURE_PROF "prof"
#define BUILD_FEATURE_PURGE "purge_thread" /* allocator/purge */

/* One bundled build (manifest.json), or the library named by a path. */
struct build_facts {
	char *id;        /* jemalloc-5.3.1-x86_64-glibc; the path for a foreign one */
	char *allocator; /* jemalloc, mimalloc; "" = unknown (a foreign library) */
	char *version;
	char *variant; /* "", prof */
	char *path;    /* absolute */
	char *machine;
	enum libc_kind libc;
	int64_t libc_minor; /* needs at least glibc 2.N; FACT_UNKNOWN */
	int64_t page_size;  /* largest system page it works with; FACT_UNKNOWN */
	int64_t load_align; /* how its segments are aligned: with larger pages no loader maps it; 0 = unknown */
	int64_t x86_level;  /* needs x86-64-vN; FACT_UNKNOWN = any CPU of its machine */
	char *build_id;
	char *sha256;                                     /* as the manifest has it */
	char *digest;                                     /* that of the file; NULL = not asked for, or not readable */
	char *flags, *compiler, *source_sha256, *licence; /* for --list alone; NULL = unknown */
	char **features;                                  /* NULL-terminated, or NULL */
	bool is_bundled;
	char *problem; /* NULL, or why it cannot be loaded: "truncated: …" */
};

struct catalog_facts {
	char *prefix;                /* from /proc/self/exe; NULL = unknown */
	char *problem;               /* NULL, or what is wrong with the manifest */
	char *children_digest;       /* its sha256; NULL = not asked for, or not readable */
	const char *children_sha256; /* what that should be, "" = not known */
	char *children; /* the library for LD_PRELOAD that watches over the command's children; NULL = none here */
	struct build_facts *builds;
	size_t n_builds;
};

/* The account that --user names, from /etc/passwd and /etc/group below the root. */
struct account_facts {
	char *problem; /* NULL, or why it cannot be used */
	char *name;    /* NULL: a bare number without an entry */
	char *home;    /* NULL: unknown */
	int64_t uid, gid;
	gid_t *groups; /* supplementary, with gid */
	size_t n_groups;
};

#define KERNEL_RELEASE_SIZE 65 /* as of struct utsname */
#define KERNEL_MACHINE_SIZE 16

struct facts {
	bool is_live;                      /* false under --sysroot */
	char kernel[KERNEL_RELEASE_SIZE];  /* /proc/sys/kernel/osrelease */
	char machine[KERNEL_MACHINE_SIZE]; /* uname -m */
	int64_t page_size;
	int64_t memory_total;         /* /proc/meminfo MemTotal */
	char *ld_so_preload;          /* /etc/ld.so.preload, without comments; NULL = absent */
	struct malloc_files preloads; /* the entries of LD_PRELOAD and of that file */
	struct cpu_facts cpu;
	struct numa_facts numa;
	struct thp_facts thp;
	struct hugetlb_facts hugetlb;
	struct cgroup_facts cgroup;
	struct gpu_facts gpu;
	struct process_facts process;
	struct command_facts command;
	struct catalog_facts catalog;
	struct account_facts account;
};

#endif
