/* SPDX-License-Identifier: Apache-2.0 */
/* Versions that nobody has any more. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

#define GC_ENVIRON_MAX (8 * 1024 * 1024)
#define GC_MAPS_MAX (64 * 1024 * 1024)

/* What cannot be read may name it: kept. Who has ended meanwhile names nothing. */
static bool gc_names(struct mem *m, const char *pid, const char *file, size_t max, const char *const *marks)
{
	bool is_named = false;
	char *text;
	size_t size;
	int r = root_read(&root_machine, m, mem_printf(m, "/proc/%s/%s", pid, file), max, &text, &size);

	if (r < 0)
		return r != -ENOENT && r != -ESRCH;
	for (; !is_named && *marks; marks++)
		is_named = memmem(text, size, *marks, strlen(*marks)) != NULL;
	return is_named;
}

/* As /proc/PID/maps has them: a container that mounts a version elsewhere has it under another path. */
static void gc_mark_files(struct mem *m, const char *folder, const char ***marks, size_t *count)
{
	char **names;
	struct stat st;

	if (root_list(&root_machine, m, folder, "", &names) < 0)
		return;
	for (; *names; names++) {
		const char *path = mem_printf(m, "%s/%s", folder, *names);

		if (lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			gc_mark_files(m, path, marks, count);
		else if (S_ISREG(st.st_mode))
			*MEM_PUSH(m, *marks, *count) = mem_printf(m, " %02x:%02x %llu ", major(st.st_dev),
								  minor(st.st_dev), (unsigned long long)st.st_ino);
	}
}

static bool gc_is_used(const char *path)
{
	struct mem m = MEM_INIT;
	const char **marks = NULL;
	size_t count = 0;
	bool is_used = false;
	char **pids;

	*MEM_PUSH(&m, marks, count) = mem_printf(&m, "%s/", path);
	gc_mark_files(&m, path, &marks, &count);
	*MEM_PUSH(&m, marks, count) = NULL;
	if (root_list(&root_machine, &m, "/proc", "", &pids) < 0)
		is_used = true;
	for (; !is_used && *pids; pids++) {
		struct mem one = MEM_INIT;

		if (text_is_digits(*pids))
			is_used = gc_names(&one, *pids, "maps", GC_MAPS_MAX, marks) ||
				  gc_names(&one, *pids, "environ", GC_ENVIRON_MAX, marks);
		mem_free_all(&one);
	}
	mem_free_all(&m);
	return is_used;
}

/* Under another name first: half of a version would still be taken for one. */
static int gc_remove(struct node *n, const char *path)
{
	const char *beside = mem_printf(n->m, "%s/versions/.removing", n->o->root);
	int r;

	replace_remove(beside);
	if (rename(path, beside) < 0)
		return node_say(n, NODE_FAILED, "%s: %s: cannot be removed", path, strerror(errno));
	r = save_sync_folder(n, mem_printf(n->m, "%s/versions", n->o->root));
	replace_remove(beside);
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s", path, strerror(-r)) : NODE_DONE;
}

int node_gc(struct node *n)
{
	const struct journal *j = &n->journal;
	const char *current = node_current(n), *kept = NULL, *gone = NULL;
	char **names;

	if (root_list(&root_machine, n->m, mem_printf(n->m, "%s/versions", n->o->root), "", &names) < 0)
		return node_say(n, NODE_DONE, "no versions");
	for (; *names; names++) {
		const char *path = node_version_path(n, *names);

		if (**names == '.')
			continue;
		if ((current && strcmp(*names, current) == 0) || (j->version && strcmp(*names, j->version) == 0) ||
		    (j->before && strcmp(*names, j->before) == 0) || gc_is_used(path)) {
			text_list(n->m, &kept, *names);
			continue;
		}
		if (gc_remove(n, path) != NODE_DONE)
			return NODE_FAILED;
		text_list(n->m, &gone, *names);
	}
	return node_say(n, NODE_DONE, "removed: %s; kept: %s", gone ? gone : "none", kept ? kept : "none");
}
