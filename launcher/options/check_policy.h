/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_CHECK_POLICY_H
#define ALLOCRUN_OPTIONS_CHECK_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "options/thresholds.h"
#include "util/mem.h"

/* [check] of the policy files: thresholds, and findings that are known and accepted. */

/* "ignore.ID = [until YYYY-MM-DD:] REASON" */
struct check_ignore {
	const char *id;
	const char *reason;
	const char *until; /* the last day on which it counts, as written; NULL = for ever */
	int64_t end;       /* the second, UTC since 1970, from which on it counts no more */
	const char *where; /* "/etc/allocrun/policy.conf:7" */
};

struct check_policy {
	struct {
		int64_t value;
		const char *where; /* NULL: the built-in value holds */
	} thresholds[THRESHOLD_COUNT];
	struct check_ignore *ignores; /* one for each id */
	size_t n_ignores;
};

/*
 * One "name = value" of the section. -EINVAL: *ret_error says what is wrong with it,
 * without the place. `ids`: of all checks, NULL-terminated. Pure.
 */
int check_policy_set(struct mem *m, struct check_policy *policy, const char *const *ids, const char *name,
		     const char *value, const char *where, const char **ret_error);
/* Once all is read: -EINVAL when a "-warn" lies beyond its "-fail"; with the place. */
int check_policy_verify(struct mem *m, const struct check_policy *policy, const char **ret_error);
/* Built in, with the policy's over them. */
struct thresholds check_policy_thresholds(const struct check_policy *policy);
const struct check_ignore *check_policy_find_ignore(const struct check_policy *policy, const char *id);

#endif
