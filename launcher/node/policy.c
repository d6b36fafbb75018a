/* SPDX-License-Identifier: Apache-2.0 */
/* The units of [units], as the policy will be when the fragment of --policy is in its place. */
#include "node/node.h"

#include <errno.h>
#include <string.h>

#include "audit/runner.h"
#include "options/options.h"
#include "options/read.h"
#include "util/path.h"
#include "util/text.h"

#define POLICY_MAX (256 * 1024)
#define POLICY_SECONDS 30
#define POLICY_TEMPLATE "@.service"

static int policy_take(struct node *n, struct options *o, const char *path)
{
	const char *error;
	size_t size;
	char *text;
	int r = root_read(&root_machine, n->m, path, POLICY_MAX, &text, &size);

	if (r < 0)
		return node_say(n, NODE_REFUSED, "%s: %s", path, strerror(-r));
	r = policy_file_parse(n->m, o, path, text, size, &error);
	return r < 0 ? node_say(n, NODE_REFUSED, "%s: nothing was changed", error) : NODE_DONE;
}

/* In the launcher's order: policy.conf, then policy.d by name. The new fragment stands for the one of its name. */
static int policy_take_all(struct node *n, struct options *o)
{
	const char *first = mem_printf(n->m, "%s/policy.conf", n->o->etc), *fragment = node_fragment_path(n);
	const char *folder = text_dirname(n->m, fragment), *own = text_basename(fragment);
	bool is_taken = !n->o->policy;
	char **names = NULL;
	struct stat st;
	int r = root_stat(&root_machine, first, &st) < 0 ? NODE_DONE : policy_take(n, o, first);

	root_list(&root_machine, n->m, folder, "", &names);
	for (; r == NODE_DONE && names && *names; names++) {
		const char *end = strrchr(*names, '.');
		bool is_own = strcmp(*names, own) == 0;

		if (**names == '.' || !end || strcmp(end, ".conf") != 0)
			continue;
		if (!is_taken && (is_own || strverscmp(*names, own) > 0)) {
			is_taken = true;
			r = policy_take(n, o, n->o->policy);
		}
		if (r == NODE_DONE && !(is_own && n->o->policy))
			r = policy_take(n, o, mem_printf(n->m, "%s/%s", folder, *names));
	}
	return r == NODE_DONE && !is_taken ? policy_take(n, o, n->o->policy) : r;
}

static void policy_add(struct node *n, const char ***names, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp((*names)[i], name) == 0)
			return;
	}
	*MEM_PUSH(n->m, *names, *count) = name;
}

/* The instances that systemd has loaded, but for those that have a line of their own. */
static int policy_add_instances(struct node *n, const struct unit_policy *policy, const char *name, const char ***names,
				size_t *count)
{
	const char *pattern = mem_printf(n->m, "%.*s@?*.service", (int)(strlen(name) - strlen(POLICY_TEMPLATE)), name);
	char *out;
	int r = run_program(n->m,
			    (const char *const[]){ "systemctl", "list-units", "--all", "--plain", "--full",
						   "--no-legend", "--type=service", "--", pattern, NULL },
			    POLICY_SECONDS, &out);

	if (r != 0)
		return node_say(n, NODE_FAILED, "systemctl list-units %s: %s", pattern,
				r < 0 ? strerror(-r) : run_first_line(n->m, out));
	for (const char *line = out; line; line = text_next_line(line)) {
		char *unit = mem_strndup(n->m, line, strcspn(line, " \n"));

		if (*unit && !unit_policy_find(policy, unit))
			policy_add(n, names, count, unit);
	}
	return NODE_DONE;
}

int policy_list_units(struct node *n, const char ***ret, size_t *ret_count)
{
	struct options o = { .check_ids = runner_list_ids(n->m, checks) };
	const char **names = NULL;
	size_t count = 0;
	int r = policy_take_all(n, &o);

	for (size_t i = 0; i < n->o->n_units; i++)
		policy_add(n, &names, &count, n->o->units[i]);
	for (size_t i = 0; r == NODE_DONE && i < o.unit_policy.n; i++) {
		const struct unit_item *item = &o.unit_policy.items[i];
		const char *at = strchr(item->name, '@');

		if (!item->is_on)
			continue;
		if (at && strcmp(at, POLICY_TEMPLATE) == 0)
			r = n->has_systemd ? policy_add_instances(n, &o.unit_policy, item->name, &names, &count) :
					     NODE_DONE;
		else
			policy_add(n, &names, &count, item->name);
	}
	if (r == NODE_DONE) {
		*ret = names;
		*ret_count = count;
	}
	return r;
}
