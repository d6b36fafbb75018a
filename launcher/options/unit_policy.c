/* SPDX-License-Identifier: Apache-2.0 */
#include "options/unit_policy.h"

#include <string.h>

#include "util/nearest.h"
#include "util/refuse.h"

#define UNIT_NAME_MAX 255 /* systemd's, the suffix included */
#define UNIT_SUFFIX ".service"
#define UNIT_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.\\"

bool unit_name_is_service(const char *name)
{
	size_t n = strlen(name), suffix = strlen(UNIT_SUFFIX), prefix = strspn(name, UNIT_BYTES);

	if (n > UNIT_NAME_MAX || n <= suffix || strcmp(name + n - suffix, UNIT_SUFFIX) != 0)
		return false;
	/* Behind the first '@' stands the instance, which may have more of them. */
	return prefix == n ||
	       (prefix > 0 && name[prefix] == '@' && !name[prefix + strspn(name + prefix, UNIT_BYTES "@")]);
}

char *unit_name_template(struct mem *m, const char *name)
{
	const char *at = strchr(name, '@');

	if (!at || strcmp(at + 1, UNIT_SUFFIX) == 0)
		return NULL;
	return mem_printf(m, "%.*s@" UNIT_SUFFIX, (int)(at - name), name);
}

const struct unit_item *unit_policy_find(const struct unit_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n; i++) {
		if (strcmp(policy->items[i].name, name) == 0)
			return &policy->items[i];
	}
	return NULL;
}

int unit_policy_set(struct mem *m, struct unit_policy *policy, const char *name, const char *value, const char *where,
		    const char **ret_error)
{
	static const char *const values[] = { "on", "off", NULL };
	const struct unit_item *known = unit_policy_find(policy, name);
	struct unit_item item = { .is_on = strcmp(value, "on") == 0, .where = where };

	if (!unit_name_is_service(name))
		return refuse(ret_error, mem_printf(m, "'%s' is no service's name%s", name,
						    unit_name_is_service(mem_printf(m, "%s" UNIT_SUFFIX, name)) ?
							    mem_printf(m, " (write: %s" UNIT_SUFFIX ")", name) :
							    " (as in vllm.service, or vllm@.service for a template)"));
	if (!item.is_on && strcmp(value, "off") != 0)
		return refuse(ret_error,
			      mem_printf(m, "bad value '%s' for %s%s", value, name, nearest_hint(m, value, values)));
	item.name = mem_strdup(m, name);
	if (known)
		policy->items[known - policy->items] = item;
	else
		*MEM_PUSH(m, policy->items, policy->n) = item;
	return 0;
}
