/* SPDX-License-Identifier: Apache-2.0 */
#include "units/units.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "util/replace.h"

/* An instance that its template's drop-in may not reach gets an empty one, which systemd takes in its place. */
static void units_add(const struct root *root, struct mem *m, const struct unit_index *index,
		      const struct unit_policy *policy, const struct unit_item *item, const char *name,
		      const struct units_launcher *launcher, struct unit_decision *ret)
{
	const char *template = unit_name_template(m, name);
	const struct unit_item *general = template ? unit_policy_find(policy, template) : NULL;
	struct unit u = { .name = name };

	if (item->is_on)
		unit_load(root, m, index, name, &u);
	unit_decide(m, &u, item, launcher, ret);
	if (!ret->text && general && general->is_on)
		ret->text = mem_strdup(m, "");
}

struct unit_decision *units_decide(const struct root *root, struct mem *m, const struct unit_policy *policy,
				   const struct units_launcher *launcher, size_t *ret_n)
{
	struct unit_decision *decisions = NULL;
	struct unit_index index;
	size_t n = 0;

	unit_index_read(root, m, &index);
	for (size_t i = 0; i < policy->n; i++) {
		const struct unit_item *item = &policy->items[i];

		units_add(root, m, &index, policy, item, item->name, launcher, MEM_PUSH(m, decisions, n));
		if (!item->is_on || !strstr(item->name, "@.") || unit_name_template(m, item->name))
			continue;
		/* Whose own files say something else than the template's. */
		for (char **name = unit_list_instances(m, &index, item->name); *name; name++) {
			if (!unit_policy_find(policy, *name))
				units_add(root, m, &index, policy, item, *name, launcher, MEM_PUSH(m, decisions, n));
		}
	}
	*ret_n = n;
	return decisions;
}

int unit_write(struct mem *m, const char *folder, const struct unit_decision *decision)
{
	char *own = mem_printf(m, "%s/%s.d", folder, decision->name);

	if (mkdir(own, 0755) < 0 && errno != EEXIST)
		return -errno;
	return replace_file(m, mem_printf(m, "%s/" UNITS_DROP_IN, own), decision->text);
}
