/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --tune: not in this version, and says so rather than do nothing. */
#include "commands.h"

int cmd_tune(struct mem *m, struct options *options)
{
	(void)options;
	commands_complain(m, "--tune is not in this version; see --explain");
	return EXIT_LAUNCHER;
}
