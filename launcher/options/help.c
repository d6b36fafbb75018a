/* SPDX-License-Identifier: Apache-2.0 */
#include "options/options.h"

#include <string.h>

const struct option_mode option_modes[MODE_COUNT] = {
	{ "explain", MODE_EXPLAIN, 0, NULL, "print the plan and the reason for each step, run nothing" },
	{ "list", MODE_LIST, 0, NULL, "the bundled allocator builds, and which fit here" },
	{ "check", MODE_CHECK, 0, NULL, "audit the node, and with --pid a running server" },
	{ "tune", MODE_TUNE, 0, NULL, "set the node up as [node] of the policy says" },
	{ "capture", MODE_CAPTURE, 0, "DIR",
	  "copy what allocrun reads of this machine, without names\nand secrets, for a bug report" },
	{ "help", MODE_HELP, 'h', NULL, "this text" },
	{ "version", MODE_VERSION, 'V', NULL, "the version" },
};

/* "  --numa WHERE      text", further lines of the text below its first. */
static char *options_help_row(struct mem *m, char *text, const char *option, const char *help)
{
	text = mem_printf(m, "%s  %-24s ", text, option);
	for (size_t n; *help; help += n + (help[n] == '\n')) {
		n = strcspn(help, "\n");
		text = mem_printf(m, "%s%.*s\n", text, (int)n, help);
		if (help[n])
			text = mem_printf(m, "%s%27s", text, "");
	}
	return text;
}

static const char *options_mode_usage(struct mem *m, const struct option_mode *mode)
{
	if (mode->argument)
		return mem_printf(m, "--%s %s", mode->name, mode->argument);
	return mem_printf(m, mode->letter ? "--%s, -%c" : "--%s", mode->name, mode->letter);
}

char *options_help(struct mem *m)
{
	char *text = mem_strdup(m, "Usage: allocrun [OPTION]... [--] COMMAND [ARG]...\n"
				   "  or:  allocrun --explain [OPTION]... [--] [COMMAND [ARG]...]\n"
				   "  or:  allocrun --list\n"
				   "  or:  allocrun --check [--pid PID] [OPTION]...\n"
				   "  or:  allocrun --tune [--dry-run|--revert] [OPTION]...\n"
				   "  or:  allocrun --capture DIR\n"
				   "Start COMMAND with the right memory allocator, tuned for this machine, and\n"
				   "on the right NUMA nodes.\n\nModes:\n");

	for (size_t i = 0; i < MODE_COUNT; i++)
		text = options_help_row(m, text, options_mode_usage(m, &option_modes[i]), option_modes[i].help);
	text = mem_printf(m,
			  "%s\nOptions (also ALLOCRUN_OPTION in the environment, and [launch] in the policy file):\n",
			  text);
	for (int k = 0; k < KEY_COUNT; k++) {
		const char *argument = key_argument((enum key)k);

		text = options_help_row(m, text,
					mem_printf(m, "--%s%s%s", key_name((enum key)k), *argument == '[' ? "" : " ",
						   argument),
					key_help((enum key)k));
	}
	text = mem_printf(m, "%s\nOptions of --check:\n", text);
	for (int i = 0; i < CHECK_OPTION_COUNT; i++) {
		const char *argument = check_option_argument((enum check_option)i);

		text = options_help_row(m, text,
					mem_printf(m, "--%s%s%s", check_option_name((enum check_option)i),
						   argument ? " " : "", argument ? argument : ""),
					check_option_help((enum check_option)i));
	}
	text = mem_printf(m, "%s\nOptions of --tune:\n", text);
	text = options_help_row(m, text, "--dry-run", "print what would be written, write nothing");
	text = options_help_row(m, text, "--revert", "put back what the first --tune since boot found");
	text = options_help_row(m, text, "--atomic", "when one value does not take, put all back");
	text = mem_printf(m, "%s\nOther options:\n", text);
	text = options_help_row(m, text, "--policy FILE", "instead of /etc/allocrun/policy.conf and policy.d/");
	text = options_help_row(m, text, "--format FORMAT",
				"text (default) or json; of --check also junit, tap,\nprometheus, nagios");
	text = options_help_row(m, text, "--sysroot DIR",
				"look at the machine captured in DIR (not for a launch;\n--tune: with --dry-run)");
	text = options_help_row(m, text, "--quiet, -q", "no warnings; --check: one line");
	text = options_help_row(
		m, text, "--verbose, -v",
		"print the plan on stderr before the start;\n--check: also what is well and what does not apply");
	return mem_printf(m,
			  "%s\nSteps: affinity, mempolicy, thp, rlimits, oom-score, preload, integrity, options,\n"
			  "user, caps, no-new-privs. Each is preferred, save for integrity (off, for it reads\n"
			  "the libraries whole) and the last three, which are required once asked for.\n"
			  "\nALLOCRUN=off runs COMMAND unchanged.\n"
			  "\nExit status: 125 allocrun refused or failed, 126 COMMAND cannot be executed,\n"
			  "127 COMMAND not found; otherwise COMMAND's own. --check: 0 all is well, 1 warnings\n"
			  "(with --fail-on warn), 2 failures, 3 could not tell. --tune: 0 changed or unchanged, 1 a\n"
			  "value did not take. See allocrun(8), policy.conf(5).\n",
			  text);
}
