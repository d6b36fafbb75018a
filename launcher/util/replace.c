/* SPDX-License-Identifier: Apache-2.0 */
#include "util/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/output.h"
#include "util/text.h"

#define REPLACE_IN_WORK 10    /* seconds since the last change: more than any takes */
#define REPLACE_GIVEN_UP 3600 /* whoever has this PID now is another */
#define REPLACE_FOLDERS 8     /* open at a time */

char *replace_temporary(struct mem *m, const char *path)
{
	return mem_printf(m, "%s/.%s.%d.tmp", text_dirname(m, path), text_basename(path), (int)getpid());
}

static int replace_remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	remove(path);
	return 0;
}

void replace_remove(const char *path)
{
	nftw(path, replace_remove_one, REPLACE_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ".NAME.PID.tmp" of a process that is no more, and whose files were ours: another's could change under our hands. */
static bool replace_is_leftover(const char *folder, const char *entry, const char *name, struct mem *m)
{
	size_t n = strlen(name);
	struct stat st;
	time_t age;
	char *end;
	long pid;

	if (*entry != '.' || strncmp(entry + 1, name, n) != 0 || entry[1 + n] != '.')
		return false;
	pid = strtol(entry + 2 + n, &end, 10);
	if (pid < 1 || pid > INT_MAX || strcmp(end, ".tmp") != 0 ||
	    lstat(mem_printf(m, "%s/%s", folder, entry), &st) < 0 || st.st_uid != geteuid())
		return false;
	age = time(NULL) - st.st_mtime;
	return age > REPLACE_GIVEN_UP || (age > REPLACE_IN_WORK && kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

void replace_prune(struct mem *m, const char *path)
{
	const char *name = text_basename(path), *folder = text_dirname(m, path);
	DIR *dir = opendir(folder);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (replace_is_leftover(folder, entry->d_name, name, m))
			replace_remove(mem_printf(m, "%s/%s", folder, entry->d_name));
	}
	if (dir)
		closedir(dir);
}

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
	char *temporary = replace_temporary(m, path);
	struct stat st;
	int fd;

	/* A rename would replace /dev/null itself. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	fd = replace_create(temporary);
	if (fd < 0)
		return fd;
	*ret = (struct replacement){ path, temporary, fd };
	replace_prune(m, path);
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

int replace_make_folder(const char *folder)
{
	struct mem m = MEM_INIT;
	char *path = mem_strdup(&m, folder);
	int r = 0;

	for (char *slash = path; slash && r == 0;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
		if (slash)
			*slash = '/';
	}
	mem_free_all(&m);
	return r;
}
