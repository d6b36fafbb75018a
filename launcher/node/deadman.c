/* SPDX-License-Identifier: Apache-2.0 */
/* What takes a change back when nobody confirms it: a timer, and a unit where the machine starts anew meanwhile. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

#define DEADMAN "allocrun-deadman"
#define DEADMAN_RECOVER "allocrun-node-recover.service"
#define DEADMAN_SECONDS 30

static char *deadman_unit_path(struct node *n)
{
	return mem_printf(n->m, "%s/system/" DEADMAN_RECOVER, n->o->systemd);
}

static char *deadman_link_path(struct node *n)
{
	return mem_printf(n->m, "%s/system/multi-user.target.wants/" DEADMAN_RECOVER, n->o->systemd);
}

/* A timer is lost with the boot: this unit goes back before the servers start. */
static char *deadman_unit_text(struct node *n)
{
	const struct node_options *o = n->o;
	const char *units = "";

	for (size_t i = 0; i < n->journal.n_units; i++)
		units = mem_printf(n->m, "%s %s", units, n->journal.units[i].name);
	return mem_printf(n->m,
			  "# Of allocrun-node(8): there as long as a change of allocrun is not confirmed.\n"
			  "[Unit]\n"
			  "Description=Take back a change of allocrun that nobody has confirmed\n"
			  "RequiresMountsFor=%s %s\n"
			  "Before=multi-user.target%s\n"
			  "\n"
			  "[Service]\n"
			  "Type=oneshot\n"
			  "ExecStart=%s recover --boot --root %s --state %s --etc %s --systemd %s\n",
			  o->root, o->state, units, node_own_path(n), o->root, o->state, o->etc, o->systemd);
}

static int deadman_write_unit(struct node *n)
{
	const char *path = deadman_unit_path(n), *link = deadman_link_path(n), *text = deadman_unit_text(n);
	int r = replace_make_folder(text_dirname(n->m, link));

	if (r == 0)
		r = save_write(n, path, text, strlen(text), 0644, 0, 0);
	if (r == 0)
		r = save_link(n, link, "../" DEADMAN_RECOVER);
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s: nothing was changed", path, strerror(-r)) : NODE_DONE;
}

bool deadman_is_armed(struct node *n)
{
	return n->has_systemd &&
	       run_program(n->m, (const char *const[]){ "systemctl", "is-active", "-q", DEADMAN ".timer", NULL },
			   DEADMAN_SECONDS, NULL) == 0;
}

/* And what it has started already, which waits for our lock: it would take back the next change. */
static void deadman_stop_timer(struct node *n)
{
	run_program(n->m,
		    (const char *const[]){ "systemctl", "stop", DEADMAN ".timer",
					   n->o->is_deadman ? NULL : DEADMAN ".service", NULL },
		    DEADMAN_SECONDS, NULL);
}

void deadman_disarm(struct node *n)
{
	bool is_there = n->has_systemd && access(deadman_unit_path(n), F_OK) == 0;

	if (n->has_systemd)
		deadman_stop_timer(n);
	if (!is_there)
		return;
	/* In this order: a link without its unit is complained about, a unit without a link is not started. */
	unlink(deadman_link_path(n));
	unlink(deadman_unit_path(n));
	rmdir(text_dirname(n->m, deadman_link_path(n)));
	if (!n->o->is_boot)
		unit_reload_all(n);
}

static int deadman_keep_program(struct node *n)
{
	const char *own = node_own_path(n);
	size_t size;
	char *bytes;
	int r = root_read(&root_machine, n->m, "/proc/self/exe", 64 * 1024 * 1024, &bytes, &size);

	if (r == 0)
		r = save_write(n, own, bytes, size, 0755, geteuid(), getegid());
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s", own, strerror(-r)) : NODE_DONE;
}

int deadman_arm(struct node *n)
{
	const struct node_options *o = n->o;
	char *out, *after = mem_printf(n->m, "--on-active=%lld", (long long)o->confirm_within);
	int r = deadman_keep_program(n);

	if (r != NODE_DONE || !n->has_systemd)
		return r;
	r = deadman_write_unit(n);
	if (r != NODE_DONE)
		return r;
	deadman_stop_timer(n);
	run_program(n->m, (const char *const[]){ "systemctl", "reset-failed", DEADMAN ".service", NULL },
		    DEADMAN_SECONDS, NULL);
	r = run_program(n->m,
			(const char *const[]){ "systemd-run", "--quiet", after, "--timer-property=AccuracySec=1s",
					       "--unit", DEADMAN, node_own_path(n), "revert", "--deadman", "--root",
					       o->root, "--state", o->state, "--etc", o->etc, "--systemd", o->systemd,
					       NULL },
			DEADMAN_SECONDS, &out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "the timer of the way back: systemd-run: %s",
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}
