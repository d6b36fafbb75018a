/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_LIVE_H
#define ALLOCRUN_FACTS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts/machine.h"
#include "facts/node.h"
#include "known/conf.h"
#include "purge/figures.h"
#include "util/bitmap.h"

/*
 * What running processes are: plain data, filled by live_detect(). Strings belong to
 * the pool; they come from the processes and are hostile until escaped. Sizes are
 * bytes. Unknown values are as in util/unknown.h.
 */

enum live_state {
	LIVE_RUNNING,
	LIVE_GONE, /* ended while it was looked at */
	LIVE_ZOMBIE,
	LIVE_KERNEL_THREAD,
	LIVE_UNREADABLE, /* there, and nobody can look into it */
	LIVE_DENIED,     /* another user's: only what everyone may read is known */
};

/* How a value is known. */
enum evidence {
	EVIDENCE_NONE,
	EVIDENCE_ASSUMED, /* from its environment: what it was told */
	EVIDENCE_PROVED,  /* from its memory: what it does */
};

/* A loaded object that defines malloc, free or operator new. */
struct live_library {
	char *path;                      /* as the kernel has it mapped; "" = unknown */
	char *allocator;                 /* jemalloc, mimalloc, tcmalloc, glibc, musl, else the file's name */
	char *build_id;                  /* NULL = none */
	bool is_program;                 /* the program itself */
	bool defines_malloc;             /* not free or operator new alone, as programs do that have their own */
	bool is_deleted;                 /* the file was removed or replaced since it was loaded */
	const struct build_facts *build; /* the bundled build of this build ID; NULL = none */
	bool is_impostor;                /* lies where a bundled build does, or has its build ID, and is another */
};

/* What a step has set: facts/launch_record.h has the values' meaning. */
enum live_set_kind {
	SET_NOTHING, /* or it is not known */
	SET_CPUS,
	SET_POLICY,
	SET_THP,
	SET_LIMIT,
	SET_OOM_SCORE,
	SET_VARIABLE,
	SET_CHILDREN,
	SET_USER,
	SET_CAPABILITIES,
	SET_NO_NEW_PRIVS,
};

/* The fields of its kind are there, the others zero. */
struct live_set {
	enum live_set_kind kind;
	const struct bitmap *cpus;  /* SET_CPUS */
	int64_t policy;             /* SET_POLICY: MPOL_* */
	const struct bitmap *nodes; /* SET_POLICY; empty: a policy without nodes */
	int64_t thp;                /* SET_THP: enum thp_process */
	const char *resource;       /* SET_LIMIT: "memlock", "core" */
	struct limit limit;         /* SET_LIMIT */
	int64_t oom_score_adj;      /* SET_OOM_SCORE */
	const char *variable;       /* SET_VARIABLE */
	const char *text;           /* SET_VARIABLE: NULL = taken out; SET_CHILDREN: as --children says it */
	int64_t uid;                /* SET_USER */
	uint64_t capabilities;      /* SET_CAPABILITIES: bit N = CAP_… N is kept */
};

/* One step of the recorded plan. */
struct live_step {
	char *step, *name, *value, *outcome; /* as in the record; value NULL = nothing was set */
	struct live_set set;
};

/* What a process was launched as: /run/allocrun/PID.json. */
struct live_record {
	char *path;
	char *problem;  /* NULL, or why it says nothing: truncated, newer, of another process */
	bool is_unread; /* it is there, and this user may not read it */
	bool is_stale;  /* an earlier process of this PID left it: it says nothing of this one */
	char *version;  /* of the launcher */
	char *build_id; /* of the library that was preloaded; NULL = none */
	char *library;  /* its path; NULL = none */
	char *profile;
	struct conf options;
	struct live_step *steps;
	size_t n_steps;
};

/* A control group, seen from outside of it: the limits that bind its processes. */
struct live_cgroup {
	char *text; /* /proc/PID/cgroup: which one it is */
	struct cgroup_facts limits;
	const struct node_facts *usage; /* of which `cgroup` is filled */
};

/* A small size of an allocator: what its slabs hold, and what they have room for. */
struct live_heap_class {
	int64_t size; /* of a block */
	int64_t used; /* blocks in use */
	int64_t used_bytes;
	int64_t slabs, slabs_with_room;
	int64_t bytes; /* that the slabs take */
};

/*
 * What an allocator holds, by its own counters: bytes, as mallctl(3)'s stats.* has them, at
 * rest within a page for each arena. FACT_UNKNOWN: its build does not say where they are.
 */
