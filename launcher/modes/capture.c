/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --capture DIR: what the detectors read of this machine, without names and secrets. */
#include <stdlib.h>
#include <string.h>

#include "capture/capturing.h"
#include "detect/detect.h"
#include "detect/node.h"
#include "modes/modes.h"
#include "options/read.h"
#include "tune/tuning.h"

/*
 * All detectors once, over the machine's own files as a captured machine's are read: what
 * a capture lacks, such as live system calls, has files in its place then.
 */
static void capture_look(const struct root *root, struct mem *m, const struct options *options)
{
	/* No variables: where they point to is not to be looked at. */
	static char *none[] = { NULL };
	const struct detect_request request = {
		.environment = (const char *const *)none,
		.thorough = true,
	};
	struct options policy = { .environment = none, .check_ids = options->check_ids };
	struct tune_facts tune;
	struct facts machine;
	struct node_facts node;
	const char *error;

	/* The file that is named stands for all of the default ones, as for the other modes. */
	if (!options->policy)
		policy_file_load(m, root, &policy, &error);
	facts_detect(root, m, &request, &machine);
	node_detect(root, m, &machine, &node);
	tune_detect(root, m, &tune);
}

int cmd_capture(struct mem *m, struct options *options)
{
	struct root_record record = { .m = m };
	const char *folder = options->folder, *problem;
	struct capture_result result;
	struct root root;
	int r = root_open("/", &root);

	if (r < 0) {
		commands_complain(m, "--capture: / cannot be opened: %s", strerror(-r));
		return EXIT_LAUNCHER;
	}
	root.record = &record;
	capture_look(&root, m, options);
	root.record = NULL;
	r = capture_write(&root, m, &record, options->policy, folder, &result, &problem);
	root_close(&root);
	if (r < 0) {
		commands_complain(m, "--capture: %s: %s", folder, problem);
		return EXIT_LAUNCHER;
	}
	for (size_t i = 0; i < result.n_unread && !options->is_quiet; i++)
		commands_complain(m, "left out, for it cannot be read: %s: %s", result.unread[i].path,
				  strerror(-result.unread[i].error));
	return commands_print(m, options->is_quiet ?
					 "" :
					 mem_printf(m, "%zu files in %s; look through them before you send them\n",
						    result.n_files, folder));
}
