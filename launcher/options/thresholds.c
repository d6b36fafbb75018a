/* SPDX-License-Identifier: Apache-2.0 */
#include "options/thresholds.h"

#include <string.h>

/*
 * "start value": a proposal that no measurement has settled; what speaks for it stands
 * behind it.
 */
#define OOM_SOURCE \
	"start value: kubelet evicts and systemd-oomd acts from about 90 % on, so warn before and fail behind that"
#define LOCAL_SOURCE "start value: 22 % remote memory is what TensorRT-LLM#18117 reports as a fault"
#define FALLBACK_SOURCE \
	"start value: counters of a healthy host stay below 5 %, those of TensorRT-LLM#15431 were far above"
#define ARENAS_SOURCE \
	"jemalloc's default is 4 for each CPU and glibc's 8 (manuals); flink-docker#266 lost 3.9 GB to the former"
#define RETENTION_SOURCE \
	"start value: the table of profiles, live 260 MB: 1.1 after idling with jemalloc, 3.8 with glibc"
#define MAPS_SOURCE "start value: at the limit mmap and munmap fail with ENOMEM (vm.max_map_count, sysctl/vm.rst)"
#define LOCKED_SOURCE "as oom-headroom: what is locked or pinned cannot be taken back"
#define COMMIT_SOURCE "as oom-headroom: beyond CommitLimit malloc and mmap fail (vm/overcommit-accounting.rst)"
#define CACHE_SOURCE "start value: with less than a tenth left, files that are mapped are read again and again"

const struct threshold_row threshold_rows[THRESHOLD_COUNT] = {
	[THRESHOLD_OOM_HEADROOM_WARN] = { "oom-headroom-warn", 80, 1, 100, OOM_SOURCE },
	[THRESHOLD_OOM_HEADROOM_FAIL] = { "oom-headroom-fail", 92, 1, 100, OOM_SOURCE },
	[THRESHOLD_GPU_LOCAL_WARN] = { "gpu-local-warn", 95, 0, 100, LOCAL_SOURCE },
	[THRESHOLD_GPU_LOCAL_FAIL] = { "gpu-local-fail", 80, 0, 100, LOCAL_SOURCE },
	[THRESHOLD_THP_FALLBACK_WARN] = { "thp-fallback-warn", 5, 0, 100, FALLBACK_SOURCE },
	[THRESHOLD_THP_FALLBACK_FAIL] = { "thp-fallback-fail", 30, 0, 100, FALLBACK_SOURCE },
	[THRESHOLD_ARENAS_WARN] = { "arenas-warn", 2, 1, 1000, ARENAS_SOURCE },
	[THRESHOLD_ARENAS_FAIL] = { "arenas-fail", 8, 1, 1000, ARENAS_SOURCE },
	[THRESHOLD_RETENTION_WARN] = { "retention-warn", 130, 100, 10000, RETENTION_SOURCE },
	[THRESHOLD_RETENTION_FAIL] = { "retention-fail", 200, 100, 10000, RETENTION_SOURCE },
	[THRESHOLD_NOT_ALLOCATOR] = { "not-allocator", 20, 0, 100,
				      "start value: below a fifth, pymalloc's own arenas and thread stacks explain the gap" },
	[THRESHOLD_MAPS_WARN] = { "maps-warn", 50, 1, 100, MAPS_SOURCE },
	[THRESHOLD_MAPS_FAIL] = { "maps-fail", 80, 1, 100, MAPS_SOURCE },
	[THRESHOLD_SPARE] = { "spare", 10, 0, 100,
			      "start value: a hugetlb fault without a page, or a write to a full /dev/shm, ends with SIGBUS" },
	[THRESHOLD_LOCKED_WARN] = { "locked-warn", 80, 1, 100, LOCKED_SOURCE },
	[THRESHOLD_LOCKED_FAIL] = { "locked-fail", 92, 1, 100, LOCKED_SOURCE },
	[THRESHOLD_COMMIT_WARN] = { "commit-warn", 80, 1, 100, COMMIT_SOURCE },
	[THRESHOLD_COMMIT_FAIL] = { "commit-fail", 92, 1, 100, COMMIT_SOURCE },
	[THRESHOLD_PAGE_CACHE_WARN] = { "page-cache-warn", 10, 0, 100, CACHE_SOURCE },
	[THRESHOLD_PAGE_CACHE_FAIL] = { "page-cache-fail", 3, 0, 100, CACHE_SOURCE },
	[THRESHOLD_MAX_MAP_COUNT] = { "max-map-count", 65530, 0, INT64_C(1) << 31,
				      "the kernel's default (sysctl/vm.rst): nobody should be below it" },
	[THRESHOLD_TIMEOUT] = { "timeout", 30, 1, CHECK_TIMEOUT_MAX,
				"start value: 2,000 processes take less than a second; health checks wait for 30" },
};

struct thresholds thresholds_default(void)
{
	struct thresholds thresholds;

	for (int i = 0; i < THRESHOLD_COUNT; i++)
		thresholds.values[i] = threshold_rows[i].value;
	return thresholds;
}

/* Of "{name}"; THRESHOLD_COUNT: there is none of this name. */
static int threshold_find(const char *brace, size_t length)
{
	int i = 0;

	while (i < THRESHOLD_COUNT &&
	       (strlen(threshold_rows[i].name) != length || strncmp(threshold_rows[i].name, brace + 1, length) != 0))
		i++;
	return i;
}

const char *thresholds_expand(struct mem *m, const struct thresholds *thresholds, const char *text)
{
	const char *brace = text ? strchr(text, '{') : NULL, *end = brace ? strchr(brace, '}') : NULL;
	int i = end ? threshold_find(brace, (size_t)(end - brace - 1)) : THRESHOLD_COUNT;

	if (i == THRESHOLD_COUNT)
		return text;
	return mem_printf(m, "%.*s%lld%s", (int)(brace - text), text, (long long)thresholds->values[i],
			  thresholds_expand(m, thresholds, end + 1));
}
