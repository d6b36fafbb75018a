/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction replaces is kept as bytes, mode, owner and link, and put back exactly. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/retry.h"
#include "util/text.h"

#define SAVE_MAX (16 * 1024 * 1024)

int save_sync_folder(struct node *n, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	(void)n;
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int save_read(struct node *n, const char *path, char **ret_bytes, size_t *ret_size)
{
	return root_read(&root_machine, n->m, path, SAVE_MAX, ret_bytes, ret_size);
}

/* Beside the path: what ends there is a whole file of this mode and owner, or the old one. */
int save_write(struct node *n, const char *path, const char *bytes, size_t size, mode_t mode, uid_t uid, gid_t gid)
{
	const char *folder = text_dirname(n->m, path);
	char *temporary = mem_printf(n->m, "%s/.%s.allocrun-node", folder, text_basename(path));
	int fd, r;

	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = retry_write_all(fd, bytes, size);
	/* chown takes setuid bits away: the mode comes behind it. */
	if (r == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r < 0 ? r : save_sync_folder(n, folder);
}

int save_link(struct node *n, const char *path, const char *target)
{
	const char *folder = text_dirname(n->m, path);
	char *temporary = mem_printf(n->m, "%s/.%s.allocrun-node", folder, text_basename(path));
	int r = 0;

	unlink(temporary);
	if (symlink(target, temporary) < 0)
		return -errno;
	if (rename(temporary, path) < 0) {
		r = -errno;
		unlink(temporary);
	}
	return r < 0 ? r : save_sync_folder(n, folder);
}

static int save_look(struct node *n, const char *path, struct node_file *ret, char **ret_bytes, size_t *ret_size)
{
	char target[4096];
	struct stat st;
	ssize_t length;

	*ret = (struct node_file){ .path = mem_strdup(n->m, path) };
	*ret_bytes = NULL;
	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	ret->mode = st.st_mode & 07777;
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
	if (S_ISREG(st.st_mode))
		return save_read(n, path, ret_bytes, ret_size);
	if (!S_ISLNK(st.st_mode))
		return -EISDIR;
	length = readlink(path, target, sizeof target);
	if (length < 0 || length == sizeof target)
		return length < 0 ? -errno : -ENAMETOOLONG;
	ret->link = mem_strndup(n->m, target, (size_t)length);
	return 0;
}

/*
 * A name that no copy has: those that lie there may be what the journal on the disk, of the change before, would put
 * back if this run were killed now.
 */
static char *save_name(struct node *n, const char *folder, const char *path)
{
	for (size_t i = n->journal.n_files;; i++) {
		char *name = mem_printf(n->m, "%zu-%s", i, text_basename(path));

		if (access(mem_printf(n->m, "%s/%s", folder, name), F_OK) < 0)
			return name;
	}
}

void save_tidy(struct node *n)
{
	const char *folder = node_path(n, "backup");
	char **names;

	if (root_list(&root_machine, n->m, folder, "", &names) < 0)
		return;
	for (; *names; names++) {
		bool is_named = false;

		for (size_t i = 0; i < n->journal.n_files; i++)
			is_named = is_named ||
				   (n->journal.files[i].backup && strcmp(n->journal.files[i].backup, *names) == 0);
		if (!is_named)
			unlink(mem_printf(n->m, "%s/%s", folder, *names));
	}
}

int save_file(struct node *n, const char *path)
{
	struct journal *j = &n->journal;
	const char *folder = node_path(n, "backup");
	struct node_file file;
	size_t size = 0;
	char *bytes;
	int r;

	for (size_t i = 0; i < j->n_files; i++) {
		if (strcmp(j->files[i].path, path) == 0)
			return 0;
	}
	r = save_look(n, path, &file, &bytes, &size);
	if (r == 0 && bytes) {
		file.backup = save_name(n, folder, path);
		r = replace_make_folder(folder);
		if (r == 0 && chmod(folder, 0700) < 0)
			r = -errno;
		if (r == 0)
			r = save_write(n, mem_printf(n->m, "%s/%s", folder, file.backup), bytes, size, 0600, geteuid(),
				       getegid());
	}
	if (r < 0)
		return r;
	*MEM_PUSH(n->m, j->files, j->n_files) = file;
	return 0;
}

int save_folder(struct node *n, const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT ? save_file(n, path) : 0;
}

/* What was not there. A folder that somebody has put something into stays. */
static int save_remove(struct node *n, const char *path)
{
	int r = unlink(path) < 0 ? -errno : 0;

	if (r == -EISDIR)
		r = rmdir(path) < 0 && errno != ENOTEMPTY ? -errno : 0;
	/* Gone on the disk, too, before the journal says so. */
	if (r == 0)
		r = save_sync_folder(n, text_dirname(n->m, path));
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int save_restore_one(struct node *n, const struct node_file *f)
{
	size_t size;
	char *bytes;
	int r;

	if (f->link) {
		r = save_link(n, f->path, f->link);
		if (r == 0 && lchown(f->path, f->uid, f->gid) < 0)
			r = -errno;
		return r;
	}
	if (!f->backup)
		return save_remove(n, f->path);
	r = save_read(n, mem_printf(n->m, "%s/%s", node_path(n, "backup"), f->backup), &bytes, &size);
	return r < 0 ? r : save_write(n, f->path, bytes, size, f->mode, f->uid, f->gid);
}

static bool save_stands(struct node *n, const struct node_file *f)
{
	const char *copy = f->backup ? mem_printf(n->m, "%s/%s", node_path(n, "backup"), f->backup) : NULL;
	size_t size = 0, saved_size = 0;
	char *bytes, *saved;
	struct node_file now;

	if (save_look(n, f->path, &now, &bytes, &size) < 0 || !f->link != !now.link || !f->backup != !bytes)
		return false;
	if (f->link && (!now.link || strcmp(f->link, now.link) != 0))
		return false;
	if (copy &&
	    (save_read(n, copy, &saved, &saved_size) < 0 || saved_size != size || memcmp(saved, bytes, size) != 0))
		return false;
	return (!f->link && !f->backup) || (now.uid == f->uid && now.gid == f->gid && (f->link || now.mode == f->mode));
}

int save_restore(struct node *n, const char **ret_path)
{
	int error = 0;

	/* In the order backwards: "current" was saved first, and points back last. */
	for (size_t i = n->journal.n_files; i-- > 0;) {
		const struct node_file *f = &n->journal.files[i];
		int r = save_stands(n, f) ? 0 : save_restore_one(n, f);

		if (r < 0 && error == 0) {
			error = r;
			*ret_path = f->path;
		}
	}
	return error;
}

bool save_is_restored(struct node *n)
{
	for (size_t i = 0; i < n->journal.n_files; i++) {
		const struct node_file *f = &n->journal.files[i];
		struct stat st;
		bool is_kept_folder = !f->link && !f->backup && lstat(f->path, &st) == 0 && S_ISDIR(st.st_mode);

		if (!is_kept_folder && !save_stands(n, f))
			return false;
	}
	return true;
}
