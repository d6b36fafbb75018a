/* SPDX-License-Identifier: Apache-2.0 */
/* Versions that nobody has any more. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

#define GC_ENVIRON_MAX (8 * 1024 * 1024)
#define GC_MAPS_MAX (64 * 1024 * 1024)

static const struct root machine = { .fd = AT_FDCWD, .live = true };

/* What cannot be read may name it: kept. Who has ended meanwhile names nothing. */
static bool gc_names(struct mem *m, const char *pid, const char *file, size_t max, const char *what)
{
	char *text;
	size_t size;
	int r = root_read(&machine, m, mem_printf(m, "/proc/%s/%s", pid, file), max, &text, &size);

	if (r < 0)
		return r != -ENOENT && r != -ESRCH;
	return memmem(text, size, what, strlen(what)) != NULL;
}

static bool gc_is_used(const char *path)
{
	struct mem m = MEM_INIT;
	const char *what = mem_printf(&m, "%s/", path);
	bool is_used = false;
	char **pids;

	if (root_list(&machine, &m, "/proc", "", &pids) < 0)
		is_used = true;
	for (; !is_used && *pids; pids++) {
		struct mem one = MEM_INIT;

		if (text_is_digits(*pids))
			is_used = gc_names(&one, *pids, "maps", GC_MAPS_MAX, what) ||
				  gc_names(&one, *pids, "environ", GC_ENVIRON_MAX, what);
		mem_free_all(&one);
	}
	mem_free_all(&m);
	return is_used;
}

int node_gc(struct node *n)
{
	const struct journal *j = &n->journal;
	const char *current = node_current(n), *kept = NULL, *gone = NULL;
	char **names;

	if (root_list(&machine, n->m, mem_printf(n->m, "%s/versions", n->o->root), "", &names) < 0)
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
		replace_remove(path);
		text_list(n->m, &gone, *names);
	}
	return node_say(n, NODE_DONE, "removed: %s; kept: %s", gone ? gone : "none", kept ? kept : "none");
}
