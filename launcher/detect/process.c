/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/status, limits and oom_score_adj. */
#include "detect/process.h"

#include <string.h>

#include "util/text.h"

const struct process_status process_status_unknown = {
	.uid = FACT_UNKNOWN,
	.euid = FACT_UNKNOWN,
	.gid = FACT_UNKNOWN,
	.egid = FACT_UNKNOWN,
	.capabilities_known = TRI_UNKNOWN,
	.no_new_privs = TRI_UNKNOWN,
	.seccomp = FACT_UNKNOWN,
	.thp = THP_PROCESS_UNKNOWN,
	.n_threads = FACT_UNKNOWN,
	.inner_pid = FACT_UNKNOWN,
	.rss_anon = FACT_UNKNOWN,
	.rss_file = FACT_UNKNOWN,
	.rss_shmem = FACT_UNKNOWN,
	.hugetlb = FACT_UNKNOWN,
	.swap = FACT_UNKNOWN,
	.locked = FACT_UNKNOWN,
	.pinned = FACT_UNKNOWN,
};

/* "Uid:	real	effective	saved	filesystem" */
static void status_parse_ids(const char *text, const char *name, int64_t *ret_real, int64_t *ret_effective)
{
	const char *value = text_find_field(text, name);
	int64_t real, effective;

	if (!value || text_parse_i64(value, &real, &value) < 0 || text_parse_i64(value, &effective, NULL) < 0)
		return;
	*ret_real = real;
	*ret_effective = effective;
}

static bool status_parse_mask(const char *text, const char *name, uint64_t *ret)
{
	const char *value = text_find_field(text, name);

	return value && text_parse_u64(value, 16, ret, NULL) == 0;
}

static void status_parse_capabilities(const char *text, struct process_status *status)
{
	struct process_status s = *status;

	if (!status_parse_mask(text, "CapInh", &s.inheritable) || !status_parse_mask(text, "CapPrm", &s.permitted) ||
	    !status_parse_mask(text, "CapEff", &s.effective) || !status_parse_mask(text, "CapBnd", &s.bounding))
		return;
	/* Since 4.3; before that there were none. */
	status_parse_mask(text, "CapAmb", &s.ambient);
	s.capabilities_known = TRI_YES;
	*status = s;
}

static void status_parse_list(struct mem *m, const char *text, const char *name, struct bitmap *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		bitmap_parse_list(text_dup_line(m, value), ret);
}

/* "NStgid:	4711	12	1": the last is the PID in the innermost namespace. */
static void status_parse_inner_pid(const char *text, int64_t *ret)
{
	const char *at = text_find_field(text, "NStgid");
	int64_t pid;

	while (at && *at != '\n' && text_parse_i64(at, &pid, &at) == 0) {
		*ret = pid;
		at += strspn(at, " \t");
	}
}

static void status_parse_memory(const char *text, struct process_status *ret)
{
	text_read_kib(text, "RssAnon", &ret->rss_anon);
	text_read_kib(text, "RssFile", &ret->rss_file);
	text_read_kib(text, "RssShmem", &ret->rss_shmem);
	text_read_kib(text, "HugetlbPages", &ret->hugetlb);
	text_read_kib(text, "VmSwap", &ret->swap);
	text_read_kib(text, "VmLck", &ret->locked);
	text_read_kib(text, "VmPin", &ret->pinned);
}

void status_parse(struct mem *m, const char *text, struct process_status *ret)
{
	int64_t no_new_privs = FACT_UNKNOWN, thp = FACT_UNKNOWN;

	status_parse_ids(text, "Uid", &ret->uid, &ret->euid);
	status_parse_ids(text, "Gid", &ret->gid, &ret->egid);
	status_parse_capabilities(text, ret);
	text_read_i64(text, "Seccomp", &ret->seccomp);
	text_read_i64(text, "NoNewPrivs", &no_new_privs);
	if (no_new_privs == 0 || no_new_privs == 1)
		ret->no_new_privs = no_new_privs ? TRI_YES : TRI_NO;
	text_read_i64(text, "THP_enabled", &thp);
	if (thp == 0 || thp == 1)
		ret->thp = thp ? THP_PROCESS_ALLOWED : THP_PROCESS_DISABLED;
	status_parse_list(m, text, "Cpus_allowed_list", &ret->cpus);
	status_parse_list(m, text, "Mems_allowed_list", &ret->memory_nodes);
	text_read_i64(text, "Threads", &ret->n_threads);
	status_parse_inner_pid(text, &ret->inner_pid);
	status_parse_memory(text, ret);
}

int status_read(const struct root *root, struct mem *m, const char *folder, struct process_status *ret)
{
	char *text;
	int r = root_read_record(root, m, mem_printf(m, "%s/status", folder), &text);

	if (r == 0)
		status_parse(m, text, ret);
	return r;
}

static int limits_parse_value(const char **cursor, int64_t *ret)
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
static void limits_parse(const char *text, const char *name, struct limit *ret)
{
	for (const char *line = text; line; line = text_next_line(line)) {
		const char *cursor = line + strlen(name);
		struct limit limit;

		if (!text_starts_with(line, name) || !strchr(line, '\n'))
			continue;
		if (limits_parse_value(&cursor, &limit.soft) == 0 && limits_parse_value(&cursor, &limit.hard) == 0)
			*ret = limit;
		return;
	}
}

void limits_read(const struct root *root, struct mem *m, const char *folder, struct process_limits *ret)
{
	static const struct limit unknown = { FACT_UNKNOWN, FACT_UNKNOWN };
	char *text;

	*ret = (struct process_limits){ unknown, unknown, unknown, unknown, FACT_UNKNOWN };
	root_read_i64(root, &ret->oom_score_adj, "%s/oom_score_adj", folder);
	if (root_read_record(root, m, mem_printf(m, "%s/limits", folder), &text) < 0)
		return;
	limits_parse(text, "Max locked memory", &ret->memlock);
	limits_parse(text, "Max core file size", &ret->core);
	limits_parse(text, "Max address space", &ret->address_space);
	limits_parse(text, "Max stack size", &ret->stack);
}
