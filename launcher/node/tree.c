/* SPDX-License-Identifier: Apache-2.0 */
/* What may be in a version's folder. Modes are not looked at: tar was told to make plain ones. */
#include "node/node.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/path.h"
#include "util/text.h"

/* Also through other links. One that leads nowhere is none that we have packed. */
static bool tree_link_stays(const char *path, const char *tree)
{
	char *real = realpath(path, NULL);
	const size_t length = strlen(tree);
	bool stays = real && strncmp(real, tree, length) == 0 && (!real[length] || real[length] == '/');

	free(real);
	return stays;
}

/* The first path that is wrong; NULL: none. */
static const char *tree_find_wrong(struct mem *m, const char *path, const char *tree)
{
	const char *wrong = NULL;
	char **names;
	struct stat st;

	if (lstat(path, &st) < 0)
		return path;
	if (S_ISLNK(st.st_mode))
		return tree_link_stays(path, tree) ? NULL : path;
	if (S_ISREG(st.st_mode))
		return NULL;
	if (!S_ISDIR(st.st_mode) || root_list(&root_machine, m, path, "", &names) < 0)
		return path;
	for (; *names && !wrong; names++)
		wrong = tree_find_wrong(m, mem_printf(m, "%s/%s", path, *names), tree);
	return wrong;
}

int tree_check(struct node *n, const char *tree)
{
	char *real = realpath(tree, NULL);
	struct stat st;
	/* A link in the tree's place leads out of it, wherever it leads. */
	const char *wrong = real && lstat(tree, &st) == 0 && S_ISDIR(st.st_mode) ? tree_find_wrong(n->m, real, real) :
										   tree;

	free(real);
	return wrong ? node_say(n, NODE_REFUSED,
				"%s: no artefact of allocrun: %s in it is no folder, no plain file, and no link to "
				"something in it",
				n->o->argument, run_first_line(n->m, text_basename(wrong))) :
		       NODE_DONE;
}
