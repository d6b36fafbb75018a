/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are the builds that could be loaded the ones that the manifest speaks of? Asked for
 * with --require integrity or --prefer integrity. Pure: the detectors read the bytes.
 */
#include <string.h>

#include "decide/decision.h"

#define INTEGRITY "integrity"

/* A build whose bytes are others; also one that would not have been chosen: the tree is not ours. */
static const char *integrity_find_difference(const struct decision *d)
{
	const struct catalog_facts *catalog = &d->facts->catalog;

	for (size_t i = 0; i < catalog->n_builds; i++) {
		const struct build_facts *b = &catalog->builds[i];

		if (b->is_bundled && b->digest && b->sha256 && strcmp(b->digest, b->sha256) != 0)
			return mem_printf(d->m, "%s has sha256 %s, the manifest says %s", b->path, b->digest,
					  b->sha256);
	}
	if (catalog->children_digest && strcmp(catalog->children_digest, catalog->children_sha256) != 0)
		return mem_printf(d->m, "%s has sha256 %s, this allocrun knows %s", catalog->children,
				  catalog->children_digest, catalog->children_sha256);
	return NULL;
}

static const char *integrity_reject(const struct decision *d, const struct build_facts *build)
{
	if (!build->is_bundled)
		return mem_printf(d->m, "no manifest says what the bytes of %s should be", build->path);
	if (!build->sha256)
		return mem_printf(d->m, "the manifest has no sha256 for %s", build->id);
	if (!build->digest)
		return mem_printf(d->m, "%s cannot be read whole", build->path);
	return NULL;
}

void policy_decide_integrity(const struct decision *d)
{
	const struct build_facts *build = d->plan->build;
	struct operation *op;
	const char *reason;

	if (d->options->ladders[STEP_INTEGRITY].origin == ORIGIN_BUILT_IN) {
		policy_leave(d, STEP_INTEGRITY, INTEGRITY, "not asked for");
		return;
	}
	if (policy_is_off(d, STEP_INTEGRITY, INTEGRITY))
		return;
	reason = integrity_find_difference(d);
	if (!reason && build)
		reason = integrity_reject(d, build);
	if (reason) {
		policy_refuse(d, STEP_INTEGRITY, INTEGRITY, reason);
		return;
	}
	op = policy_leave(d, STEP_INTEGRITY, INTEGRITY,
			  build ? mem_printf(d->m, "%s is the file that the manifest knows, sha256 %s", build->id,
					     build->digest) :
				  "no library of ours is loaded");
	if (build)
		op->outcome = OUTCOME_DONE;
}
