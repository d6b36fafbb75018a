/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_PROFILES_H
#define ALLOCRUN_OPTIONS_PROFILES_H

#include <stdint.h>

#include "known/conf.h"

/*
 * The named profiles: plain data. Options that depend on the machine (narenas, the
 * decay under a memory limit) are fields of their own; policy.c computes them.
 */
struct profile {
	const char *name;
	const char *summary;
	const char *allocator;  /* in order of preference, as --allocator takes it */
	const char *variant;    /* of the bundled build: "" or BUILD_FEATURE_PROF */
	const char *numa;       /* as --numa takes it */
	const char *thp;        /* as --thp takes it */
	int arenas_percent;     /* narenas as a share of the usable CPUs, rounded up */
	int64_t dirty_decay_ms; /* before the memory limit is looked at */
	const char *decay_why;
	struct conf_item purge[4];    /* of the purge thread of the bundled builds; ended by key NULL */
	struct conf_item jemalloc[8]; /* and so on */
	struct conf_item mimalloc[4];
	struct conf_item glibc[4];
};

extern const struct profile profiles[];               /* ended by name NULL */
const struct profile *profile_find(const char *name); /* NULL = none */
const char *const *profile_names(void);               /* NULL-terminated */

#endif
