/* SPDX-License-Identifier: Apache-2.0 */
#include "options/argv.h"

#include <string.h>

#include "util/buffer.h"

/* "  --numa WHERE      text", further lines of the text below its first. */
static void help_row(struct buffer *b, const char *option, const char *help)
{
	buffer_printf(b, "  %-24s ", option);
	for (size_t n; *help; help += n + (help[n] == '\n')) {
		n = strcspn(help, "\n");
		buffer_printf(b, "%.*s\n", (int)n, help);
		if (help[n])
			buffer_printf(b, "%27s", "");
	}
}

static const char *options_mode_usage(struct mem *m, const struct option_mode *mode)
{
	if (mode->argument)
		return mem_printf(m, "--%s %s", mode->name, mode->argument);
	return mem_printf(m, mode->letter ? "--%s, -%c" : "--%s", mode->name, mode->letter);
}

char *options_help(struct mem *m)
{
	static const char *const rest[][2] = {
		{ "--policy FILE", "instead of /etc/allocrun/policy.conf and policy.d/" },
		{ "--argv0 NAME", "what COMMAND sees as its own name, in place of its path" },
		{ "--format FORMAT",
		  "text (default) or json; of --check also junit, tap,\nprometheus, nagios; of --stat prometheus" },
		{ "--sysroot DIR", "look at the machine captured in DIR (not for a launch;\n--tune: with --dry-run)" },
		{ "--quiet, -q", "no warnings; --check: one line" },
		{ "--verbose, -v",
		  "print the plan on stderr before the start;\n--check: also what is well and what does not apply" },
	};
	struct buffer text = { .m = m };

	buffer_append(&text, "Usage: allocrun [OPTION]... [--] COMMAND [ARG]...\n"
			     "  or:  allocrun --explain [OPTION]... [--] [COMMAND [ARG]...]\n"
			     "  or:  allocrun --list\n"
			     "  or:  allocrun --check [--pid PID] [OPTION]...\n"
			     "  or:  allocrun --stat PID [OPTION]...\n"
			     "  or:  allocrun --purge PID [OPTION]...\n"
			     "  or:  allocrun --heap-profile PID start|dump|stop\n"
			     "  or:  allocrun --tune [--dry-run|--revert] [OPTION]...\n"
			     "  or:  allocrun --capture DIR\n"
			     "  or:  allocrun --shims DIR [--remove] [NAME]...\n"
			     "  or:  allocrun --copy-to DIR\n"
			     "Start COMMAND with the right memory allocator, tuned for this machine, and\n"
			     "on the right NUMA nodes.\n\nModes:\n");

	for (int i = MODE_LAUNCH + 1; i < MODE_COUNT; i++)
		help_row(&text, options_mode_usage(m, &option_modes[i]), option_modes[i].help);
	buffer_append(&text, "\nOptions (also ALLOCRUN_OPTION in the environment, and [launch] in the policy file):\n");
	for (int k = 0; k < KEY_COUNT; k++) {
		const char *argument = key_argument((enum key)k);

		help_row(&text, mem_printf(m, "--%s%s%s", key_name((enum key)k), *argument == '[' ? "" : " ", argument),
			 key_help((enum key)k));
	}
	buffer_append(&text, "\nOptions of --check, and those of processes and output of --stat and --purge:\n");
	for (int i = 0; i < CHECK_OPTION_COUNT; i++) {
		const struct check_option_row *row = &check_option_rows[i];

		help_row(&text, mem_printf(m, row->argument ? "--%s %s" : "--%s", row->name, row->argument), row->help);
	}
	buffer_append(&text, "\nOptions of --tune:\n");
	help_row(&text, "--dry-run", "print what would be written, write nothing");
	help_row(&text, "--revert", "put back what the first --tune since boot found");
	help_row(&text, "--atomic", "when one value does not take, put all back");
	buffer_append(&text, "\nOther options:\n");
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		help_row(&text, rest[i][0], rest[i][1]);
	buffer_append(
		&text,
		"\nSteps: affinity, mempolicy, thp, rlimits, oom-score, preload, integrity, options,\n"
		"user, caps, no-new-privs. Each is preferred, save for integrity (off, for it reads\n"
		"the libraries whole) and the last three, which are required once asked for.\n"
		"\nALLOCRUN=off runs COMMAND unchanged, but for --user, --keep-caps and\n--no-new-privs, which hold.\n"
		"\nExit status: 125 allocrun refused or failed, 126 COMMAND cannot be executed,\n"
		"127 COMMAND not found; otherwise COMMAND's own. --check: 0 all is well, 1 warnings\n"
		"(with --fail-on warn), 2 failures, 3 could not tell. --tune: 0 changed or unchanged, 1 a\n"
		"value did not take. See allocrun(8), policy.conf(5).\n");
	return buffer_text(&text);
}
