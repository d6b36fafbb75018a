/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be read, and why: for check audit-limits. */
#include "detect/node.h"

#include <errno.h>
#include <string.h>

static const char *node_gap_reason(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return "not there";
	case -EINVAL:
	case -ERANGE:
	case -EILSEQ:
		return "not in the form that is expected";
	case -ENODATA:
		return "empty";
	case -EFBIG:
		return "too long to be believed";
	default:
		return strerror(-error);
	}
}

void node_add_gap(struct mem *m, struct node_facts *node, const char *path, int error)
{
	*MEM_PUSH(m, node->gaps, node->n_gaps) = (struct node_gap){
		mem_strdup(m, path),
		mem_strdup(m, node_gap_reason(error)),
	};
}
