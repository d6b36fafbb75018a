/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie, and what is said. */
#include "node/node.h"

#include <stdarg.h>
#include <string.h>

#include "util/path.h"
#include "util/text.h"

int node_say(struct node *n, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	n->line = mem_vprintf(n->m, format, args);
	va_end(args);
	return code;
}

char *node_path(const struct node *n, const char *name)
{
	return mem_printf(n->m, "%s/%s", n->o->state, name);
}

char *node_version_path(const struct node *n, const char *version)
{
	return mem_printf(n->m, "%s/versions/%s", n->o->root, version);
}

char *node_current_path(const struct node *n)
{
	return mem_printf(n->m, "%s/current", n->o->root);
}

char *node_current(const struct node *n)
{
	char target[4096];

	return root_readlink(&root_machine, node_current_path(n), target, sizeof target) < 0 ?
		       NULL :
		       mem_strdup(n->m, text_basename(target));
}

char *node_fragment_path(const struct node *n)
{
	return mem_printf(n->m, "%s/policy.d/50-fleet.conf", n->o->etc);
}

char *node_own_path(const struct node *n)
{
	return mem_printf(n->m, "%s/allocrun-node", n->o->root);
}

bool node_is_name(const char *name)
{
	return name && *name && *name != '.' && *name != '-' && strlen(name) < 200 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-")] == 0;
}
