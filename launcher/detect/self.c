/* SPDX-License-Identifier: Apache-2.0 */

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "detect/detect.h"
#include "util/text.h"
#include "detect/detectors.h"

#define PROCESS_FOLDER "/proc/self"
#define PROCESS_STAT_START_TIME 22

static void process_parse_i64(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		text_parse_i64(value, ret, NULL);
}

/* "Uid:	real	effective	saved	filesystem" */
static void process_parse_ids(const char *text, const char *name, int64_t *ret_real, int64_t *ret_effective)
{
	const char *value = text_find_field(text, name);
	int64_t real, effective;

	if (!value || text_parse_i64(value, &real, &value) < 0 || text_parse_i64(value, &effective, NULL) < 0)
		return;
	*ret_real = real;
	*ret_effective = effective;
}

static bool process_parse_mask(const char *text, const char *name, uint64_t *ret)
{
	const char *value = text_find_field(text, name);

	return value && text_parse_u64(value, 16, ret, NULL) == 0;
}

static void process_parse_capabilities(const char *text, struct process_facts *process)
{
	struct process_facts p = *process;

	if (!process_parse_mask(text, "CapInh", &p.inheritable) || !process_parse_mask(text, "CapPrm", &p.permitted) ||
	    !process_parse_mask(text, "CapEff", &p.effective) || !process_parse_mask(text, "CapBnd", &p.bounding))
		return;
	/* Since 4.3; before that there were none. */
	process_parse_mask(text, "CapAmb", &p.ambient);
	p.capabilities_known = TRI_YES;
	*process = p;
}

static void process_parse_list(struct mem *m, const char *text, const char *name, struct bitmap *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		bitmap_parse_list(text_dup_line(m, value), ret);
}

static void process_read_status(const struct root *root, struct mem *m, struct facts *facts)
{
	int64_t no_new_privs = FACT_UNKNOWN, thp = FACT_UNKNOWN;
	char *text;

	if (root_read_record(root, m, PROCESS_FOLDER "/status", &text) < 0)
		return;
	process_parse_ids(text, "Uid", &facts->process.uid, &facts->process.euid);
	process_parse_ids(text, "Gid", &facts->process.gid, &facts->process.egid);
	process_parse_capabilities(text, &facts->process);
	process_parse_i64(text, "Seccomp", &facts->process.seccomp);
	process_parse_i64(text, "NoNewPrivs", &no_new_privs);
	if (no_new_privs == 0 || no_new_privs == 1)
		facts->process.no_new_privs = no_new_privs ? TRI_YES : TRI_NO;
	process_parse_i64(text, "THP_enabled", &thp);
	if (thp == 0 || thp == 1)
		facts->thp.process = thp ? THP_PROCESS_ALLOWED : THP_PROCESS_DISABLED;
	process_parse_list(m, text, "Cpus_allowed_list", &facts->cpu.allowed);
	process_parse_list(m, text, "Mems_allowed_list", &facts->numa.allowed_memory);
}

/* What the file cannot say, or where /proc is not mounted. */
static void process_ask_kernel(struct facts *facts)
{
	int thp = prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L), mode;
	cpu_set_t set[BITMAP_BITS / CPU_SETSIZE];

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0)
		facts->process.memory_policy = mode;
	if (thp == THP_PROCESS_ALLOWED || thp == THP_PROCESS_DISABLED || thp == THP_PROCESS_EXCEPT_ADVISED)
		facts->thp.process = (enum thp_process)thp;
	if (!bitmap_is_empty(&facts->cpu.allowed) || sched_getaffinity(0, sizeof set, set) < 0)
		return;
	for (int cpu = 0; cpu < BITMAP_BITS; cpu++) {
		if (CPU_ISSET_S((size_t)cpu, sizeof set, set))
			bitmap_set(&facts->cpu.allowed, cpu);
	}
}

static int process_parse_limit_value(const char **cursor, int64_t *ret)
{
	static const char unlimited[] = "unlimited";

	*cursor += strspn(*cursor, " ");
	if (text_starts_with(*cursor, unlimited)) {
		*cursor += sizeof unlimited - 1;
		*ret = FACT_UNLIMITED;
		return 0;
	}
	return text_parse_i64(*cursor, ret, cursor);
}

/* "Max locked memory         8388608              unlimited            bytes     " */
static void process_parse_limit(const char *text, const char *name, struct limit *ret)
{
	for (const char *line = text; line; line = text_next_line(line)) {
		const char *cursor = line + strlen(name);
		struct limit limit;

		if (!text_starts_with(line, name) || !strchr(line, '\n'))
			continue;
		if (process_parse_limit_value(&cursor, &limit.soft) == 0 &&
		    process_parse_limit_value(&cursor, &limit.hard) == 0)
			*ret = limit;
		return;
	}
}

static void process_read_start_time(const struct root *root, int64_t *ret)
{
	char line[1024];
	const char *cursor;

	if (root_read_line(root, line, sizeof line, PROCESS_FOLDER "/stat") < 0)
		return;
	/* The second field is the name in parentheses, and may have any in itself. */
	cursor = strrchr(line, ')');
	for (int field = 2; cursor && field < PROCESS_STAT_START_TIME; field++) {
		cursor = strchr(cursor, ' ');
		if (cursor)
			cursor++;
	}
	if (cursor)
		text_parse_i64(cursor, ret, NULL);
}

void process_read_limits(const struct root *root, struct mem *m, const char *folder, struct process_facts *facts)
{
	static const struct limit unknown = { FACT_UNKNOWN, FACT_UNKNOWN };
	char *text;

	facts->memlock = facts->core = facts->address_space = unknown;
	if (root_read_record(root, m, mem_printf(m, "%s/limits", folder), &text) < 0)
		return;
	process_parse_limit(text, "Max locked memory", &facts->memlock);
	process_parse_limit(text, "Max core file size", &facts->core);
	process_parse_limit(text, "Max address space", &facts->address_space);
}

void process_detect(const struct root *root, struct mem *m, struct facts *ret)
{
	ret->process = (struct process_facts){
		.uid = FACT_UNKNOWN,
		.euid = FACT_UNKNOWN,
		.gid = FACT_UNKNOWN,
		.egid = FACT_UNKNOWN,
		.capabilities_known = TRI_UNKNOWN,
		.no_new_privs = TRI_UNKNOWN,
		.seccomp = FACT_UNKNOWN,
		.memory_policy = FACT_UNKNOWN,
		.oom_score_adj = FACT_UNKNOWN,
		.start_time = FACT_UNKNOWN,
	};
	ret->thp.process = THP_PROCESS_UNKNOWN;
	process_read_status(root, m, ret);
	process_read_limits(root, m, PROCESS_FOLDER, &ret->process);
	root_read_i64(root, &ret->process.oom_score_adj, PROCESS_FOLDER "/oom_score_adj");
	if (!root->live)
		return;
	process_ask_kernel(ret);
	process_read_start_time(root, &ret->process.start_time);
}
