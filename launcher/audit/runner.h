/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_RUNNER_H
#define ALLOCRUN_AUDIT_RUNNER_H

#include "audit/audit.h"
#include "options/check_options.h"
#include "options/check_policy.h"

/*
 * Runs a table of checks over the facts: which of them, what the policy ignores, the
 * exit status. Pure; the time is given.
 *
 * Three checks are the runner's own and stand in no table: policy-file (can the
 * policy be read?), policy-ignores (does each ignore still match something?) and
 * process-found (was there anybody to look at?). They are named, selected and ignored
 * as all others are, but process-found, which --only never leaves out: "no such
 * process" is no reason to say that all is well.
 */
extern const struct check runner_checks[]; /* ended by id NULL */

/* Which checks run. Lists are NULL-terminated; `only` NULL: all. */
struct audit_selection {
	const struct check *table;
	const char *const *only;
	const char *const *skip;
	bool has_processes; /* processes were asked about */
};

struct audit_request {
	struct audit_selection selection;
	const struct check_policy *policy;
	const char *policy_problem;      /* why the policy files were ignored as a whole; NULL */
	const char *const *policy_files; /* those that were read */
	size_t n_policy_files;
	enum check_status fail_on; /* CHECK_WARN or CHECK_FAIL */
	int64_t now;               /* seconds since 1970 */
};

#define CHECK_STATUS_COUNT (CHECK_FAIL + 1)

/* What the process ends with, save for --format nagios. */
enum audit_exit {
	AUDIT_EXIT_FINE,    /* nothing at or above the threshold */
	AUDIT_EXIT_WARN,    /* a warning, with --fail-on warn */
	AUDIT_EXIT_FAIL,    /* a failure */
	AUDIT_EXIT_UNKNOWN, /* something could not be told, or nothing was looked at */
};

struct audit_result {
	struct finding *findings; /* the node's in the order of the table, then each process's */
	size_t n_findings;
	size_t counts[CHECK_STATUS_COUNT]; /* of those that count */
	size_t n_ignored;
	enum check_status worst;   /* of those that count; CHECK_OK for none */
	enum audit_exit exit_code; /* a failure counts for more than a warning, that for more than not to know */
};

/* All ids, the runner's own last. NULL-terminated, in the pool. */
const char **runner_list_ids(struct mem *m, const struct check *table);
const struct check *runner_find(const struct check *table, const char *id);
/* What --only, --skip and the options that name processes select of a table. */
struct audit_selection runner_select(struct mem *m, const struct check *table, const struct check_options *options);
/*
 * -EINVAL, with one line: an option names a check that is not there, or one that needs a
 * process, or nothing is left to run.
 */
int runner_verify(struct mem *m, const struct check *table, const struct check_options *options,
		  const char **ret_error);
bool runner_is_selected(const struct audit_selection *selection, const struct check *check);
/* What the selected checks need together: enum check_needs. */
unsigned int runner_collect_needs(const struct audit_selection *selection);

void audit_run(struct mem *m, const struct audit_request *request, const struct audit_facts *facts,
	       struct audit_result *ret);

#endif
