/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/auxv.h>
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

/*
 * A launch record may have been made to collide in jansson's tables (10 s of CPU for 650 KB with
 * a seed that is known). The kernel gives each program 16 random bytes; of them the C library
 * takes the first 8 for itself. jansson would open /dev/urandom.
 */
static size_t main_seed(void)
{
	const char *random = (const char *)getauxval(AT_RANDOM);
	size_t seed = 0;

	if (random)
		memcpy(&seed, random + 8, sizeof seed);
	return seed ? seed : 1;
}

int main(int argc, char **argv)
{
	struct mem m = MEM_INIT;
	struct options options;
	const char *error;
	int code;

	output_guard_standard_descriptors();
	json_object_seed(main_seed());
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
