/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/cgroup.h"

#include <errno.h>
#include <string.h>

#include "detect/detect.h"
#include "detect/detectors.h"
#include "util/text.h"

/*
 * v1 writes "no limit" as the largest number of bytes in whole pages, which depends
 * on the page size (and was 2^64 - 1 once). Nobody means a limit this close to 2^63.
 */
#define CGROUP_V1_UNLIMITED ((uint64_t)INT64_MAX - (1 << 20))

/* The tightest of several limits, and what could not be read on the way. */
struct cgroup_limit {
	int64_t value;      /* FACT_UNLIMITED until one is found */
	const char *folder; /* where it is set */
	bool is_seen;       /* at least one file was read, even if it said "max" */
	bool is_doubtful;   /* at least one was there, but could not be understood */
};

#define CGROUP_LIMIT_INIT ((struct cgroup_limit){ .value = FACT_UNLIMITED })

static void cgroup_limit_add(struct cgroup_limit *limit, int r, int64_t value, const char *folder)
{
	/* Not there: the root cgroup, or a level to which the controller is not delegated. */
	if (r == -ENOENT || r == -ENOTDIR)
		return;
	if (r < 0) {
		limit->is_doubtful = true;
		return;
	}
	limit->is_seen = true;
	if (value < limit->value) {
		limit->value = value;
		limit->folder = folder;
	}
}

/* A limit that was read stands even if another was not; "unlimited" would not. */
static int64_t cgroup_limit_result(const struct root *root, const struct cgroup_place *place,
				   const struct cgroup_limit *limit)
{
	struct stat st;

	if (limit->value != FACT_UNLIMITED)
		return limit->value;
	if (limit->is_doubtful)
		return FACT_UNKNOWN;
	/* No file at any level: true for the root cgroup, if the folder is there at all. */
	if (!limit->is_seen && root_stat(root, place->folders[0], &st) < 0)
		return FACT_UNKNOWN;
	return FACT_UNLIMITED;
}

/* "max" or a number of bytes. */
static int cgroup_read_bytes(const struct root *root, const char *folder, const char *file, int64_t *ret)
{
	const char *end;
	uint64_t value;
	char line[64];
	int r = root_read_line(root, line, sizeof line, "%s/%s", folder, file);

	if (r < 0)
		return r;
	if (strcmp(line, "max") == 0) {
		*ret = FACT_UNLIMITED;
		return 0;
	}
	r = text_parse_u64(line, 10, &value, &end);
	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret = value > CGROUP_V1_UNLIMITED ? FACT_UNLIMITED : (int64_t)value;
	return 0;
}

static struct cgroup_limit cgroup_tightest_bytes(const struct root *root, const struct cgroup_place *place,
						 const char *file)
{
	struct cgroup_limit limit = CGROUP_LIMIT_INIT;

	for (size_t i = 0; i < place->n_folders; i++) {
		int64_t value = FACT_UNLIMITED;
		int r = cgroup_read_bytes(root, place->folders[i], file, &value);

		cgroup_limit_add(&limit, r, value, place->folders[i]);
	}
	return limit;
}

static void cgroup_detect_memory(const struct root *root, struct mem *m, const struct cgroup_place *place,
				 bool thorough, struct cgroup_facts *facts)
{
	bool v1 = place->version == CGROUP_V1;
	struct cgroup_limit max, high;

	if (!place->n_folders)
		return;
	max = cgroup_tightest_bytes(root, place, v1 ? "memory.limit_in_bytes" : "memory.max");
	facts->memory_max = cgroup_limit_result(root, place, &max);
	if (max.folder)
		facts->memory_path = mem_strdup(m, max.folder);
	if (!v1) {
		high = cgroup_tightest_bytes(root, place, "memory.high");
		facts->memory_high = cgroup_limit_result(root, place, &high);
	}
	if (thorough)
		cgroup_read_bytes(root, max.folder ? max.folder : place->folders[0],
				  v1 ? "memory.usage_in_bytes" : "memory.current", &facts->memory_current);
}

