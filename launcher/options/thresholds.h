/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_THRESHOLDS_H
#define ALLOCRUN_OPTIONS_THRESHOLDS_H

#include <stdint.h>

#include "util/mem.h"

#define CHECK_TIMEOUT_MAX (60 * 60) /* seconds */

/*
 * The numbers at which a check warns and fails. [check] of a policy file sets them by
 * their names: "oom-headroom-warn = 85".
 */
enum threshold {
	THRESHOLD_OOM_HEADROOM_WARN, /* percent of the limit in use */
	THRESHOLD_OOM_HEADROOM_FAIL,
	THRESHOLD_GPU_LOCAL_WARN, /* percent of memory on the GPUs' nodes, below */
	THRESHOLD_GPU_LOCAL_FAIL,
	THRESHOLD_THP_FALLBACK_WARN, /* percent of huge page faults that fell back */
	THRESHOLD_THP_FALLBACK_FAIL,
	THRESHOLD_ARENAS_WARN, /* arenas for each usable CPU, above */
	THRESHOLD_ARENAS_FAIL,
	THRESHOLD_RETENTION_WARN, /* percent of live memory that is resident, above */
	THRESHOLD_RETENTION_FAIL,
	THRESHOLD_NOT_ALLOCATOR, /* percent of anonymous memory that is not the allocator's */
	THRESHOLD_MAPS_WARN,     /* percent of max_map_count in use */
	THRESHOLD_MAPS_FAIL,
	THRESHOLD_SPARE,       /* percent of hugetlb pool or /dev/shm that should be free */
	THRESHOLD_LOCKED_WARN, /* percent of the memory that is locked or pinned */
	THRESHOLD_LOCKED_FAIL,
	THRESHOLD_COMMIT_WARN, /* percent of the commit limit in use (overcommit_memory=2) */
	THRESHOLD_COMMIT_FAIL,
	THRESHOLD_PAGE_CACHE_WARN, /* percent of the memory that files may use, below */
	THRESHOLD_PAGE_CACHE_FAIL,
	THRESHOLD_MAX_MAP_COUNT, /* vm.max_map_count, below */
	THRESHOLD_TIMEOUT,       /* seconds for looking at processes, in place of --timeout */
	THRESHOLD_COUNT,
};

struct thresholds {
	int64_t values[THRESHOLD_COUNT];
};

struct threshold_row {
	const char *name;    /* as in a policy file */
	int64_t value;       /* built in */
	int64_t least, most; /* what a policy file may say */
	const char *source;  /* of the built-in value */
};

extern const struct threshold_row threshold_rows[THRESHOLD_COUNT];
struct thresholds thresholds_default(void);
/* `text` with the values in place of their names in braces: "below {oom-headroom-warn} %". */
const char *thresholds_expand(struct mem *m, const struct thresholds *thresholds, const char *text);

#endif
