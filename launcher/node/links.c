/* SPDX-License-Identifier: Apache-2.0 */
/* What a version brings for systemd, as links in systemd's folders that lead through "current". */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

static const char *const links_folders[] = { "system-generators", "system" };

/* For who types it, and for units that name no folder. */
#define LINKS_PROGRAM "/usr/local/bin/allocrun"

enum links_step { LINKS_SAVE, LINKS_MAKE };

static bool links_is_ours(struct node *n, const char *path)
{
	const char *current = mem_printf(n->m, "%s/", node_current_path(n));
	char target[4096];

	return root_readlink(&root_machine, path, target, sizeof target) == 0 && text_starts_with(target, current);
}

/* The generator is the launcher under another name: it writes into its drop-ins where this link leads. */
static const char *links_target(struct node *n, const char *file, const char *folder, const char *name)
{
	char target[4096];

	if (strcmp(folder, "system-generators") == 0 && root_readlink(&root_machine, file, target, sizeof target) == 0)
		return mem_printf(n->m, "%s/bin/%s", node_current_path(n), text_basename(target));
	return mem_printf(n->m, "%s/lib/systemd/%s/%s", node_current_path(n), folder, name);
}

/* A folder of the version, and those in it (NAME.target.wants). What has the name already, and is another's, stays. */
static int links_walk(struct node *n, const char *folder, enum links_step step)
{
	const char *from = mem_printf(n->m, "%s/lib/systemd/%s", node_version_path(n, n->journal.version), folder);
	const char *to = mem_printf(n->m, "%s/%s", n->o->systemd, folder);
	char **names;
	int r;

	if (root_list(&root_machine, n->m, from, "", &names) < 0)
		return 0;
	r = step == LINKS_MAKE ? replace_make_folder(to) : save_folder(n, to);
	for (; r == 0 && *names; names++) {
		const char *file = mem_printf(n->m, "%s/%s", from, *names),
			   *path = mem_printf(n->m, "%s/%s", to, *names);
		struct stat st;

		if (lstat(file, &st) == 0 && S_ISDIR(st.st_mode))
			r = links_walk(n, mem_printf(n->m, "%s/%s", folder, *names), step);
		else if (lstat(path, &st) == 0 && !links_is_ours(n, path))
			continue;
		else
			r = step == LINKS_MAKE ? save_link(n, path, links_target(n, file, folder, *names)) :
						 save_file(n, path);
	}
	return r;
}

/* It goes without where /usr is read-only. */
static int links_program(struct node *n, enum links_step step)
{
	struct stat st;
	int r;

	if (!n->has_systemd || (lstat(LINKS_PROGRAM, &st) == 0 && !links_is_ours(n, LINKS_PROGRAM)))
		return 0;
	if (step == LINKS_SAVE)
		return save_file(n, LINKS_PROGRAM);
	r = save_link(n, LINKS_PROGRAM, mem_printf(n->m, "%s/bin/allocrun", node_current_path(n)));
	return r == -EROFS || r == -ENOENT ? 0 : r;
}

static int links_walk_all(struct node *n, enum links_step step)
{
	int r = links_program(n, step);

	for (size_t i = 0; r == 0 && i < sizeof links_folders / sizeof *links_folders; i++)
		r = links_walk(n, links_folders[i], step);
	return r;
}

int links_save(struct node *n)
{
	return links_walk_all(n, LINKS_SAVE);
}

int links_make(struct node *n)
{
	return links_walk_all(n, LINKS_MAKE);
}

static void links_remove_below(struct node *n, const char *path)
{
	bool is_changed = false;
	char **names;
	struct stat st;

	if (root_list(&root_machine, n->m, path, "", &names) < 0)
		return;
	for (; *names; names++) {
		const char *entry = mem_printf(n->m, "%s/%s", path, *names);

		if (links_is_ours(n, entry))
			is_changed = unlink(entry) == 0 || is_changed;
		else if (lstat(entry, &st) == 0 && S_ISDIR(st.st_mode))
			links_remove_below(n, entry);
	}
	/* What had nothing but ours in it was made for it. */
	if (is_changed && rmdir(path) < 0)
		save_sync_folder(n, path);
}

void links_remove(struct node *n)
{
	if (n->has_systemd && links_is_ours(n, LINKS_PROGRAM))
		unlink(LINKS_PROGRAM);
	for (size_t i = 0; i < sizeof links_folders / sizeof *links_folders; i++)
		links_remove_below(n, mem_printf(n->m, "%s/%s", n->o->systemd, links_folders[i]));
}
