/* SPDX-License-Identifier: Apache-2.0 */
/* What apply would do, for check and diff mode: read alone, without the lock. */
#include "node/node.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "report/json_values.h"
#include "util/path.h"
#include "util/text.h"

#define PLAN_POLICY_MAX (256 * 1024)

static char *plan_read(struct node *n, const char *path, size_t *ret_size)
{
	char *text = NULL;

	*ret_size = 0;
	return path && root_read(&root_machine, n->m, path, PLAN_POLICY_MAX, &text, ret_size) == 0 ? text : NULL;
}

bool plan_policy_stands(struct node *n)
{
	size_t wanted_size, size;
	char *wanted = plan_read(n, n->o->policy, &wanted_size), *there = plan_read(n, node_fragment_path(n), &size);

	return !n->o->policy || (wanted && there && wanted_size == size && memcmp(wanted, there, size) == 0);
}

/* The version that apply would make current; NULL: none is known. */
static const char *plan_target(struct node *n)
{
	return n->o->target ? n->o->target : n->journal.version;
}

static bool plan_is_there(struct node *n, const char *version, bool *ret_is_other)
{
	char *known = NULL;
	bool is_there = version && access(node_version_path(n, version), F_OK) == 0;

	*ret_is_other = is_there && n->o->sha256 &&
			(root_read(&root_machine, n->m, mem_printf(n->m, "%s/.artefact", node_version_path(n, version)),
				   256, &known, NULL) < 0 ||
			 strcmp(known, n->o->sha256) != 0);
	return is_there;
}

static json_t *plan_pair(const char *before, const char *after)
{
	json_t *o = json_object();

	json_object_set_new(o, "before", json_text(before));
	json_object_set_new(o, "after", json_text(after));
	return o;
}

/* The units that apply would restart: those that are active. */
static int plan_restarts(struct node *n, json_t *restarts)
{
	const char **names = NULL;
	size_t count = 0;
	int r = policy_list_units(n, &names, &count);

	for (size_t i = 0; r == NODE_DONE && n->has_systemd && i < count; i++) {
		struct unit_now now;

		r = unit_look(n, names[i], &now);
		if (r == NODE_DONE && !now.is_there && i < n->o->n_units)
			r = node_say(n, NODE_REFUSED, "%s: no such unit", names[i]);
		if (r == NODE_DONE)
			r = unit_check_settled(n, names[i], &now);
		if (r == NODE_DONE && now.is_active && !now.is_masked)
			json_array_append_new(restarts, json_text(names[i]));
	}
	return r;
}

int node_plan(struct node *n)
{
	const char *current = node_current(n), *target = plan_target(n), *fragment = node_fragment_path(n);
	bool is_settled = n->journal.state == NODE_CONFIRMED, is_other, is_staged, changes;
	size_t size;
	char *there = plan_read(n, fragment, &size);
	json_t *restarts = json_array();
	int r;

	is_staged = plan_is_there(n, target, &is_other);
	changes = target && (!is_settled || !current || strcmp(current, target) != 0 || !plan_policy_stands(n));
	n->would = json_object();
	json_object_set_new(n->would, "stages", json_boolean(target && !is_staged));
	json_object_set_new(n->would, "changes", json_boolean(changes));
	json_object_set_new(n->would, "version", plan_pair(current, changes ? target : current));
	json_object_set_new(n->would, "policy",
			    plan_pair(there, n->o->policy ? plan_read(n, n->o->policy, &size) : there));
	json_object_set_new(n->would, "restarts", restarts);
	r = changes ? plan_restarts(n, restarts) : NODE_DONE;
	if (r != NODE_DONE)
		return r;
	if (is_other)
		return node_say(n, NODE_REFUSED, "%s: is there, from other bytes: give the release another version",
				node_version_path(n, target));
	if (n->journal.state == NODE_STATE_STUCK)
		return node_say(n, NODE_STUCK, "stuck: %s", n->journal.reason ? n->journal.reason : "see the journal");
	if (!target)
		return node_say(n, NODE_DONE, "nothing is staged; current: %s", current ? current : "none");
	return node_say(n, NODE_DONE, changes ? "would switch from %s to %s" : "nothing to do: %s, wanted %s",
			current ? current : "none", target);
}

int node_status(struct node *n)
{
	const struct journal *j = &n->journal;
	const char *current = node_current(n);

	return node_say(n, NODE_DONE, "the node is %s%s%s; current: %s%s%s", node_state_names[j->state],
			j->version ? " with version " : "", j->version ? j->version : "", current ? current : "none",
			j->reason ? "; " : "", j->reason ? j->reason : "");
}
