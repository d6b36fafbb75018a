/* SPDX-License-Identifier: Apache-2.0 */
#include "util/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/output.h"
#include "util/text.h"

static int replace_create(const char *temporary)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(temporary, flags, 0644);

	if (fd < 0 && errno == EEXIST) {
		/* Left by one of the same PID that was killed in between. */
		unlink(temporary);
		fd = open(temporary, flags, 0644);
	}
	return fd < 0 ? -errno : fd;
}

int replace_file(struct mem *m, const char *path, const char *text)
{
	/* In the same folder, and of a name that no "*.prom" takes up. */
	char *temporary = mem_printf(m, "%s/.%s.%d.tmp", text_dirname(m, path), text_basename(path), (int)getpid());
	struct stat st;
	int fd, r;

	/* A rename would replace /dev/null itself. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	fd = replace_create(temporary);
	if (fd < 0)
		return fd;
	r = output_write(fd, text);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	/* Else a rename may reach the disk before the text does: an empty file after a crash. */
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	/* Some file systems tell only now that they are full. */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}
