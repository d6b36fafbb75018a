/* SPDX-License-Identifier: Apache-2.0 */
/* Forth and back. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

/* Does the version take the policy? */
static int switch_try_policy(struct node *n, const char *version, const char *policy)
{
	const char *program = mem_printf(n->m, "%s/bin/allocrun", node_version_path(n, version));
	char *out = NULL;
	int r = run_program(n->m,
			    (const char *const[]){ program, "--explain", "--policy", policy, "--", "/bin/true", NULL },
			    30, &out);

	return r == 0 ? NODE_DONE :
			node_say(n, NODE_REFUSED, "%s: version %s cannot read it: %s", policy, version,
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

static int switch_check(struct node *n)
{
	struct journal *j = &n->journal;
	const char *current = node_current(n), *admins = mem_printf(n->m, "%s/policy.conf", n->o->etc);
	int r = NODE_DONE;

	if (!j->version || access(mem_printf(n->m, "%s/bin/allocrun", node_version_path(n, j->version)), X_OK) < 0)
		return node_say(n, NODE_REFUSED, "nothing is staged: stage an artefact first");
	if (n->o->policy)
		r = switch_try_policy(n, j->version, n->o->policy);
	if (r == NODE_DONE && n->o->policy && current && strcmp(current, j->version) != 0)
		r = switch_try_policy(n, current, n->o->policy);
	if (r == NODE_DONE && access(admins, F_OK) == 0)
		r = switch_try_policy(n, j->version, admins);
	return r;
}

/* A fleet's policy may name units that this node has not; --unit is meant for this node. */
static int switch_note_unit(struct node *n, const char *name, bool is_asked_for)
{
	struct journal *j = &n->journal;
	struct node_unit unit = { .name = mem_strdup(n->m, name),
				  .latency_us = NODE_NOTHING,
				  .spread_us = NODE_NOTHING,
				  .rss_after = NODE_NOTHING,
				  .latency_after_us = NODE_NOTHING };
	struct unit_now now;
	int r = unit_look(n, name, &now);

	for (size_t i = 0; i < j->n_units; i++) {
		if (strcmp(j->units[i].name, name) == 0)
			return r;
	}
	if (r != NODE_DONE)
		return r;
	if (!now.is_there)
		return is_asked_for ? node_say(n, NODE_REFUSED, "%s: no such unit: nothing was changed", name) :
				      NODE_DONE;
	r = unit_check_settled(n, name, &now);
	if (r != NODE_DONE)
		return r;
	unit.was_active = now.is_active && !now.is_masked;
	unit.enablement = now.enablement;
	unit.restarts = now.restarts;
	unit.oom_kills = unit_oom_kills(n, now.cgroup);
	unit.rss = unit_rss(n, now.cgroup);
	if (n->o->probe && unit.was_active)
		gate_measure(n, n->o->probe, &unit.latency_us, &unit.spread_us);
	*MEM_PUSH(n->m, j->units, j->n_units) = unit;
	return NODE_DONE;
}

static int switch_note_units(struct node *n)
{
	const char **names = NULL;
	size_t count = 0;
	int r = policy_list_units(n, &names, &count);

	if (r == NODE_DONE && !n->has_systemd && count)
		return node_say(n, NODE_REFUSED, "no systemd runs here: units cannot be restarted; leave them out");
	for (size_t i = 0; r == NODE_DONE && i < count; i++)
		r = switch_note_unit(n, names[i], i < n->o->n_units);
	return r;
}

static int switch_save(struct node *n)
{
	int r = save_file(n, node_current_path(n));

	if (r == 0 && n->o->policy)
		r = save_folder(n, n->o->etc);
	if (r == 0 && n->o->policy)
		r = save_folder(n, text_dirname(n->m, node_fragment_path(n)));
	if (r == 0 && n->o->policy)
		r = save_file(n, node_fragment_path(n));
	if (r == 0)
		r = links_save(n);
	return r < 0 ? node_say(n, NODE_FAILED, "what is there cannot be kept: %s: nothing was changed", strerror(-r)) :
		       NODE_DONE;
}

static int switch_files(struct node *n)
{
	const char *fragment = node_fragment_path(n);
	size_t size = 0;
	char *bytes;
	int r = 0;

	if (n->o->policy) {
		r = root_read(&root_machine, n->m, n->o->policy, 256 * 1024, &bytes, &size);
		if (r == 0)
			r = replace_make_folder(text_dirname(n->m, fragment));
		if (r == 0)
			r = save_write(n, fragment, bytes, size, 0644, 0, 0);
	}
	if (r == 0)
		r = save_link(n, node_current_path(n), mem_printf(n->m, "versions/%s", n->journal.version));
	if (r == 0)
		r = links_make(n);
	return r < 0 ? node_say(n, NODE_FAILED, "the switch failed: %s: revert takes it back", strerror(-r)) :
		       NODE_DONE;
}

static int switch_restart(struct node *n)
{
	struct unit_now now;
	int r = unit_reload_all(n);

	/* At the start of the machine the units come after us by themselves. */
	for (size_t i = 0; r == NODE_DONE && n->has_systemd && !n->o->is_boot && i < n->journal.n_units; i++) {
		struct node_unit *unit = &n->journal.units[i];

		r = unit_look(n, unit->name, &now);
		if (r == NODE_DONE && unit->was_active && !now.is_masked)
			r = unit_restart(n, unit->name);
		if (r == NODE_DONE)
			r = unit_look(n, unit->name, &now);
		if (r == NODE_DONE) {
			unit->restarts = now.restarts;
			unit->oom_kills = unit_oom_kills(n, now.cgroup);
		}
	}
	return r;
}

/* The journal of the change before ends here. */
static void switch_begin(struct node *n)
{
	struct journal *j = &n->journal;

	*j = (struct journal){
		.state = j->state,
		.version = j->version,
		.sha256 = j->sha256,
		.before = node_current(n),
		.owner = n->o->owner ? mem_strdup(n->m, n->o->owner) : j->owner,
	};
}

/* --target names one of the versions that are there: it need not be the one that was staged last. */
static int switch_aim(struct node *n)
{
	struct journal *j = &n->journal;
	const char *target = n->o->target;
	char *sha256 = NULL;

	if (!target || (j->version && strcmp(j->version, target) == 0))
		return NODE_DONE;
	if (j->state == NODE_APPLIED || j->state == NODE_GATED || j->state == NODE_REVERTING)
		return node_say(n, NODE_REFUSED, "version %s is %s: confirm or revert it first", j->version,
				node_state_names[j->state]);
	if (root_read(&root_machine, n->m, mem_printf(n->m, "%s/.artefact", node_version_path(n, target)), 256, &sha256,
		      NULL) < 0)
		return node_say(n, NODE_REFUSED, "version %s is not there: stage it first", target);
	j->version = mem_strdup(n->m, target);
	j->sha256 = sha256;
	if (j->state == NODE_ABSENT || j->state == NODE_CONFIRMED)
		j->state = NODE_STAGED;
	return NODE_DONE;
}

int node_apply(struct node *n)
{
	struct journal *j = &n->journal;
	bool resumes = j->state == NODE_APPLIED;
	int r = switch_aim(n);

	if (r != NODE_DONE)
		return r;
	if ((resumes && j->is_whole) || j->state == NODE_GATED ||
	    (j->state == NODE_CONFIRMED && node_current(n) && strcmp(node_current(n), j->version) == 0 &&
	     plan_policy_stands(n)))
		return node_say(n, NODE_DONE, "version %s is %s: nothing to do", j->version,
				node_state_names[j->state]);
	if (!resumes && j->state != NODE_STAGED && j->state != NODE_REVERTED && j->state != NODE_CONFIRMED)
		return node_say(n, NODE_REFUSED, "the node is %s: nothing can be applied", node_state_names[j->state]);
	r = switch_check(n);
	if (r != NODE_DONE)
		return r;
	if (!resumes)
		switch_begin(n);
	j->is_whole = false;
	j->health = n->o->health ? mem_strdup(n->m, n->o->health) : j->health;
	j->probe = n->o->probe ? mem_strdup(n->m, n->o->probe) : j->probe;
	j->patience = n->o->timeout;
	j->deadline = time(NULL) + n->o->confirm_within;
	r = switch_note_units(n);
	if (r == NODE_DONE)
		r = switch_save(n);
	if (r != NODE_DONE)
		return r;
	j->state = NODE_APPLIED;
	/* The journal is ahead of the change, and the way back is armed before there is one. */
	r = journal_write(n);
	if (r == NODE_DONE) {
		save_tidy(n);
		r = deadman_arm(n);
	}
	if (r == NODE_DONE)
		r = switch_files(n);
	if (r == NODE_DONE && n->o->wants_tune)
		r = knobs_tune(n);
	if (r == NODE_DONE)
		r = switch_restart(n);
	if (r != NODE_DONE)
		return r;
	j->is_whole = true;
	r = journal_write(n);
	return r != NODE_DONE ? r :
				node_say(n, NODE_DONE, "version %s applied; %s", j->version,
					 n->has_systemd ? "it goes back by itself unless it is confirmed" :
							  "no systemd: it does not go back by itself");
}

/* NULL, or why the node is not what it was. */
static const char *switch_doubt(struct node *n)
{
	for (size_t i = 0; n->has_systemd && !n->o->is_boot && i < n->journal.n_units; i++) {
		if (unit_restore_enablement(n, &n->journal.units[i]) != NODE_DONE)
			return n->line;
	}
	if (switch_restart(n) != NODE_DONE)
		return n->line;
	if (!save_is_restored(n))
		return "not all files stand as they were";
	return n->o->is_boot ? NULL : gate_look_back(n);
}

static int switch_back(struct node *n)
{
	struct journal *j = &n->journal;
	const char *path = NULL, *doubt;
	int r;

	j->state = NODE_REVERTING;
	journal_write(n);
	/* Without a journal that says so the way back is still the better one. */
	r = save_restore(n, &path);
	if (r == 0)
		r = knobs_restore(n, &path);
	if (r < 0)
		return node_say(n, NODE_FAILED, "%s: %s: cannot be put back; revert again", path, strerror(-r));
	doubt = switch_doubt(n);
	j->state = doubt ? NODE_STATE_STUCK : NODE_REVERTED;
	if (doubt || n->o->is_boot)
		j->reason = mem_strdup(n->m, doubt ? doubt : "taken back at the start of the machine");
	r = journal_write(n);
	if (r != NODE_DONE)
		return r;
	deadman_disarm(n);
	return doubt ? node_say(n, NODE_STUCK, "taken back, and yet: %s", doubt) :
		       node_say(n, NODE_DONE, "version %s taken back; current: %s", j->version,
				j->before ? j->before : "none");
}

int node_revert(struct node *n)
{
	struct journal *j = &n->journal;

	if (j->state == NODE_STAGED && j->owner) {
		j->owner = NULL;
		return journal_write(n) != NODE_DONE ?
			       NODE_FAILED :
			       node_say(n, NODE_DONE, "version %s is staged, for whoever comes", j->version);
	}
	if (j->state == NODE_ABSENT || j->state == NODE_STAGED || j->state == NODE_REVERTED ||
	    (n->o->is_deadman && j->state == NODE_CONFIRMED))
		return node_say(n, NODE_DONE, "the node is %s: nothing to take back", node_state_names[j->state]);
	if (n->o->is_deadman && j->state == NODE_STATE_STUCK)
		return node_say(n, NODE_STUCK, "stuck: %s", j->reason ? j->reason : "");
	if (j->before && access(node_version_path(n, j->before), F_OK) < 0)
		return node_say(n, NODE_STUCK, "version %s, the one before, is not there any more", j->before);
	return switch_back(n);
}

/* Not what is confirmed: that is nobody's to take back but by its own word. */
int node_recover(struct node *n)
{
	if (n->journal.state == NODE_APPLIED || n->journal.state == NODE_GATED || n->journal.state == NODE_REVERTING ||
	    n->journal.state == NODE_STAGED)
		return node_revert(n);
	/* Killed between its last word and the end of the timer. */
	if (n->journal.state != NODE_STATE_STUCK)
		deadman_disarm(n);
	return node_say(n, n->journal.state == NODE_STATE_STUCK ? NODE_STUCK : NODE_DONE,
			"the node is %s: nothing to recover", node_state_names[n->journal.state]);
}

int node_confirm(struct node *n)
{
	struct journal *j = &n->journal;
	int r;

	if (j->state == NODE_CONFIRMED)
		return node_say(n, NODE_DONE, "version %s is confirmed: nothing to do", j->version);
	if (j->state != NODE_GATED)
		return node_say(n, NODE_REFUSED, "the node is %s: only what the gate has let through is confirmed",
				node_state_names[j->state]);
	j->state = NODE_CONFIRMED;
	r = journal_write(n);
	if (r != NODE_DONE)
		return r;
	deadman_disarm(n);
	return node_say(n, NODE_DONE, "version %s confirmed", j->version);
}
