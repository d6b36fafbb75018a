/* SPDX-License-Identifier: Apache-2.0 */
/* The modes: a row each, and what only one of them asks of the command line. */
#include "options/argv.h"

#include <string.h>

#include "util/refuse.h"
#include "util/text.h"

static int mode_settle_launch(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	(void)m, (void)line;
	if (!o->argv)
		return refuse(ret_error, "no command; write: allocrun [OPTION]... -- COMMAND [ARG]...");
	if (o->sysroot && !o->is_off)
		return refuse(ret_error, "--sysroot only looks: it goes with --explain, --list or --check");
	return 0;
}

static int mode_settle_check(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = check_options_set_format(m, &o->check, line->format, ret_error);

	return r < 0 ? r : check_options_verify(m, &o->check, o->sysroot, ret_error);
}

static int mode_settle_stat(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = check_options_set_format(m, &o->check, line->format, ret_error);

	return r < 0 ? r : check_options_verify_stat(m, &o->check, o->sysroot, ret_error);
}

static int mode_settle_purge(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = check_options_set_format(m, &o->check, line->format, ret_error);

	return r < 0 ? r : check_options_verify_purge(m, &o->check, o->sysroot, ret_error);
}

static int mode_settle_heap_profile(struct mem *m, struct options *o, const struct command_line *line,
				    const char **ret_error)
{
	static const char *const actions[] = { [HEAP_START] = "start", [HEAP_DUMP] = "dump", [HEAP_STOP] = "stop" };

	if (!o->folder)
		return refuse(ret_error, "--heap-profile: what? --heap-profile PID start, dump or stop");
	for (int i = HEAP_START; i <= HEAP_STOP; i++) {
		if (strcmp(actions[i], o->folder) == 0)
			o->heap_action = (enum heap_action)i;
	}
	if (o->heap_action == HEAP_NO_ACTION)
		return refuse(ret_error,
			      mem_printf(m, "--heap-profile: no action '%s' (start, dump, stop)", o->folder));
	if (line->format)
		return refuse(ret_error, "--format does not go with --heap-profile");
	return check_options_verify_heap_profile(m, &o->check, o->sysroot, ret_error);
}

static int mode_settle_tune(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	(void)m, (void)line;
	if (o->tune.is_revert && o->tune.is_atomic)
		return refuse(ret_error, "--revert and --atomic exclude each other");
	if (o->sysroot && !o->tune.is_dry)
		return refuse(ret_error, "--sysroot only looks: with --tune it wants --dry-run");
	return 0;
}

static int mode_settle_folder(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	(void)line;
	return *o->folder ?
		       0 :
		       refuse(ret_error, mem_printf(m, "--%s: the folder's name is empty", option_modes[o->mode].name));
}

static int mode_settle_capture(struct mem *m, struct options *o, const struct command_line *line,
			       const char **ret_error)
{
	if (o->sysroot || line->format)
		return refuse(ret_error,
			      mem_printf(m, "--%s does not go with --capture", o->sysroot ? "sysroot" : "format"));
	return mode_settle_folder(m, o, line, ret_error);
}

#define LOOKS (TAKES_COMMAND | TAKES_KEYS | TAKES_FORMAT)
#define SPEAKS (LOOKS | TAKES_CHECK_OPTIONS | TAKES_TUNE_OPTIONS | TAKES_REMOVE)