/* CPU time per period, as thousandths of a CPU. */
static int cgroup_quota_milli(int64_t quota, int64_t period, int64_t *ret)
{
	if (quota < 0 || period <= 0 || quota > INT64_MAX / 1000)
		return -EINVAL;
	*ret = quota * 1000 / period;
	return 0;
}

/* "max 100000" or "150000 100000" */
static int cgroup_read_quota_v2(const struct root *root, const char *folder, int64_t *ret)
{
	const char *cursor;
	int64_t quota, period;
	char line[64];
	int r = root_read_line(root, line, sizeof line, "%s/cpu.max", folder);

	if (r < 0)
		return r;
	if (text_starts_with(line, "max ")) {
		*ret = FACT_UNLIMITED;
		return 0;
	}
	r = text_parse_i64(line, &quota, &cursor);
	if (r < 0)
		return r;
	r = text_parse_i64(cursor, &period, &cursor);
	if (r < 0)
		return r;
	return *cursor ? -EINVAL : cgroup_quota_milli(quota, period, ret);
}

static int cgroup_read_quota_v1(const struct root *root, const char *folder, int64_t *ret)
{
	int64_t quota, period;
	int r = root_read_i64(root, &quota, "%s/cpu.cfs_quota_us", folder);

	if (r < 0)
		return r;
	if (quota < 0) {
		*ret = FACT_UNLIMITED;
		return 0;
	}
	r = root_read_i64(root, &period, "%s/cpu.cfs_period_us", folder);
	/* A quota without its period is not "no quota". */
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	return cgroup_quota_milli(quota, period, ret);
}

static void cgroup_detect_cpu(const struct root *root, const struct cgroup_place *place, struct cgroup_facts *facts)
{
	struct cgroup_limit limit = CGROUP_LIMIT_INIT;

	if (!place->n_folders)
		return;
	for (size_t i = 0; i < place->n_folders; i++) {
		const char *folder = place->folders[i];
		int64_t value = FACT_UNLIMITED;
		int r = place->version == CGROUP_V1 ? cgroup_read_quota_v1(root, folder, &value) :
						      cgroup_read_quota_v2(root, folder, &value);

		cgroup_limit_add(&limit, r, value, folder);
	}
	facts->cpu_quota_milli = cgroup_limit_result(root, place, &limit);
}

static void cgroup_read(const struct root *root, struct mem *m, const char *process, bool thorough,
			struct cgroup_facts *ret)
{
	struct cgroup_map map;
	struct cgroup_place memory, cpu;

	*ret = (struct cgroup_facts){
		.version = CGROUP_UNKNOWN,
		.memory_max = FACT_UNKNOWN,
		.memory_high = FACT_UNKNOWN,
		.memory_current = FACT_UNKNOWN,
		.cpu_quota_milli = FACT_UNKNOWN,
	};
	ret->version = cgroup_map_read(root, m, process, &map);
	if (ret->version == CGROUP_NONE) {
		ret->memory_max = FACT_UNLIMITED;
		ret->memory_high = FACT_UNLIMITED;
		ret->cpu_quota_milli = FACT_UNLIMITED;
	}
	if (ret->version == CGROUP_NONE || ret->version == CGROUP_UNKNOWN)
		return;
	cgroup_map_find(&map, m, "memory", &memory);
	cgroup_map_find(&map, m, "cpu", &cpu);
	cgroup_detect_memory(root, m, &memory, thorough, ret);
	cgroup_detect_cpu(root, &cpu, ret);
}

void cgroup_detect(const struct root *root, struct mem *m, bool thorough, struct cgroup_facts *ret)
{
	cgroup_read(root, m, "/proc/self", thorough, ret);
}

void cgroup_detect_process(const struct root *root, struct mem *m, const char *process, struct cgroup_facts *ret)
{
	cgroup_read(root, m, process, true, ret);
}
