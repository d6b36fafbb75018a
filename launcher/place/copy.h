/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PLACE_COPY_H
#define ALLOCRUN_PLACE_COPY_H

#include <stddef.h>

#include "util/mem.h"

/* What was done; all belongs to the pool. */
struct copy_result {
	size_t n_files;   /* of the copy */
	size_t n_written; /* of them, those that were not there as they are here */
	const char *path; /* of a failure: what it is about */
	const char *problem;
};

/*
 * Copies what a run needs of the tree at `prefix` (the launcher, the probe, children.so, the manifest, the
 * builds that it names) to `folder`, which is made if missing. All of it is written under temporary names, read back
 * and compared with the SHA-256 of manifest.json and, where the tree has it, SHA256SUMS; then each gets its name by a
 * rename, the launcher last: whoever finds a launcher there finds all that belongs to it. -errno with ret->path and
 * ret->problem: what was written is away again.
 */
int copy_tree(struct mem *m, const char *prefix, const char *folder, struct copy_result *ret);

#endif
