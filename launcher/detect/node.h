/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_NODE_H
#define ALLOCRUN_AUDIT_NODE_H

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * What only the audit reads of the machine. Unknown values are as in facts.h, sizes
 * bytes, counters since boot.
 */

/* A file that should have told something and did not, and why. */
struct node_gap {
	const char *path;
	const char *reason;
};

struct node_meminfo { /* /proc/meminfo */
	int64_t available, file, shmem;     /* file: page cache without shmem */
	int64_t locked, unevictable;
	int64_t commit_limit, committed;
	int64_t swap_total, swap_free;
	int64_t default_huge_size;          /* Hugepagesize */
};

struct node_vmstat { /* /proc/vmstat; counters that a kernel lacks are unknown */
	int64_t thp_faults, thp_fallbacks;
	int64_t thp_fallbacks_charge;       /* of thp_fallbacks: a memory limit, not fragments */
	int64_t compact_stalls, compact_fails;
	int64_t oom_kills;
	int64_t pinned_pages;               /* pages, now: got by pin_user_pages() and not given back */
};

/* Free memory of a node, and how much of it lies in blocks of a whole huge page. */
struct node_free {
	int node;
	int64_t bytes;
	int64_t huge;                       /* FACT_UNKNOWN: blocks are never that large here */
};

/* The memory cgroup whose limit binds: cgroup_facts.memory_path. All unknown without one. */
struct node_cgroup {
	int64_t peak;
	int64_t oom_kills;                  /* of tasks in it and below */
	int64_t anon, shmem, file;          /* file: page cache without shmem */
	int64_t inactive_file;              /* what is given back before anything else */
	int64_t swap_max;                   /* v2 only; FACT_UNLIMITED */
};

struct node_shm { /* /dev/shm */
	enum tristate is_mounted;           /* TRI_NO: no tmpfs there */
	int64_t size;                       /* FACT_UNLIMITED */
	int64_t used;                       /* live only */
};

/* How the IOMMU treats one GPU. */
struct node_iommu {
	char address[16];                   /* PCI */
	enum tristate has_group;            /* TRI_NO: the IOMMU is off, or does not see it */
	char type[16];                      /* identity, DMA, DMA-FQ, …; "" = unknown */
};
#define NODE_IOMMU_MAX 16               /* a look at so many says what the others are */

/* A forked child has called set_mempolicy(2) over the nodes that we may use. */
struct node_mempolicy {
	bool was_tried;                     /* false: captured machine, or `problem` */
	const char *problem;                /* why it could not be tried; NULL */
	int killed_by;                      /* signal: the call is no refusal, but the end; 0 */
	int bind_error;                     /* 0, or the errno of MPOL_BIND */
	uint32_t accepted;                  /* bit N: the kernel took MPOL_… N */
	uint32_t tried;
	int64_t mode;                       /* our own, inherited */
	struct bitmap nodes;                /* of our own */
};

struct node_facts {
	const char *command_line;           /* of the kernel; NULL = unknown */
	int64_t overcommit_memory;          /* vm.overcommit_memory: 0, 1, 2 */
	int64_t swappiness;
	int64_t max_map_count;
	enum tristate has_balancing;        /* a kernel with numa_balancing */
	struct node_meminfo memory;
	struct node_vmstat events;
	struct node_free *free;             /* by node; NULL = unknown */
	size_t n_free;
	struct node_cgroup cgroup;
	struct node_shm shm;
	struct node_iommu *iommu;           /* one for each GPU */
	size_t n_iommu;
	int64_t n_rdma;                     /* /sys/class/infiniband; only looked for beside GPUs */
	struct node_mempolicy mempolicy;
	const char *malloc_conf;            /* what /etc/malloc.conf says; NULL = absent or unknown */
	enum tristate has_ld_so_preload;    /* the file is there, readable or not */
	const char **preload_missing;       /* its entries that do not exist */
	size_t n_preload_missing;
	struct node_gap *gaps;
	size_t n_gaps;
};

/* Nothing known yet. */
extern const struct node_facts node_unknown;

/* Never fails: what is missing is unknown, and worth a gap where it should be there. */
void node_detect(const struct root *root, struct mem *m, const struct facts *machine,
		 struct node_facts *ret);

/* The parts of node_detect(), not for other modules. */
void node_add_gap(struct mem *m, struct node_facts *node, const char *path, int error);
void node_detect_memory(const struct root *root, struct mem *m, const struct facts *machine,
			struct node_facts *node);
/* Also for the cgroup of another process. */
void node_detect_cgroup(const struct root *root, struct mem *m, const struct cgroup_facts *cgroup,
			struct node_facts *node);
void node_probe_mempolicy(struct mem *m, const struct bitmap *allowed, struct node_mempolicy *ret);

/* Text parsers, pure; the fuzzer's entries. What is not found leaves *ret as it is. */

/* The value of "NAME VALUE" at the start of a line: vmstat, memory.stat, memory.events. */
void node_parse_counter(const char *text, const char *name, int64_t *ret);
void node_parse_meminfo(const char *text, struct node_meminfo *ret);
void node_parse_vmstat(const char *text, struct node_vmstat *ret);
/* `huge`: bytes of a huge page, FACT_UNKNOWN = none. False: not the form of /proc/buddyinfo. */
bool node_parse_buddyinfo(struct mem *m, const char *text, int64_t page_size, int64_t huge,
			  struct node_free **ret, size_t *ret_n);
/* The tmpfs at `point` in /proc/self/mountinfo; FACT_UNLIMITED for a size that is not limited. */
bool node_parse_tmpfs(const char *text, const char *point, int64_t memory_total, int64_t *ret_size);

/*
 * The value of NAME=VALUE on the kernel's command line, the last one; "" for a bare
 * word, NULL when it is not there. What stands behind " -- " is init's.
 */
char *node_find_boot(struct mem *m, const char *command_line, const char *name);
/* "2M", "1G": false when it is no size. */
bool node_parse_boot_size(const char *text, int64_t *ret);
/*
 * What thp_anon= ("16K-64K:always;2M:madvise", kernel 6.12) says of a size; NULL: nothing.
 * False: the kernel cannot read it, and ignores all of it.
 */
bool node_find_boot_thp(struct mem *m, const char *text, int64_t size, const char **ret_state);
/* A size of huge pages and how many of it were asked for at boot. */
struct node_boot_pool {
	int64_t page_size;
	int64_t pages;                      /* of all nodes together */
	const char *nodes;                  /* "0:512,1:512"; NULL: the kernel spreads them */
};
/* hugepagesz= and hugepages= in their order, also "0:512,1:512". */
void node_parse_boot_pools(struct mem *m, const char *command_line, int64_t default_size,
			   struct node_boot_pool **ret, size_t *ret_n);

#endif
