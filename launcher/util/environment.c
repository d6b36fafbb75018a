/* SPDX-License-Identifier: Apache-2.0 */
#include "util/environment.h"

#include <stdbool.h>
#include <string.h>

static bool environment_is(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

const char *environment_get(const char *const *environment, const char *name)
{
	const char *value = NULL;

	for (; environment && *environment; environment++) {
		if (environment_is(*environment, name))
			value = *environment + strlen(name) + 1;
	}
	return value;
}

char **environment_with(struct mem *m, char *const *environment, const char *name, const char *value)
{
	size_t n = 0, kept = 0;
	bool is_placed = value == NULL;
	char **block;

	while (environment[n])
		n++;
	block = mem_alloc(m, (n + 2) * sizeof *block);
	for (size_t i = 0; i < n; i++) {
		if (!environment_is(environment[i], name)) {
			block[kept++] = environment[i];
		} else if (!is_placed) {
			block[kept++] = mem_printf(m, "%s=%s", name, value);
			is_placed = true;
		}
	}
	if (!is_placed)
		block[kept++] = mem_printf(m, "%s=%s", name, value);
	return block;
}
