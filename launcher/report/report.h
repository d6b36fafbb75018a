/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_REPORT_H
#define ALLOCRUN_REPORT_REPORT_H

#include <stdbool.h>

#include "decide/plan.h"
#include "facts/machine.h"
#include "options/options.h"

#include <jansson.h>

/* Text and JSON. Strings belong to the pool; the caller decrefs a json_t. */

/* How far the plan has got when it is printed. */
enum report_stage {
	REPORT_PLANNED, /* not tried: a captured machine */
	REPORT_TRIED,   /* in a child process of --explain */
	REPORT_APPLIED, /* in the process that becomes the command */
};

/* For --explain and --verbose. */
char *report_explain(struct mem *m, const struct facts *facts, const struct options *options, const struct plan *plan,
		     enum report_stage stage, bool has_color);
/* For --list. */
char *report_builds(struct mem *m, const struct facts *facts, const struct options *options);
/* What did not go as wanted, a line each, "" when all did. */
char *report_warnings(struct mem *m, const struct plan *plan);
/* The same line for the step that forbids the start. */
char *report_blocker(struct mem *m, const struct operation *op);

/*
 * What --explain --format json and the launch record say, with a newline at its end, in the
 * pool. `not_started`: why the command was not executed after all; NULL.
 */
char *report_plan_json(struct mem *m, const struct facts *facts, const struct options *options, const struct plan *plan,
		       char *const *environment, const char *not_started);
/* The object of --list --format json. */
json_t *report_builds_json(struct mem *m, const struct facts *facts, const struct options *options);

#endif
