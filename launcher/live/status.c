/* SPDX-License-Identifier: Apache-2.0 */
#include "live/context.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "detect/detect.h"
#include "util/text.h"

#define COMMAND_MAX 4096

static void status_read_kib(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		text_parse_kib(value, ret);
}

static void status_read_i64(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		text_parse_i64(value, ret, NULL);
}

static void status_read_list(struct mem *m, const char *text, const char *name, struct bitmap *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		bitmap_parse_list(text_dup_line(m, value), ret);
}

/* "NStgid:	4711	12	1": the last is the PID in the innermost namespace. */
static void status_read_inner_pid(const char *text, int64_t *ret)
{
	const char *at = text_find_field(text, "NStgid");
	int64_t pid;

	while (at && *at != '\n' && text_parse_i64(at, &pid, &at) == 0) {
		*ret = pid;
		at += strspn(at, " \t");
	}
}

void status_parse(struct mem *m, const char *text, struct live_process *process)
{
	const char *capabilities = text_find_field(text, "CapEff");
	int64_t thp = FACT_UNKNOWN;

	status_read_i64(text, "Uid", &process->uid);
	status_read_i64(text, "Threads", &process->n_threads);
	status_read_inner_pid(text, &process->inner_pid);
	status_read_kib(text, "RssAnon", &process->rss_anon);
	status_read_kib(text, "RssFile", &process->rss_file);
	status_read_kib(text, "RssShmem", &process->rss_shmem);
	status_read_kib(text, "HugetlbPages", &process->hugetlb);
	status_read_kib(text, "VmSwap", &process->swap);
	status_read_kib(text, "VmLck", &process->locked);
	status_read_kib(text, "VmPin", &process->pinned);
	status_read_list(m, text, "Cpus_allowed_list", &process->cpus);
	status_read_list(m, text, "Mems_allowed_list", &process->memory_nodes);
	if (capabilities && text_parse_u64(capabilities, 16, &process->capabilities, NULL) == 0)
		process->capabilities_known = TRI_YES;
	/* "Except where advised" shows as enabled here: only the process itself can tell. */
	status_read_i64(text, "THP_enabled", &thp);
	if (thp == 0 || thp == 1)
		process->thp = thp ? THP_PROCESS_ALLOWED : THP_PROCESS_DISABLED;
}

/* argv with blanks between its words. */
static char *status_join_command(struct mem *m, const char *bytes, size_t size)
{
	char *line = mem_alloc(m, size + 1);

	memcpy(line, bytes, size);
	/* A process that sets its title leaves zeros behind it. */
	while (size > 0 && line[size - 1] == '\0')
		size--;
	for (size_t i = 0; i < size; i++) {
		if (line[i] == '\0')
			line[i] = ' ';
	}
	return line;
}

ssize_t status_read_words(const struct live_context *c, int64_t pid, char *ret, size_t size)
{
	int fd = root_openat(c->root, mem_printf(c->m, "/proc/%lld/cmdline", (long long)pid),
			     O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, ret, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

/* The first COMMAND_MAX bytes: enough to know a process by. */
static void status_read_command(const struct live_context *c, struct live_process *process)
{
	char bytes[COMMAND_MAX];
	ssize_t n = status_read_words(c, process->pid, bytes, sizeof bytes);

	if (n > 0)
		process->command = status_join_command(c->m, bytes, (size_t)n);
}

/* Are two processes in the same namespace? The links' targets name it. */
static enum tristate status_compare_mounts(const struct live_context *c, int64_t pid)
{
	char ours[64], theirs[64];
	char *link = mem_printf(c->m, "/proc/%lld/ns/mnt", (long long)pid);
	int r = root_readlink(c->root, "/proc/self/ns/mnt", ours, sizeof ours);

	if (r == 0)
		r = root_readlink(c->root, link, theirs, sizeof theirs);
	return r < 0 ? TRI_UNKNOWN : strcmp(ours, theirs) == 0 ? TRI_NO : TRI_YES;
}

void status_detect(const struct live_context *c, struct live_process *process)
{
	char *folder = mem_printf(c->m, "/proc/%lld", (long long)process->pid), *text;
	struct process_facts limits = { 0 };

	process->inner_pid = process->pid;
	if (root_read_record(c->root, c->m, mem_printf(c->m, "%s/status", folder), &text) == 0)
		status_parse(c->m, text, process);
	status_read_command(c, process);
	process->other_mounts = status_compare_mounts(c, process->pid);
	if (!c->request->thorough)
		return;
	process_read_limits(c->root, c->m, folder, &limits);
	process->memlock = limits.memlock;
	process->core = limits.core;
	process->address_space = limits.address_space;
	root_read_i64(c->root, &process->oom_score_adj, "%s/oom_score_adj", folder);
}
