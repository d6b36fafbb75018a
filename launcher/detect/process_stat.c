/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/retry.h"
#include "util/text.h"

/* Numbers of fields in /proc/PID/stat (proc(5)); the second is the name. */
#define STAT_STATE 3
#define STAT_PARENT 4
#define STAT_FLAGS 9
#define STAT_THREADS 20
#define STAT_START_TIME 22
#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

/* The start of a field behind the name, NULL when there are not so many. */
static const char *stat_field(const char *behind_name, int field)
{
	for (int i = STAT_STATE; behind_name && i < field; i++) {
		behind_name = strchr(behind_name, ' ');
		if (behind_name)
			behind_name++;
	}
	return behind_name;
}

int stat_parse(const char *line, struct process_stat *ret)
{
	const char *open = strchr(line, '('), *close = strrchr(line, ')'), *rest, *field;
	struct process_stat stat = { 0 };
	int64_t flags;
	size_t length;

	/* The name may have anything in it, parentheses and blanks too. */
	if (!open || !close || close < open || close[1] != ' ' || text_parse_i64(line, &stat.pid, NULL) < 0)
		return -EINVAL;
	rest = close + 2;
	length = (size_t)(close - open) - 1;
	if (length >= sizeof stat.name)
		length = sizeof stat.name - 1;
	memcpy(stat.name, open + 1, length);
	stat.state = *rest;
	if (!(field = stat_field(rest, STAT_PARENT)) || text_parse_i64(field, &stat.parent, NULL) < 0 ||
	    !(field = stat_field(rest, STAT_FLAGS)) || text_parse_i64(field, &flags, NULL) < 0 ||
	    !(field = stat_field(rest, STAT_THREADS)) || text_parse_i64(field, &stat.n_threads, NULL) < 0 ||
	    !(field = stat_field(rest, STAT_START_TIME)) || text_parse_i64(field, &stat.start_time, NULL) < 0)
		return -EINVAL;
	stat.is_kernel_thread = flags & PF_KTHREAD;
	*ret = stat;
	return 0;
}

int stat_read(const struct root *root, int64_t pid, struct process_stat *ret)
{
	char path[40], text[1024];
	ssize_t n;
	int fd;

	if (pid)
		snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	else
		snprintf(path, sizeof path, "/proc/self/stat");
	fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	/* One piece, but not one line: a process may have a newline in its name. */
	n = retry_read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return stat_parse(text, ret);
}
