/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --shims DIR [NAME]...: links by which allocrun is called when somebody calls a server. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "known/servers.h"
#include "modes/modes.h"
#include "program/shim.h"
#include "util/text.h"

struct shims {
	struct mem *m;
	const char *folder;
	const char *target; /* what the links say */
};

static char *shims_path(const struct shims *s, const char *name)
{
	return mem_printf(s->m, "%s/%s", s->folder, name);
}

/* Does something of this name lie there that is no shim? A link that leads nowhere is ours when it says allocrun. */
static bool shims_is_foreign(const struct shims *s, const char *path)
{
	char target[PATH_MAX];
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	if (shim_is_launcher(&root_machine, path))
		return false;
	return stat(path, &st) == 0 || root_readlink(&root_machine, path, target, sizeof target) < 0 ||
	       strcmp(text_basename(target), text_basename(s->target)) != 0;
}

/* NULL, or why no shim may have this name. */
static const char *shims_refuse_name(const struct shims *s, const char *name)
{
	if (!*name || *name == '-' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return mem_printf(s->m, "'%s' is not the name of a program", name);
	if (text_starts_with(name, "allocrun"))
		return mem_printf(s->m, "'%s' would stand for itself", name);
	if (shims_is_foreign(s, shims_path(s, name)))
		return mem_printf(s->m, "%s is there and no shim of allocrun; nothing was changed",
				  shims_path(s, name));
	return NULL;
}

/* Relative where both lie in one prefix, which then can be moved as a whole. NULL: /proc does not tell. */
static const char *shims_find_target(struct mem *m, const char *folder)
{
	char self[PATH_MAX], real[PATH_MAX];
	const char *prefix, *up = "";
	size_t length;

	if (root_readlink(&root_machine, "/proc/self/exe", self, sizeof self) < 0)
		return NULL;
	prefix = text_dirname(m, text_dirname(m, self));
	length = strlen(prefix);
	if (!realpath(folder, real) || length < 2 || !text_starts_with(real, prefix) || real[length] != '/')
		return mem_strdup(m, self);
	for (const char *at = real + length; at; at = strchr(at + 1, '/'))
		up = mem_printf(m, "../%s", up);
	return mem_printf(m, "%s%s", up, self + length + 1);
}

/* 1: it was not there, or was an older one; 0: nothing to do. -errno. */
static int shims_put(const struct shims *s, const char *name)
{
	char *path = shims_path(s, name), was[PATH_MAX];
	char *temporary = mem_printf(s->m, "%s/.%s.%d.tmp", s->folder, name, (int)getpid());
	struct stat st;
	int r;

	if (symlink(s->target, path) == 0)
		return 1;
	if (errno != EEXIST)
		return -errno;
	if (root_readlink(&root_machine, path, was, sizeof was) < 0 || strcmp(was, s->target) == 0)
		return 0;
	unlink(temporary);
	if (symlink(s->target, temporary) < 0)
		return -errno;
	/* Only a link is replaced: what somebody puts there in this moment stays. */
	r = lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) ? -EEXIST : rename(temporary, path) < 0 ? -errno : 1;
	if (r < 0)
		unlink(temporary);
	return r;
}

static int shims_take(const struct shims *s, const char *name)
{
	if (unlink(shims_path(s, name)) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

/* --remove without names: every shim in the folder. */
static const char *const *shims_list(struct mem *m, const char *folder)
{
	const char **found = NULL;
	char **names;
	size_t n = 0;

	if (root_list(&root_machine, m, folder, "", &names) == 0) {
		for (; *names; names++) {
			char *path = mem_printf(m, "%s/%s", folder, *names);

			if (!text_starts_with(*names, "allocrun") && shim_is_launcher(&root_machine, path))
				*MEM_PUSH(m, found, n) = *names;
		}
	}
	*MEM_PUSH(m, found, n) = NULL;
	return (const char *const *)found;
}

static const char *const *shims_names(struct mem *m, const struct options *o)
{
	if (o->argv)
		return (const char *const *)o->argv;
	return o->removes ? shims_list(m, o->folder) : (const char *const *)framework_programs(m);
}

static int shims_fail(struct mem *m, const char *what, const char *why)
{
	commands_complain(m, "--shims: %s: %s", what, why);
	return EXIT_LAUNCHER;
}

int cmd_shims(struct mem *m, struct options *options)
{
	struct shims s = { m, options->folder, NULL };
	const char *const *names = shims_names(m, options);
	size_t n = 0, n_changed = 0;

	if (!options->removes && mkdir(s.folder, 0755) < 0 && errno != EEXIST)
		return shims_fail(m, s.folder, strerror(errno));
	s.target = shims_find_target(m, s.folder);
	if (!s.target)
		return shims_fail(m, "/proc/self/exe", "cannot be read, so where allocrun lies is not known");
	/* All or none. */
	for (; names[n]; n++) {
		const char *problem = shims_refuse_name(&s, names[n]);

		if (problem) {
			commands_complain(m, "--shims: %s", problem);
			return EXIT_LAUNCHER;
		}
	}
	for (size_t i = 0; i < n; i++) {
		int r = options->removes ? shims_take(&s, names[i]) : shims_put(&s, names[i]);

		if (r < 0)
			return shims_fail(m, shims_path(&s, names[i]), strerror(-r));
		n_changed += (size_t)r;
	}
	if (options->removes)
		rmdir(s.folder); /* where nothing else is in it */
	if (options->is_quiet)
		return 0;
	return commands_print(m,
			      options->removes ?
				      mem_printf(m, "%zu removed from %s\n", n_changed, s.folder) :
				      mem_printf(m,
						 "shims in %s: %zu, %zu of them new; the folder goes first in PATH\n",
						 s.folder, n, n_changed));
}
