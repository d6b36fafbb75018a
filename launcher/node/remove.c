/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun leaves the node: what apply has put there goes, and every version that no process has. */
#include "node/node.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

#define REMOVE_SECONDS 30

/* One whose own file starts allocrun would not start any more. */
static int remove_check_unit(struct node *n, const char *name)
{
	char *out;
	int r = run_program(n->m, (const char *const[]){ "systemctl", "cat", "--no-pager", "--", name, NULL },
			    REMOVE_SECONDS, &out);
	const char *program = mem_printf(n->m, "%s/", node_current_path(n));

	/* What the generator wrote goes with the policy. */
	for (const char *line = r == 0 ? out : NULL, *file = ""; line; line = text_next_line(line)) {
		if (text_starts_with(line, "# /"))
			file = text_dup_line(n->m, line + 2);
		else if (text_starts_with(line, "Exec") && !text_starts_with(file, "/run/") &&
			 strstr(text_dup_line(n->m, line), program))
			return node_say(n, NODE_REFUSED, "%s: starts %s: take it out first; nothing was changed", file,
					program);
	}
	return NODE_DONE;
}

static int remove_restart(struct node *n, const char **units, size_t count)
{
	int r = unit_reload_all(n);

	for (size_t i = 0; r == NODE_DONE && n->has_systemd && i < count; i++) {
		struct unit_now now;

		r = unit_look(n, units[i], &now);
		if (r == NODE_DONE && now.is_active && !now.is_masked)
			r = unit_restart(n, units[i]);
	}
	return r;
}

int node_remove(struct node *n)
{
	struct journal *j = &n->journal;
	const char **units = NULL;
	size_t count = 0;
	int r;

	if (j->state == NODE_APPLIED || j->state == NODE_GATED || j->state == NODE_REVERTING)
		return node_say(n, NODE_REFUSED, "version %s is %s: confirm or revert it first", j->version,
				node_state_names[j->state]);
	r = policy_list_units(n, &units, &count);
	for (size_t i = 0; r == NODE_DONE && n->has_systemd && i < count; i++)
		r = remove_check_unit(n, units[i]);
	if (r != NODE_DONE)
		return r;
	/* Killed here it is called again: what is gone is no error. */
	if (unlink(node_fragment_path(n)) < 0 && errno != ENOENT && errno != ENOTDIR)
		return node_say(n, NODE_FAILED, "%s: %s", node_fragment_path(n), strerror(errno));
	links_remove(n);
	if (unlink(node_current_path(n)) < 0 && errno != ENOENT && errno != ENOTDIR)
		return node_say(n, NODE_FAILED, "%s: %s", node_current_path(n), strerror(errno));
	r = remove_restart(n, units, count);
	if (r != NODE_DONE)
		return r;
	*j = (struct journal){ .state = NODE_ABSENT };
	r = journal_write(n);
	return r == NODE_DONE ? node_gc(n) : r;
}
