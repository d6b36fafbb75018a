/* SPDX-License-Identifier: Apache-2.0 */
/* [units] of the policy: the systemd generator, and allocrun --units, which shows what that makes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "audit/runner.h"
#include "modes/modes.h"
#include "options/read.h"
#include "units/units.h"
#include "util/journal.h"
#include "util/text.h"
#include "util/utf8.h"

#define GENERATOR "allocrun-generator"

/* --- where allocrun is ------------------------------------------------------------- */

static bool units_is_own(const char *path)
{
	struct stat own, other;

	return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev &&
	       own.st_ino == other.st_ino;
}

/* "../../../bin/allocrun" from where the link really lies. */
static char *units_follow(struct mem *m, const char *link, const char *target)
{
	char folder[PATH_MAX];
	const char *up;

	if (*target == '/')
		return mem_strdup(m, target);
	if (!realpath(text_dirname(m, link), folder))
		return NULL;
	for (up = folder; text_starts_with(target, "../"); target += 3)
		up = text_dirname(m, up);
	return mem_printf(m, "%s/%s", strcmp(up, "/") == 0 ? "" : up, target);
}

/* The path that a link says, not where that leads in the end: behind /opt/allocrun/current lies another version
 * tomorrow. */
static char *units_find_program(struct mem *m)
{
	const char *executed = (const char *)getauxval(AT_EXECFN);
	char target[PATH_MAX], *path = executed ? mem_strdup(m, executed) : NULL;

	if (executed && root_readlink(&root_machine, executed, target, sizeof target) == 0)
		path = units_follow(m, executed, target);
	if (path && *path == '/' && strcmp(text_basename(path), "allocrun") == 0 && units_is_own(path))
		return path;
	return root_readlink(&root_machine, "/proc/self/exe", target, sizeof target) == 0 ? mem_strdup(m, target) :
											    NULL;
}

/* -EINVAL: it cannot be named in a unit. */
static int units_find_launcher(struct mem *m, struct units_launcher *ret)
{
	const char *program = units_find_program(m);

	if (!program)
		return -EINVAL;
	*ret = (struct units_launcher){ program,
					mem_printf(m, "%s/lib/allocrun", text_dirname(m, text_dirname(m, program))) };
	return units_launcher_is_plain(ret) ? 0 : -EINVAL;
}

/* --- the generator ------------------------------------------------------------------- */

/* To the journal, at boot to the kernel's log, else to standard error. */
static void generator_say(struct mem *m, const char *unit, const char *text)
{
	char *line = utf8_clean(m, unit ? mem_printf(m, "%s: %s", unit, text) : text);
	char *entry = mem_printf(m, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=" GENERATOR "\n%s%s%s", line,
				 JOURNAL_WARNING, unit ? "ALLOCRUN_UNIT=" : "", unit ? unit : "", unit ? "\n" : "");

	if (journal_send(entry) < 0 && journal_send_kernel(JOURNAL_WARNING, GENERATOR, line) < 0)
		commands_complain(m, "%s", line);
}

static void generator_write(struct mem *m, const char *folder, const struct unit_decision *decisions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct unit_decision *d = &decisions[i];
		int r = d->text ? unit_write(m, folder, d) : 0;

		if (r < 0)
			generator_say(m, d->name, mem_printf(m, "%s cannot be written to: %s", folder, strerror(-r)));
		else if (d->outcome == UNIT_LEFT)
			generator_say(m, d->name, mem_printf(m, "left as it is: %s", d->reason));
	}
}

bool commands_is_generator(const char *name)
{
	return name && strcmp(text_basename(name), GENERATOR) == 0;
}

/* Always 0: what is not understood keeps no service from its start. */
int cmd_generator(struct mem *m, int argc, char **argv)
{
	struct options o = { .check_ids = runner_list_ids(m, checks), .root = root_machine };
	struct units_launcher launcher;
	struct unit_decision *decisions;
	const char *error = "";
	size_t n;

	if (argc != 4) {
		commands_complain(m, GENERATOR ": systemd calls it, with three folders; what it makes is shown by "
					       "allocrun --units");
		return EXIT_LAUNCHER;
	}
	if (options_switch_off((const char *const *)environ))
		return 0;
	if (policy_file_load(m, &root_machine, &o, &error) < 0 || o.policy_problem) {
		generator_say(m, NULL,
			      mem_printf(m, "no unit was changed: %s", o.policy_problem ? o.policy_problem : error));
		return 0;
	}
	if (!o.unit_policy.n)
		return 0;
	if (units_find_launcher(m, &launcher) < 0) {
		generator_say(m, NULL, "no unit was changed: allocrun's own path cannot be written in a unit");
		return 0;
	}
	decisions = units_decide(&root_machine, m, &o.unit_policy, &launcher, &n);
	generator_write(m, argv[3], decisions, n);
	return 0;
}

/* --- allocrun --units ------------------------------------------------------------------ */

/* 0; 1 when a unit is left as it is. */
int cmd_units(struct mem *m, struct options *options)
{
	struct units_launcher launcher;
	struct unit_decision *decisions;
	bool is_left = false;
	char *text;
	size_t n;

	if (options->policy_problem) {
		commands_complain(m, "--units: no unit is changed: %s", options->policy_problem);
		return EXIT_LAUNCHER;
	}
	if (units_find_launcher(m, &launcher) < 0) {
		commands_complain(m, "--units: allocrun's own path cannot be written in a unit");
		return EXIT_LAUNCHER;
	}
	decisions = units_decide(&options->root, m, &options->unit_policy, &launcher, &n);
	for (size_t i = 0; i < n; i++)
		is_left |= decisions[i].outcome == UNIT_LEFT;
	text = options->is_json ? units_describe_json(m, decisions, n) : units_describe(m, decisions, n);
	return commands_print(m, text) != 0 ? EXIT_LAUNCHER : is_left;
}
