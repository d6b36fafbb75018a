/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_DECISION_H
#define ALLOCRUN_DECIDE_DECISION_H

/* What the parts of the policy share. Not for other modules. */

#include "decide/policy.h"
#include "known/servers.h"
#include "known/wrappers.h"
#include "options/profiles.h"

struct decision {
	struct mem *m;
	const struct facts *facts;
	const struct options *options;
	const struct profile *profile;         /* the built-in base */
	const struct profile_section *section; /* of the policy file; NULL = none */
	struct wrapped command;                /* behind "sh -c" and its like */
	const struct framework *framework;     /* NULL = not recognised */
	struct plan *plan;
};

/* The value of a key that a profile may set: option, else section, else built in. */
struct setting policy_setting(const struct decision *d, enum key key);

static inline enum ladder policy_ladder(const struct decision *d, enum step step)
{
	return d->options->ladders[step].ladder;
}

/* With the step off: adds the operation that says so and returns true. */
bool policy_is_off(const struct decision *d, enum step step, const char *name);

/* An operation of the step. */
struct operation *policy_add(const struct decision *d, enum step step, enum operation_kind kind, const char *name);
/* One that does nothing: nothing has to be done; it is wanted and cannot be. */
struct operation *policy_leave(const struct decision *d, enum step step, const char *name, const char *why);
struct operation *policy_refuse(const struct decision *d, enum step step, const char *name, const char *why);

/* What goes into LD_PRELOAD behind the build; NULL: there is none, or its bytes are not ours. */
const char *policy_find_children(const struct facts *f);

/* Each adds the operations of its steps. */
void policy_decide_numa(const struct decision *d);       /* affinity, mempolicy */
void policy_decide_thp(const struct decision *d);        /* thp */
void policy_decide_limits(const struct decision *d);     /* rlimits, oom-score */
void policy_decide_preload(const struct decision *d);    /* preload; sets plan->build */
void policy_decide_integrity(const struct decision *d);  /* integrity, of plan->build */
void policy_decide_options(const struct decision *d);    /* options of the chosen allocator */
void policy_decide_children(const struct decision *d);   /* preload, of what the command starts */
void policy_decide_privileges(const struct decision *d); /* user, caps, no-new-privs */

#endif
