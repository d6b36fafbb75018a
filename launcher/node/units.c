/* SPDX-License-Identifier: Apache-2.0 */
/* systemd, asked and told through its own programs. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "util/path.h"
#include "util/text.h"

#define UNIT_ASK_SECONDS 30
#define UNIT_START_SECONDS 900
#define UNIT_DEADMAN "allocrun-deadman"

static const struct root machine = { .fd = AT_FDCWD, .live = true };

int unit_look(struct node *n, const char *name, struct unit_now *ret)
{
	char *out;
	const char *cgroup;
	int64_t restarts = NODE_NOTHING;
	int r = run_program(n->m,
			    (const char *const[]){ "systemctl", "show", "-p",
						   "LoadState,ActiveState,NRestarts,ControlGroup", "--", name, NULL },
			    UNIT_ASK_SECONDS, &out);

	if (r != 0)
		return node_say(n, NODE_FAILED, "%s: systemctl show: %s", name,
				r < 0 ? strerror(-r) : run_first_line(n->m, out));
	for (const char *line = out; line; line = text_next_line(line)) {
		if (text_starts_with(line, "NRestarts="))
			text_parse_i64(line + 10, &restarts, NULL);
	}
	cgroup = strstr(out, "ControlGroup=/");
	*ret = (struct unit_now){
		.is_active = strstr(out, "ActiveState=active\n") != NULL,
		.is_masked = strstr(out, "LoadState=masked\n") != NULL,
		.is_there = !strstr(out, "LoadState=not-found\n"),
		.restarts = restarts,
		.cgroup = cgroup ? text_dup_line(n->m, cgroup + strlen("ControlGroup=")) : NULL,
	};
	return NODE_DONE;
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

bool unit_is_armed(struct node *n)
{
	return n->has_systemd &&
	       run_program(n->m, (const char *const[]){ "systemctl", "is-active", "-q", UNIT_DEADMAN ".timer", NULL },
			   UNIT_ASK_SECONDS, NULL) == 0;
}

void unit_disarm(struct node *n)
{
	if (n->has_systemd)
		run_program(n->m, (const char *const[]){ "systemctl", "stop", UNIT_DEADMAN ".timer", NULL },
			    UNIT_ASK_SECONDS, NULL);
}

/* The timer runs a copy of this program that no version's end takes away. */
int unit_arm(struct node *n)
{
	const char *own = node_path(n, "allocrun-node"), *after;
	size_t size;
	char *bytes, *out;
	int r = root_read(&machine, n->m, "/proc/self/exe", 64 * 1024 * 1024, &bytes, &size);

	if (r == 0)
		r = save_write(n, own, bytes, size, 0755, 0, 0);
	if (r < 0)
		return node_say(n, NODE_FAILED, "%s: %s", own, strerror(-r));
	if (!n->has_systemd)
		return NODE_DONE;
	unit_disarm(n);
	run_program(n->m, (const char *const[]){ "systemctl", "reset-failed", UNIT_DEADMAN ".service", NULL },
		    UNIT_ASK_SECONDS, NULL);
	after = mem_printf(n->m, "--on-active=%lld", (long long)n->o->confirm_within);
	r = run_program(n->m,
			(const char *const[]){ "systemd-run", "--quiet", after, "--timer-property=AccuracySec=1s",
					       "--unit", UNIT_DEADMAN, own, "revert", "--deadman", "--root", n->o->root,
					       "--state", n->o->state, NULL },
			UNIT_ASK_SECONDS, &out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "the timer of the way back: systemd-run: %s",
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

int64_t unit_rss(struct node *n, const char *cgroup)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified" };
	int64_t sum = 0, pid, rss;
	char *pids = NULL, *status;
	const char *end;

	for (size_t i = 0; cgroup && !pids && i < sizeof mounts / sizeof *mounts; i++)
		root_read(&machine, n->m, mem_printf(n->m, "%s%s/cgroup.procs", mounts[i], cgroup), PATH_READ_MAX,
			  &pids, NULL);
	if (!pids)
		return NODE_NOTHING;
	for (const char *line = pids; line && text_parse_i64(line, &pid, &end) == 0; line = text_next_line(line)) {
		rss = 0;
		if (root_read(&machine, n->m, mem_printf(n->m, "/proc/%lld/status", (long long)pid), PATH_READ_MAX,
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

	if (!cgroup || root_read(&machine, n->m, mem_printf(n->m, "/sys/fs/cgroup%s/memory.events", cgroup),
				 PATH_READ_MAX, &events, NULL) < 0)
		return NODE_NOTHING;
	found = strstr(events, "\noom_kill ");
	if (found)
		text_parse_i64(found + strlen("\noom_kill "), &count, NULL);
	return count;
}

struct unit_list {
	struct mem *m;
	const char **names;
	size_t n;
};

static int unit_take(void *user, const char *section, const char *name, const char *value)
{
	struct unit_list *list = user;

	if (strcmp(section, "units") == 0 && strcmp(value, "on") == 0)
		*MEM_PUSH(list->m, list->names, list->n) = mem_strdup(list->m, name);
	return 1;
}

int unit_read_policy(struct node *n, const char *path, const char ***ret, size_t *ret_n)
{
	struct unit_list list = { n->m, NULL, 0 };
	char *text;
	int r = root_read(&machine, n->m, path, 256 * 1024, &text, NULL);

	if (r < 0)
		return node_say(n, NODE_REFUSED, "%s: %s", path, strerror(-r));
	ini_parse_string(text, unit_take, &list);
	*ret = list.names;
	*ret_n = list.n;
	return NODE_DONE;
}
