/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include <jansson.h>

#include "audit/runner.h"
#include "modes/modes.h"
#include "options/read.h"
#include "util/output.h"
#include "version.h"

static int cmd_help(struct mem *m, struct options *options)
{
	(void)options;
	return commands_print(m, options_help(m));
}

static int cmd_version(struct mem *m, struct options *options)
{
	(void)options;
	return commands_print(m, "allocrun " ALLOCRUN_VERSION "\n");
}

static int (*const modes[])(struct mem *m, struct options *options) = {
	[MODE_LAUNCH] = cmd_launch,   [MODE_EXPLAIN] = cmd_explain, [MODE_CHECK] = cmd_check,
	[MODE_TUNE] = cmd_tune,       [MODE_LIST] = cmd_list,       [MODE_HELP] = cmd_help,
	[MODE_CAPTURE] = cmd_capture, [MODE_VERSION] = cmd_version,
};

int main(int argc, char **argv)
{
	struct mem m = MEM_INIT;
	struct options options;
	const char *error;
	int code;

	output_guard_standard_descriptors();
	/* A fixed seed: jansson would read /dev/urandom for one, and no input here is hostile. */
	json_object_seed(1);
	if (options_parse(&m, argc, argv, environ, runner_list_ids(&m, checks), &options, &error) < 0) {
		commands_complain(&m, "%s", error);
		mem_free_all(&m);
		return EXIT_LAUNCHER;
	}
	code = modes[options.mode](&m, &options);
	root_close(&options.root);
	mem_free_all(&m);
	return code;
}
