/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --oci-hook: the config.json of a container, from standard input to standard output. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modes/modes.h"
#include "place/oci.h"
#include "program/catalog.h"
#include "util/retry.h"

#define HOOK_CHUNK (64 * 1024)

/* All of it, in the pool: what is not understood is to be written as it is. -errno. */
static int hook_read(struct mem *m, char **ret, size_t *ret_size)
{
	size_t size = 0, room = HOOK_CHUNK;
	char *bytes = mem_alloc(m, room);
	ssize_t n;

	while ((n = retry_read(STDIN_FILENO, bytes + size, room - size)) > 0) {
		size += (size_t)n;
		if (size < room)
			continue;
		room *= 2;
		bytes = memcpy(mem_alloc(m, room), bytes, size);
	}
	*ret = bytes;
	*ret_size = size;
	return (int)n;
}

static int hook_write(struct mem *m, const char *bytes, size_t size)
{
	int r = retry_write_all(STDOUT_FILENO, bytes, size);

	if (r < 0)
		commands_complain(m, "--oci-hook: standard output cannot be written to: %s", strerror(-r));
	return r < 0 ? EXIT_LAUNCHER : 0;
}

int cmd_oci_hook(struct mem *m, struct options *options)
{
	const char *prefix = catalog_find_prefix(&root_machine, m), *why = NULL;
	char *config, *injected = NULL;
	size_t size;
	int r = hook_read(m, &config, &size);

	if (r < 0)
		why = mem_printf(m, "standard input: %s", strerror(-r));
	else if (!prefix || !*prefix)
		why = "allocrun does not lie in a folder named bin of its own, so its tree cannot be mounted";
	else
		injected = oci_inject(m, config, size, prefix, &why);
	if (injected)
		return commands_print(m, injected);
	/* A hook that fails would stop the container. */
	if (!options->is_quiet)
		commands_complain(m, "--oci-hook: left as it is: %s", why);
	return hook_write(m, config, size);
}
