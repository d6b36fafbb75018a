/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --copy-to DIR: its own tree into a volume, by an init container that has nothing else. */
#include <signal.h>

#include "modes/modes.h"
#include "place/copy.h"
#include "program/catalog.h"

int cmd_copy(struct mem *m, struct options *options)
{
	const char *prefix = catalog_find_prefix(&root_machine, m);
	struct copy_result result;

	if (!prefix) {
		commands_complain(m, "--copy-to: allocrun does not lie in a folder named bin, so its tree cannot be "
				     "found");
		return EXIT_LAUNCHER;
	}
	/* A file that may not grow is an error as any other. */
	signal(SIGXFSZ, SIG_IGN);
	if (copy_tree(m, prefix, options->folder, &result) < 0) {
		commands_complain(m, "--copy-to: %s: %s; nothing was copied", result.path, result.problem);
		return EXIT_LAUNCHER;
	}
	return options->is_quiet ? 0 :
				   commands_print(m, mem_printf(m, "%zu files in %s, %zu of them new\n", result.n_files,
								options->folder, result.n_written));
}
