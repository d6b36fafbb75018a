/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --check: not in this version, and says so rather than pass. */
#include "commands.h"

int cmd_check(struct mem *m, struct options *options)
{
	(void)options;
	commands_complain(m, "--check is not in this version; see --explain and --list");
	return EXIT_LAUNCHER;
}
