/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/names.h"

#include <linux/mempolicy.h>

#include "util/kernel_abi.h"

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

const char *limit_format(struct mem *m, int64_t value)
{
	return value == FACT_UNLIMITED ? "unlimited" : mem_printf(m, "%lld", (long long)value);
}

const char *mempolicy_mode_name(int64_t mode)
{
	static const char *const names[] = {
		[MPOL_DEFAULT] = "default",
		[MPOL_PREFERRED] = "preferred",
		[MPOL_BIND] = "bind",
		[MPOL_INTERLEAVE] = "interleave",
		[MPOL_LOCAL] = "local",
		[MPOL_PREFERRED_MANY] = "preferred-many",
		[MODE_WEIGHTED_INTERLEAVE] = "weighted-interleave",
	};

	return mode >= 0 && mode < (int64_t)(sizeof names / sizeof *names) ? names[mode] : NULL;
}
