/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_NODE_H
#define ALLOCRUN_FACTS_NODE_H

#include "facts/machine.h"

/*
 * What only the audit reads of the machine: plain data, filled by node_detect(). Sizes are
 * bytes, counters since boot.
 */

/* A file that should have told something and did not, and why. */
struct node_gap {
	const char *path;
	const char *reason;
};

struct node_vmstat { /* /proc/vmstat; counters that a kernel lacks are unknown */
	int64_t thp_faults, thp_fallbacks;
	int64_t thp_fallbacks_charge; /* of thp_fallbacks: a memory limit, not fragments */
	int64_t compact_stalls;
	int64_t oom_kills;
	int64_t pinned_pages; /* pages, now: got by pin_user_pages() and not given back */
};

/* Free memory of a node, and how much of it lies in blocks of a whole huge page. */
struct node_free {
	int node;
	int64_t bytes;
	int64_t huge; /* FACT_UNKNOWN: blocks are never that large here */
};

/* The memory cgroup whose limit binds: cgroup_facts.memory_path. All unknown without one. */
struct node_cgroup {
	int64_t peak;
	int64_t oom_kills;         /* of tasks in it and below */
	int64_t anon, shmem, file; /* file: page cache without shmem */
	int64_t inactive_file;     /* what is given back before anything else */
	int64_t swap_max;          /* v2 only; FACT_UNLIMITED */
};

struct node_shm {                 /* /dev/shm */
	enum tristate is_mounted; /* TRI_NO: no tmpfs there */
	int64_t size;             /* FACT_UNLIMITED */
	int64_t used;             /* live only */
};

/* How the IOMMU treats one GPU. */
struct node_iommu {
	char address[16];        /* PCI */
	enum tristate has_group; /* TRI_NO: the IOMMU is off, or does not see it */
	char type[16];           /* identity, DMA, DMA-FQ, …; "" = unknown */
};
#define NODE_IOMMU_MAX 16 /* a look at so many says what the others are */

/* A forked child has called set_mempolicy(2) over the nodes that we may use. */
struct node_mempolicy {
	bool was_tried;      /* false: captured machine, or `problem` */
	const char *problem; /* why it could not be tried; NULL */
	int killed_by;       /* signal: the call is no refusal, but the end; 0 */
	int bind_error;      /* 0, or the errno of MPOL_BIND */
	uint32_t accepted;   /* bit N: the kernel took MPOL_… N */
	uint32_t tried;
	int64_t mode;        /* our own, inherited */
	struct bitmap nodes; /* of our own */
};

struct node_facts {
	const char *command_line;  /* of the kernel; NULL = unknown */
	int64_t overcommit_memory; /* vm.overcommit_memory: 0, 1, 2 */
	int64_t swappiness;
	int64_t max_map_count;
	int64_t balancing;           /* kernel.numa_balancing */
	enum tristate has_balancing; /* a kernel with it */
	struct meminfo memory;
	struct node_vmstat events;
	struct node_free *free; /* by node; NULL = unknown */
	size_t n_free;
	struct node_cgroup cgroup;
	struct node_shm shm;
	struct node_iommu *iommu; /* one for each GPU */
	size_t n_iommu;
	int64_t n_rdma; /* /sys/class/infiniband; only looked for beside GPUs */
	struct node_mempolicy mempolicy;
	const char *malloc_conf;         /* what /etc/malloc.conf says; NULL = absent or unknown */
	enum tristate has_ld_so_preload; /* the file is there, readable or not */
	const char **preload_missing;    /* its entries that do not exist */
	size_t n_preload_missing;
	struct node_gap *gaps;
	size_t n_gaps;
};

#endif
