/* SPDX-License-Identifier: Apache-2.0 */
#include "live/context.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "detect/process.h"
#include "util/retry.h"
#include "util/text.h"

#define COMMAND_MAX 4096

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

ssize_t status_read_words(struct live_context *c, int64_t pid, char *ret, size_t size)
{
	int fd = root_openat(c->root, mem_printf(&c->scratch, "/proc/%lld/cmdline", (long long)pid),
			     O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = retry_read(fd, ret, size);
	close(fd);
	return n;
}

/* The first COMMAND_MAX bytes: enough to know a process by. */
static void status_read_command(struct live_context *c, struct live_process *process)
{
	char bytes[COMMAND_MAX];
	ssize_t n = status_read_words(c, process->pid, bytes, sizeof bytes);

	if (n > 0)
		process->command = status_join_command(c->m, bytes, (size_t)n);
}

/* Are two processes in the same namespace? The links' targets name it. */
static enum tristate status_compare_mounts(struct live_context *c, int64_t pid)
{
	char ours[64], theirs[64];
	char *link = mem_printf(&c->scratch, "/proc/%lld/ns/mnt", (long long)pid);
	int r = root_readlink(c->root, "/proc/self/ns/mnt", ours, sizeof ours);

	if (r == 0)
		r = root_readlink(c->root, link, theirs, sizeof theirs);
	return r < 0 ? TRI_UNKNOWN : strcmp(ours, theirs) == 0 ? TRI_NO : TRI_YES;
}

void status_detect(struct live_context *c, struct live_process *process)
{
	char *folder = mem_printf(&c->scratch, "/proc/%lld", (long long)process->pid);

	process->status.inner_pid = process->pid;
	status_read(c->root, &c->scratch, folder, &process->status);
	status_read_command(c, process);
	process->other_mounts = status_compare_mounts(c, process->pid);
	if (!c->request->thorough)
		return;
	limits_read(c->root, &c->scratch, folder, &process->limits);
}
