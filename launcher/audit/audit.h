/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_AUDIT_H
#define ALLOCRUN_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "decide/plan.h"
#include "facts/live.h"
#include "facts/machine.h"
#include "facts/node.h"
#include "options/options.h"
#include "options/thresholds.h"
#include "util/mem.h"

/*
 * The audit: facts -> findings. Pure: no reads, no system calls, no clock; all of
 * that is in the facts. Strings belong to the pool.
 *
 * A new check is one function in the audit/checks/ of its subject, one row in its table.c,
 * and its cases in tests/unit/audit/checks/.
 */

/* In the order in which they are reported: the worst last. */
enum check_status {
	CHECK_SKIP, /* does not apply here: one node, no GPU, no such kernel */
	CHECK_OK,
	CHECK_UNKNOWN, /* could not be read: never ok */
	CHECK_WARN,
	CHECK_FAIL,
};

enum check_scope {
	SCOPE_NODE,    /* once for the machine */
	SCOPE_PROCESS, /* once for each process that is looked at */
};

/* Everything that a check may look at. */
struct audit_facts {
	const struct facts *machine;        /* as the launcher sees it */
	const struct node_facts *node;      /* what only the audit reads */
	const struct options *options;      /* environment, policy files; never NULL */
	const struct plan *plan;            /* what policy_decide() makes of them here; never NULL */
	const struct live_facts *live;      /* the processes; NULL: none were asked about */
	const struct live_samples *samples; /* of --watch, the last one that of `live`; NULL: none */
};

struct finding {
	const struct check *check;
	enum check_status status;
	const char *observed;               /* one line for an operator; never NULL */
	const char *expected;               /* NULL: the check's own, which the runner puts there */
	const char *fix;                    /* NULL: the check's own */
	const struct live_process *process; /* NULL: the node */
	const char *ignored;                /* the policy's reason; NULL = it counts */
	bool is_told;                       /* shown although it does not apply */
};

/*
 * `process` is NULL for SCOPE_NODE. Made with the finding_* functions; the runner
 * fills in check and process.
 */
typedef struct finding check_assess(struct mem *m, const struct audit_facts *facts, const struct thresholds *thresholds,
				    const struct live_process *process);

/*
 * What a check looks at, so that `--only ID` detects no more. 0, which is what a row
 * without the field has, means all of it: say so where less is enough. Live facts
 * come with SCOPE_PROCESS by themselves.
 */
enum check_needs {
	NEEDS_MACHINE = 1 << 0,  /* facts->machine as detected with `thorough` */
	NEEDS_BUILDS = 1 << 1,   /* the digests of the bundled builds: they are read whole */
	NEEDS_NODE = 1 << 2,     /* facts->node, which is zeroed without */
	NEEDS_THOROUGH = 1 << 3, /* of live facts also what struct live_request calls thorough */
	NEEDS_LITTLE = 1 << 4,   /* none of these: the machine as a launch sees it is always there */
};

struct check {
	const char *id;    /* a stable word, never reused: "thp-defrag" */
	const char *title; /* what is looked at, a few words */
	enum check_scope scope;
	check_assess *assess;
	const char *expected; /* what is good, in words */
	const char *why;      /* why it matters: a sentence */
	const char *fix;      /* the exact command or file */
	const char *section;  /* of allocrun-check(7) */
	unsigned int needs;   /* enum check_needs; 0 = all */
};

/* All checks, `id` NULL at the end. */
extern const struct check checks[];

const char *check_status_name(enum check_status status);

struct finding finding_ok(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct finding finding_skip(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct finding finding_unknown(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct finding finding_warn(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct finding finding_fail(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
