/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_SAMPLES_H
#define ALLOCRUN_AUDIT_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "live/live.h"

/* What --watch keeps of each look at the processes: what grows. Bytes, FACT_UNKNOWN. */
struct live_point {
	int64_t pid, start_time; /* together they name a process; a PID alone comes again */
	int64_t rss_anon, rss_file, rss_shmem, hugetlb;
	int64_t allocator_resident; /* of the first and the last sample only */
};

struct live_sample {
	int64_t after_ms;        /* since the first one */
	struct live_point *points;
	size_t n_points;
};

/* The first one is taken at once, the last one at the end; one, where they had ended by the second. */
struct live_samples {
	struct live_sample *items;
	size_t n;
};

struct live_sample samples_reduce(struct mem *m, const struct live_facts *live, int64_t after_ms);
/* The process in one of the samples; NULL when it was not there. */
const struct live_point *samples_find(const struct live_sample *sample,
				      const struct live_process *process);

#endif
