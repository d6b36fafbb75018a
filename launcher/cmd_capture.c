/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --capture DIR: what the detectors read of this machine, without names and secrets. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "audit/node.h"
#include "capture/capture.h"
#include "commands.h"
#include "detect.h"
#include "tune/tune.h"
#include "util/replace.h"
#include "version.h"

/*
 * All detectors once, over the machine's own files as a captured machine's are read: what
 * a capture lacks, such as live system calls, has files in its place then.
 */
static void capture_look(const struct root *root, struct mem *m, const struct options *options)
{
	const struct detect_request request = {
		.environment = (const char *const *)options->environment, .thorough = true,
	};
	struct options policy = { .environment = options->environment };
	struct tune_facts tune;
	struct facts machine;
	struct node_facts node;
	const char *error;

	policy_file_load(m, root, &policy, &error);
	facts_detect(root, m, &request, &machine);
	node_detect(root, m, &machine, &node);
	tune_detect(root, m, &tune);
}

static char *capture_readme(struct mem *m, const char *name, const struct capture_result *result)
{
	char *text = mem_printf(m,
		"%s: captured by allocrun " ALLOCRUN_VERSION " --capture.\n\n"
		"allocrun --sysroot FOLDER --explain, --check and --tune --dry-run say what they would here.\n\n"
		"Left out: command lines and environments of processes, accounts, programs and libraries, the\n"
		"state of --tune, the ID of the boot, mounts other than /, /proc, /sys, /dev/shm and cgroups,\n"
		"what the kernel command line and the files of sysctl, tmpfiles and tuned say of other matters,\n"
		"and of the policy the user and the comments.\n"
		"Replaced: the host's name (localhost), names of control groups (groupN), UUIDs of GPUs (numbers),\n"
		"the reasons of ignored checks in the policy.\n", name);

	for (size_t i = 0; i < result->n_unread; i++)
		text = mem_printf(m, "%s%s  %s\n", text, i ? "" : "\nCould not be read:\n", result->unread[i]);
	return text;
}

int cmd_capture(struct mem *m, struct options *options)
{
	struct root_record record = { .m = m };
	const char *folder = options->capture, *problem = NULL;
	struct capture_result result;
	struct utsname name;
	struct root root;
	int r = root_open("/", &root);

	if (r < 0) {
		commands_complain(m, "--capture: / cannot be opened: %s", strerror(-r));
		return EXIT_LAUNCHER;
	}
	root.record = &record;
	capture_look(&root, m, options);
	root.record = NULL;
	if (uname(&name) < 0)
		name.nodename[0] = '\0';
	r = capture_write(&root, m, &record, folder, name.nodename, &result, &problem);
	root_close(&root);
	if (r == 0)
		r = replace_file(m, mem_printf(m, "%s/README", folder), capture_readme(m, basename(folder), &result));
	if (r < 0) {
		commands_complain(m, "--capture: %s: %s", folder, problem ? problem : strerror(-r));
		return EXIT_LAUNCHER;
	}
	for (size_t i = 0; i < result.n_unread && !options->is_quiet; i++)
		commands_complain(m, "left out, for it cannot be read: %s", result.unread[i]);
	return commands_print(m, options->is_quiet ? "" : mem_printf(
		m, "%zu files in %s; look through them before you send them\n", result.n_files, folder));
}
