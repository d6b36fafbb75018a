/* SPDX-License-Identifier: Apache-2.0 */
/* systemd, asked and told through its own programs. */
#include "node/node.h"

#include <errno.h>
#include <string.h>

#include "util/path.h"
#include "util/text.h"

#define UNIT_ASK_SECONDS 30
#define UNIT_START_SECONDS 900

int unit_look(struct node *n, const char *name, struct unit_now *ret)
{
	char *out;
	const char *cgroup, *enablement;
	int64_t restarts = NODE_NOTHING;
	int r = run_program(n->m,
			    (const char *const[]){ "systemctl", "show", "-p",
						   "LoadState,ActiveState,NRestarts,ControlGroup,UnitFileState", "--",
						   name, NULL },
			    UNIT_ASK_SECONDS, &out);

	if (r != 0)
		return node_say(n, NODE_FAILED, "%s: systemctl show: %s", name,
				r < 0 ? strerror(-r) : run_first_line(n->m, out));
	for (const char *line = out; line; line = text_next_line(line)) {
		if (text_starts_with(line, "NRestarts="))
			text_parse_i64(line + 10, &restarts, NULL);
	}
	cgroup = strstr(out, "ControlGroup=/");
	enablement = strstr(out, "UnitFileState=");
	enablement = enablement ? text_dup_line(n->m, enablement + strlen("UnitFileState=")) : "";
	*ret = (struct unit_now){
		.is_active = strstr(out, "ActiveState=active\n") || strstr(out, "ActiveState=reloading\n"),
		.is_between = strstr(out, "ActiveState=activating\n") || strstr(out, "ActiveState=deactivating\n"),
		.is_masked = strstr(out, "LoadState=masked\n") != NULL,
		.is_there = !strstr(out, "LoadState=not-found\n"),
		.restarts = restarts,
		.cgroup = cgroup ? text_dup_line(n->m, cgroup + strlen("ControlGroup=")) : NULL,
		.enablement = *enablement ? mem_strdup(n->m, enablement) : NULL,
	};
	return NODE_DONE;
}

int unit_check_settled(struct node *n, const char *name, const struct unit_now *now)
{
	return now->is_between && !now->is_masked ?
		       node_say(n, NODE_REFUSED,
				"%s: is starting or stopping: wait until it is active or down; nothing was changed",
				name) :
		       NODE_DONE;
}

int unit_restart(struct node *n, const char *name)
{
	char *out;
	int r;

	/* One that failed too often is else refused a start. */
	run_program(n->m, (const char *const[]){ "systemctl", "reset-failed", "--", name, NULL }, UNIT_ASK_SECONDS,
		    NULL);
	r = run_program(n->m, (const char *const[]){ "systemctl", "restart", "--", name, NULL }, UNIT_START_SECONDS,
			&out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "%s: restart: %s", name,
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

int unit_reload_all(struct node *n)
{
	char *out;
	int r;

	if (!n->has_systemd)
		return NODE_DONE;
	r = run_program(n->m, (const char *const[]){ "systemctl", "daemon-reload", NULL }, UNIT_START_SECONDS, &out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "systemctl daemon-reload: %s",
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

static bool unit_is_one_of(const char *word, const char *words)
{
	return word && text_has_word(words, word);
}

/* Only between the three words that systemctl has verbs for: others follow from what the units say. */
int unit_restore_enablement(struct node *n, const struct node_unit *unit)
{
	static const char words[] = "enabled disabled masked";
	struct unit_now now;
	const char *verb;
	char *out;
	int r = unit_look(n, unit->name, &now);

	if (r != NODE_DONE || !unit_is_one_of(unit->enablement, words) || !unit_is_one_of(now.enablement, words) ||
	    strcmp(unit->enablement, now.enablement) == 0)
		return r;
	if (strcmp(now.enablement, "masked") == 0)
		run_program(n->m, (const char *const[]){ "systemctl", "unmask", "--", unit->name, NULL },
			    UNIT_ASK_SECONDS, NULL);
	verb = strcmp(unit->enablement, "enabled") == 0  ? "enable" :
	       strcmp(unit->enablement, "disabled") == 0 ? "disable" :
							   "mask";
	r = run_program(n->m, (const char *const[]){ "systemctl", verb, "--", unit->name, NULL }, UNIT_ASK_SECONDS,
			&out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "%s: %s: %s", unit->name, verb,
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

int64_t unit_rss(struct node *n, const char *cgroup)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified" };
	int64_t sum = 0, pid, rss;
	char *pids = NULL, *status;
	const char *end;

	for (size_t i = 0; cgroup && !pids && i < sizeof mounts / sizeof *mounts; i++)
		root_read(&root_machine, n->m, mem_printf(n->m, "%s%s/cgroup.procs", mounts[i], cgroup), PATH_READ_MAX,
			  &pids, NULL);
	if (!pids)
		return NODE_NOTHING;
	for (const char *line = pids; line && text_parse_i64(line, &pid, &end) == 0; line = text_next_line(line)) {
		rss = 0;
		if (root_read(&root_machine, n->m, mem_printf(n->m, "/proc/%lld/status", (long long)pid), PATH_READ_MAX,
			      &status, NULL) == 0)
			text_read_kib(status, "VmRSS", &rss);
		sum += rss > 0 ? rss : 0;
	}
	return sum ? sum : NODE_NOTHING;
}

int64_t unit_oom_kills(struct node *n, const char *cgroup)
{
	char *events, *found;
	int64_t count = NODE_NOTHING;

	if (!cgroup || root_read(&root_machine, n->m, mem_printf(n->m, "/sys/fs/cgroup%s/memory.events", cgroup),
				 PATH_READ_MAX, &events, NULL) < 0)
		return NODE_NOTHING;
	found = strstr(events, "\noom_kill ");
	if (found)
		text_parse_i64(found + strlen("\noom_kill "), &count, NULL);
	return count;
}