const struct option_mode option_modes[MODE_COUNT] = {
	[MODE_LAUNCH] = { .takes = LOOKS, .reads_machine = true, .heeds_off = true, .settle = mode_settle_launch },
	[MODE_EXPLAIN] = { "explain", 0, NULL, "print the plan and the reason for each step, run nothing", LOOKS, true,
			   true, NULL },
	[MODE_LIST] = { "list", 0, NULL, "the bundled allocator builds, and which fit here", LOOKS, true, true, NULL },
	[MODE_CHECK] = { "check", 0, NULL, "audit the node, and with --pid a running server",
			 TAKES_KEYS | TAKES_CHECK_OPTIONS, true, false, mode_settle_check },
	[MODE_STAT] = { "stat", 0, "[PID]", "what the allocator of a running server holds, and gave back",
			TAKES_CHECK_OPTIONS, true, false, mode_settle_stat },
	[MODE_PURGE] = { "purge", 0, "[PID]", "what a running server keeps for reuse goes back to the kernel now",
			 TAKES_CHECK_OPTIONS | TAKES_PURGE_THREAD, true, false, mode_settle_purge },
	[MODE_HEAP_PROFILE] = { "heap-profile", 0, "[PID]",
				"start, dump or stop: who allocates in a running server\nthat was launched with --profile debug",
				TAKES_CHECK_OPTIONS, true, false, mode_settle_heap_profile },
	[MODE_TUNE] = { "tune", 0, NULL, "set the node up as [node] of the policy says",
			TAKES_TUNE_OPTIONS | TAKES_FORMAT, true, false, mode_settle_tune },
	[MODE_UNITS] = { "units", 0, NULL,
			 "the systemd services of [units] of the policy,\nand what stands in front of them",
			 TAKES_FORMAT, true, false, NULL },
	[MODE_CAPTURE] = { "capture", 0, "DIR",
			   "copy what allocrun reads of this machine, without names\nand secrets, for a bug report", 0,
			   true, false, mode_settle_capture },
	[MODE_SHIMS] = { "shims", 0, "DIR",
			 "make DIR/NAME for each NAME, or for all servers known:\nit stands for \"allocrun -- NAME\" on a PATH with DIR first;\n--remove takes them away",
			 TAKES_COMMAND | TAKES_REMOVE, false, false, mode_settle_folder },
	[MODE_COPY] = { "copy-to", 0, "DIR",
			"copy what a run needs of allocrun's own tree to DIR,\neach file verified; for init containers",
			0, false, false, mode_settle_folder },
	[MODE_OCI_HOOK] = { "oci-hook", 0, NULL,
			    "a container's config.json on stdin, and on stdout with\nallocrun before its command", 0,
			    false, false, NULL },
	[MODE_HELP] = { "help", 'h', NULL, "this text", SPEAKS, false, true, NULL },
	[MODE_VERSION] = { "version", 'V', NULL, "the version", SPEAKS, false, true, NULL },
};

static int mode_check_takes(struct mem *m, const struct option_mode *mode, const struct options *o,
			    const struct command_line *line, const char **ret_error)
{
	bool is_format = !line->format || strcmp(line->format, "json") == 0 || strcmp(line->format, "text") == 0;

	if (line->first_error)
		return refuse(ret_error, line->first_error);
	if (o->argv && !(mode->takes & TAKES_COMMAND))
		return refuse(ret_error, mem_printf(m, "--%s takes no command ('%s')%s", mode->name, o->argv[0],
						    mode->takes & TAKES_CHECK_OPTIONS ?
							    "; a running one is looked at with --pid PID" :
							    ""));
	for (size_t i = 0; i < line->n_assignments && !(mode->takes & TAKES_KEYS); i++) {
		if (!(mode->takes & TAKES_PURGE_THREAD) || line->assignments[i].key != KEY_PURGE_THREAD)
			return refuse(ret_error, mem_printf(m, "--%s goes with a launch, not with --%s",
							    key_name(line->assignments[i].key), mode->name));
	}
	if (o->check.first && !(mode->takes & TAKES_CHECK_OPTIONS))
		return refuse(ret_error, mem_printf(m, "%s goes with --check", o->check.first));
	if (o->tune.first && !(mode->takes & TAKES_TUNE_OPTIONS))
		return refuse(ret_error, mem_printf(m, "%s goes with --tune", o->tune.first));
	if (o->argv0 && o->mode != MODE_LAUNCH && o->mode != MODE_EXPLAIN)
		return refuse(ret_error, mem_printf(m, "--argv0 goes with a launch, not with --%s", mode->name));
	if (o->removes && !(mode->takes & TAKES_REMOVE))
		return refuse(ret_error, "--remove goes with --shims");
	if (!is_format && mode->takes & TAKES_FORMAT)
		return refuse(ret_error, mem_printf(m, "--format: bad value '%s' (text or json)", line->format));
	return 0;
}

int options_settle_mode(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	const struct option_mode *mode = &option_modes[o->mode];
	int r = o->is_off && mode->heeds_off ? 0 : mode_check_takes(m, mode, o, line, ret_error);

	o->is_json = line->format && strcmp(line->format, "json") == 0;
	return r < 0 || !mode->settle ? r : mode->settle(m, o, line, ret_error);
}
