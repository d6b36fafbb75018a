/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_UNIT_POLICY_H
#define ALLOCRUN_OPTIONS_UNIT_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/mem.h"

/* [units] of the policy files: the systemd services that allocrun stands in front of. */

/* "vllm.service", "vllm@.service" for all of a template, "vllm@a.service" for one of them. */
struct unit_item {
	const char *name;
	bool is_on;
	const char *where; /* "/etc/allocrun/policy.conf:7" */
};

struct unit_policy {
	struct unit_item *items; /* one for each name, in the order in which they came up */
	size_t n;
};

/*
 * One "name = value" of the section. -EINVAL: *ret_error says what is wrong with it,
 * without the place, and *policy is untouched. Pure.
 */
int unit_policy_set(struct mem *m, struct unit_policy *policy, const char *name, const char *value, const char *where,
		    const char **ret_error);
/* The line of exactly this name; NULL. */
const struct unit_item *unit_policy_find(const struct unit_policy *policy, const char *name);

/* Is it a service's name, as systemd.unit(5) allows it and a key can be: without a colon? */
bool unit_name_is_service(const char *name);
/* "vllm@.service" of "vllm@a.service"; NULL where it is no template's instance. Owned by the pool. */
char *unit_name_template(struct mem *m, const char *name);

#endif
