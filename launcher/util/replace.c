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

int replace_begin(struct mem *m, const char *path, struct replacement *ret)
{
	/* In the same folder, and of a name that no "*.prom" takes up. */
	char *temporary = mem_printf(m, "%s/.%s.%d.tmp", text_dirname(m, path), text_basename(path), (int)getpid());
	struct stat st;
	int fd;

	/* A rename would replace /dev/null itself. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	fd = replace_create(temporary);
	if (fd < 0)
		return fd;
	*ret = (struct replacement){ path, temporary, fd };
	return 0;
}

int replace_end(struct replacement *r, int error)
{
	if (error == 0 && fchmod(r->fd, 0644) < 0)
		error = -errno;
	/* Else a rename may reach the disk before the text does: an empty file after a crash. */
	if (error == 0 && fsync(r->fd) < 0)
		error = -errno;
	/* Some file systems tell only now that they are full. */
	if (close(r->fd) < 0 && error == 0)
		error = -errno;
	if (error == 0 && rename(r->temporary, r->path) < 0)
		error = -errno;
	if (error < 0)
		unlink(r->temporary);
	return error;
}

int replace_file(struct mem *m, const char *path, const char *text)
{
	struct replacement replacement;
	int r = replace_begin(m, path, &replacement);

	return r < 0 ? r : replace_end(&replacement, output_write(replacement.fd, text));
}
