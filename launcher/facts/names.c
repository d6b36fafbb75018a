/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/names.h"

const char *thp_mode_name(enum thp_mode mode)
{
	static const char *const names[] = { "unknown", "always", "madvise", "never" };

	return names[mode];
}

const struct numa_node *numa_find_node(const struct numa_facts *numa, int id)
{
	for (size_t i = 0; i < numa->n_nodes; i++) {
		if (numa->nodes[i].id == id)
			return &numa->nodes[i];
	}
	return NULL;
}
