/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_PLAN_H
#define ALLOCRUN_DECIDE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts/machine.h"
#include "options/steps.h"
#include "util/bitmap.h"
#include "util/mem.h"

/*
 * The plan: an ordered array of operations, each with its reason. policy.c makes
 * it, --explain and the launch record print it, apply.c carries it out. Strings
 * belong to the pool.
 */

/* One entry of a list value: a key of MALLOC_CONF, an entry of LD_PRELOAD. */
struct part {
	const char *name;
	const char *value; /* NULL: it was left out */
	const char *why;
};

struct parts {
	struct part *items;
	size_t n;
};

enum operation_kind {
	OP_NOTHING, /* left alone, or cannot be done: `why` says which */
	OP_AFFINITY,
	OP_MEMPOLICY,
	OP_THP,
	OP_RLIMIT,
	OP_OOM_SCORE,
	OP_ENVIRONMENT,
	OP_CHILDREN,
	OP_USER,
	OP_CAPS,
	OP_NO_NEW_PRIVS,
};

enum outcome {
	OUTCOME_PLANNED, /* not tried yet */
	OUTCOME_NOTHING, /* nothing had to be done */
	OUTCOME_OFF,     /* switched off by its ladder */
	OUTCOME_DONE,
	OUTCOME_DEGRADED, /* a later choice was taken; `detail` says why */
	OUTCOME_REFUSED,  /* could not be done; `detail` (or `why`) says why */
};

/* A mode of set_mempolicy(2) and its nodes. */
struct mempolicy {
	int mode;
	struct bitmap nodes;
};

struct operation {
	enum step step;
	enum operation_kind kind;
	const char *name;  /* the thing that is set: "MALLOC_CONF", "memory policy" */
	const char *value; /* what it is set to, in words; NULL = left alone */
	const char *why;   /* for an operator, one sentence */
	enum ladder ladder;
	struct parts parts;
	enum outcome outcome;
	const char *detail; /* after apply: what the kernel said; NULL = nothing to say */
	union {
		const struct bitmap *cpus; /* OP_AFFINITY */
		struct {                   /* OP_MEMPOLICY: best first */
			struct mempolicy *choices;
			size_t n_choices;
		} memory;
		struct { /* OP_THP: prctl(PR_SET_THP_DISABLE, … */
			unsigned long disable, flags;
		} thp;
		struct { /* OP_RLIMIT, and OP_NOTHING of a limit */
			int resource;
			struct limit limit;
		} rlimit;
		int64_t oom_score_adj; /* OP_OOM_SCORE */
		struct {               /* OP_ENVIRONMENT */
			const char *variable;
			const char *text;
			const char *library; /* the file that must be readable, NULL = none */
		} environment;
		struct {                           /* OP_CHILDREN */
			const struct parts *marks; /* variables, known/inheritance.h */
			bool has_pid;              /* and that of the process */
		} children;
		const struct account_facts *account; /* OP_USER; points into the facts */
		struct {                             /* OP_CAPS: bit N = CAP_… N */
			uint64_t keep;
			bool leaves_bounding;
		} caps;
	} u;
};

struct plan {
	const char *profile;
	struct parts settings;           /* name, value, where it comes from */
	const char *framework;           /* NULL = not recognised */
	const struct build_facts *build; /* the one that is preloaded; NULL = none */
	const char *trial;               /* how it was seen to load; NULL: it was not tried */
	struct operation *operations;
	size_t n_operations;
	const char **warnings; /* said on stderr at launch; "what: why" */
	size_t n_warnings;
};

struct operation *plan_add(struct mem *m, struct plan *plan, enum step step, enum operation_kind kind, const char *name,
			   enum ladder ladder);
/* "nothing to do" in words. */
struct operation *plan_add_nothing(struct mem *m, struct plan *plan, enum step step, const char *name,
				   enum ladder ladder, const char *why);
/* Wanted, and known beforehand to be impossible. */
struct operation *plan_add_refused(struct mem *m, struct plan *plan, enum step step, const char *name,
				   enum ladder ladder, const char *why);
void plan_warn(struct mem *m, struct plan *plan, const char *format, ...) __attribute__((format(printf, 3, 4)));
void parts_add(struct mem *m, struct parts *parts, const char *name, const char *value, const char *why);

/* The first operation that was refused though its step is required; NULL = none. */
const struct operation *plan_find_blocker(const struct plan *plan);

const char *outcome_name(enum outcome outcome);
/* "preferred-many 0-1" */
const char *mempolicy_describe(struct mem *m, const struct mempolicy *policy);
/* Does get_mempolicy(2) give this answer once `wanted` is in force? */
bool mempolicy_is_answer(const struct mempolicy *wanted, const struct mempolicy *answer);

#endif
