/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FUZZ_TREE_H
#define ALLOCRUN_FUZZ_TREE_H

/*
 * A machine as a folder, for one execution other than it was: a farm of links to the files of tests/machines, in
 * which only what was changed is put back. In memory (/dev/shm), removed with the process.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define FUZZ_TREE_CHANGES 16

static struct {
	char folder[256]; /* originals/NAME and work/NAME */
	const char *const *names;
	size_t n_names;
	const char *name;
	char path[PATH_MAX];
	int originals, work; /* of `name`; -1 */
	char changed[FUZZ_TREE_CHANGES][PATH_MAX];
	size_t n_changed;
	int *descriptors; /* both of each name */
} fuzz_tree;

static inline int fuzz_tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

static inline void fuzz_tree_close(void)
{
	nftw(fuzz_tree.folder, fuzz_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fuzz_tree_open(const char *const *names, size_t n)
{
	char command[2048];

	fuzz_make_folder(fuzz_tree.folder, sizeof fuzz_tree.folder);
	atexit(fuzz_tree_close);
	fuzz_tree.names = names;
	fuzz_tree.n_names = n;
	fuzz_tree.descriptors = calloc(2 * n, sizeof *fuzz_tree.descriptors);
	FUZZ_CHECK(fuzz_tree.descriptors);
	for (size_t i = 0; i < n; i++) {
		snprintf(command, sizeof command,
			 "cd '%s' && mkdir -p originals work && cp -RP '" MACHINES_DIR "/%s' originals/ && "
			 "chmod -R u+rwX originals && cp -RPl originals/%s work/",
			 fuzz_tree.folder, names[i], names[i]);
		FUZZ_CHECK(system(command) == 0);
		snprintf(command, sizeof command, "%s/originals/%s", fuzz_tree.folder, names[i]);
		fuzz_tree.descriptors[2 * i] = open(command, O_PATH | O_DIRECTORY | O_CLOEXEC);
		snprintf(command, sizeof command, "%s/work/%s", fuzz_tree.folder, names[i]);
		fuzz_tree.descriptors[2 * i + 1] = open(command, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
}

/* The first one for a name that is none. */
static inline void fuzz_tree_choose(const char *name)
{
	size_t chosen = 0;

	for (size_t i = 0; i < fuzz_tree.n_names; i++)
		chosen = strcmp(name, fuzz_tree.names[i]) == 0 ? i : chosen;
	fuzz_tree.name = fuzz_tree.names[chosen];
	fuzz_tree.originals = fuzz_tree.descriptors[2 * chosen];
	fuzz_tree.work = fuzz_tree.descriptors[2 * chosen + 1];
	snprintf(fuzz_tree.path, sizeof fuzz_tree.path, "%s/work/%s", fuzz_tree.folder, fuzz_tree.name);
}

static inline const char *fuzz_tree_path(void)
{
	return fuzz_tree.path;
}

/* Folders on the way stay: an empty one more is no other machine. */
static inline void fuzz_tree_make_folders(char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdirat(fuzz_tree.work, path, 0700);
		*slash = '/';
	}
}

/* kind: '=' a file, '>' a link, '!' nothing. Paths that lead elsewhere are left alone. */
static inline void fuzz_tree_change(struct mem *m, char kind, const char *path, const char *content)
{
	char *changed = fuzz_tree.changed[fuzz_tree.n_changed];
	int fd;

	path += strspn(path, "/");
	if (fuzz_tree.n_changed == FUZZ_TREE_CHANGES || !*path || strlen(path) > 200 || strchr(path, '\n') ||
	    strstr(mem_printf(m, "/%s/", path), "/../") || path[strlen(path) - 1] == '/')
		return;
	strcpy(changed, path);
	fuzz_tree_make_folders(changed);
	/* The link, never the file behind it: that is the original. A folder stays one. */
	if (unlinkat(fuzz_tree.work, path, 0) < 0 && errno != ENOENT)
		return;
	fuzz_tree.n_changed++;
	if (kind == '>' && content && *content)
		FUZZ_CHECK(symlinkat(content, fuzz_tree.work, path) == 0 || errno == ENAMETOOLONG || errno == ENOENT);
	if (kind != '=')
		return;
	fd = openat(fuzz_tree.work, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd < 0)
		return;
	FUZZ_CHECK(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
}

static inline void fuzz_tree_restore(void)
{
	while (fuzz_tree.n_changed) {
		const char *path = fuzz_tree.changed[--fuzz_tree.n_changed];

		unlinkat(fuzz_tree.work, path, 0);
		linkat(fuzz_tree.originals, path, fuzz_tree.work, path, 0);
	}
}

#endif