struct live_heap {
	int64_t allocated; /* in use; what threads have cached counts as theirs */
	int64_t active;    /* pages with something in use */
	int64_t dirty;     /* free, resident, for reuse */
	int64_t muzzy;     /* given back lazily: the kernel takes it when it wants */
	int64_t retained;  /* addresses without memory, kept */
	int64_t metadata;  /* its own tables, as far as they are used */
	int64_t resident;  /* active, dirty, and its own tables */
	int64_t arenas;
	int64_t purges, purged;          /* of dirty pages, by whomever, since the start: how often, bytes */
	struct live_heap_class *classes; /* in use or with slabs; NULL: none, or unknown */
	size_t n_classes;
};

/* What the purge thread gave back for one reason, and how often that was too early. */
struct live_purged {
	int64_t times, bytes, regrets;
};

/* What the purge thread of a bundled build says of itself: allocator/purge/figures.h. */
struct live_purge {
	enum purge_thread_state state;
	int64_t pid;         /* of the process that these figures are of */
	int64_t error;       /* errno of the last try to make a thread; 0 = none failed */
	int64_t looks;       /* at the heap */
	int64_t look_age_ms; /* since the last one; FACT_UNKNOWN */
	struct live_purged idle, demand, pressure;
	int64_t window_ms, idle_ms, busy_percent, heap_mb; /* its options in force */
	int64_t changes;                                   /* of them, while it ran */
	int64_t limit; /* the nearest memory limit that it sees, or FACT_UNLIMITED */
};

struct live_process {
	int64_t pid, parent;
	struct process_status status;
	int64_t start_time;  /* clock ticks since boot */
	int64_t age_seconds; /* since then; FACT_UNKNOWN */
	const char *name;    /* the kernel's short name */
	const char *command; /* argv with blanks between, cut at 4 KiB; "" = none */
	enum live_state state;
	char *problem;              /* NULL, or why the rest is not known, in words */
	enum tristate other_mounts; /* another mount namespace than ours: paths are its own */

	/* Which allocator. */
	int bits; /* 64, 32, 0 = unknown */
	enum tristate is_static;
	enum tristate is_secure;                                 /* AT_SECURE: LD_PRELOAD was ignored */
	const struct live_library *malloc, *free, *operator_new; /* what serves each; NULL = unknown or nobody */
	struct live_library *libraries;                          /* all that define malloc, in the loader's order */
	size_t n_libraries;
	char **loaded;      /* paths of all loaded objects, NULL-terminated; NULL = unknown */
	const char *seems;  /* where its memory is closed: what is mapped and has an allocator's name; NULL */
	char **environment; /* NAME=VALUE from its memory; NULL = unknown */
	enum evidence environment_evidence;
	struct conf options; /* of the allocator that serves malloc */
	enum evidence options_evidence;

	/* Memory and where it lies. */
	int64_t anon_huge;              /* of rss_anon, on huge pages */
	int64_t allocator_resident;     /* of rss_anon: what the allocator has from the kernel */
	int64_t allocator_dirty;        /* of that, what was freed and has not decayed yet */
	int64_t allocator_live;         /* of allocator_resident, what the program has allocated and not freed */
	int64_t purge_threads;          /* of jemalloc's own, that run in it now; FACT_UNKNOWN */
	const struct live_heap *heap;   /* of the allocator that serves malloc; NULL = unknown */
	const struct live_purge *purge; /* the thread of a bundled build; NULL: it has none, or it is not known */
	int64_t n_mappings;
	int64_t memory_policy; /* MPOL_* of its largest anonymous mapping; FACT_UNKNOWN */
	struct bitmap policy_nodes;
	int64_t *node_bytes; /* resident by node id, n_node_bytes entries; NULL = unknown */
	size_t n_node_bytes;
	struct process_limits limits;
	const struct live_cgroup *cgroup; /* shared by those that are in the same; NULL = unknown */

	struct live_record *record; /* NULL = none */
};

struct live_facts {
	const char *asked;              /* "PID 4711", "unit vllm.service": for the report */
	char *problem;                  /* NULL, or why nobody could be looked at */
	struct live_process *processes; /* parents before children */
	size_t n_processes;
	size_t n_left_out; /* there were more than can be looked at */
	int64_t page_size;
};

/* What --watch keeps of each look at the processes: what grows. Bytes, FACT_UNKNOWN. */
struct live_point {
	int64_t pid, start_time; /* together they name a process; a PID alone comes again */
	int64_t rss_anon, rss_file, rss_shmem, hugetlb;
	int64_t allocator_resident; /* of the first and the last sample only */
};

struct live_sample {
	int64_t after_ms; /* since the first one */
	struct live_point *points;
	size_t n_points;
};

/* The first one is taken at once, the last one at the end; one, where they had ended by the second. */
struct live_samples {
	struct live_sample *items;
	size_t n;
};

/* Which processes are looked at. */
enum live_selector { LIVE_NONE, LIVE_PID, LIVE_UNIT, LIVE_CGROUP, LIVE_ALL, LIVE_HERE };

#endif
