/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a service, found as systemd finds them (systemd.unit(5), "Unit File Load Path"). */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "units/units.h"
#include "util/text.h"

#define UNIT_SUFFIX ".service"
#define UNIT_FILE_MAX (1024 * 1024)

/*
 * In their order. Without the folders of generators: ours, and those that others write to at this very moment.
 */
static const char *const unit_paths[UNIT_PATHS] = {
	"/etc/systemd/system.control",  "/run/systemd/system.control",   "/run/systemd/transient",
	"/etc/systemd/system",          "/etc/systemd/system.attached",  "/run/systemd/system",
	"/run/systemd/system.attached", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	"/lib/systemd/system", /* where it is not the same folder */
};

struct unit_names {
	const char **items;
	size_t n;
};

static void unit_set_problem(struct unit *u, const char *problem)
{
	if (!u->problem)
		u->problem = problem;
}

/* --- what there is ------------------------------------------------------------------ */

/* What the link points to, by its last name; NULL where this is no link. */
static const char *unit_read_link(const struct root *root, struct mem *m, const char *path, char **ret_target)
{
	char target[PATH_MAX];

	if (root_readlink(root, path, target, sizeof target) < 0)
		return NULL;
	*ret_target = mem_strdup(m, target);
	return text_basename(*ret_target);
}

static void unit_index_add_aliases(const struct root *root, struct mem *m, size_t path, struct unit_index *index)
{
	for (char **name = index->names[path]; *name; name++) {
		char *file = mem_printf(m, "%s/%s", unit_paths[path], *name), *target;
		const char *leads = unit_name_is_service(*name) ? unit_read_link(root, m, file, &target) : NULL;

		if (leads && strcmp(leads, *name) != 0)
			*MEM_PUSH(m, index->aliases, index->n_aliases) = (struct unit_alias){ *name, leads };
	}
}

void unit_index_read(const struct root *root, struct mem *m, struct unit_index *ret)
{
	struct stat folders[UNIT_PATHS];

	*ret = (struct unit_index){ .n_aliases = 0 };
	for (size_t i = 0; i < UNIT_PATHS; i++) {
		bool is_there = root_stat(root, unit_paths[i], &folders[i]) == 0;

		/* /lib is a link to /usr/lib on most systems. */
		for (size_t k = 0; k < i && is_there; k++)
			is_there = !ret->names[k] || folders[k].st_dev != folders[i].st_dev ||
				   folders[k].st_ino != folders[i].st_ino;
		if (is_there && root_list(root, m, unit_paths[i], "", &ret->names[i]) == 0)
			unit_index_add_aliases(root, m, i, ret);
	}
}

/* --- the unit's own file --------------------------------------------------------- */

/* The text of a file. An empty one, or a link to /dev/null, masks: NULL without a problem. */
static char *unit_read(const struct root *root, struct mem *m, const char *path, struct unit *u, size_t *ret_length)
{
	char *text = NULL, *target = NULL;
	int r;

	if (unit_read_link(root, m, path, &target) && strcmp(target, "/dev/null") == 0)
		return NULL;
	r = root_read(root, m, path, UNIT_FILE_MAX, &text, ret_length);
	if (r < 0)
		unit_set_problem(u, mem_printf(m, "%s: cannot be read: %s", path, strerror(-r)));
	return r < 0 || !*ret_length ? NULL : text;
}

/* The path of the first file of this name, also of a link that leads nowhere. NULL. */
static char *unit_find(struct mem *m, const struct unit_index *index, const char *name)
{
	for (size_t i = 0; i < UNIT_PATHS; i++) {
		if (text_is_among((const char *const *)index->names[i], name))
			return mem_printf(m, "%s/%s", unit_paths[i], name);
	}
	return NULL;
}

static void unit_load_file(const struct root *root, struct mem *m, const struct unit_index *index, struct unit *u)
{
	const char *template = unit_name_template(m, u->name), *alias;
	char *path = unit_find(m, index, u->name), *target, *text;
	size_t length;

	if (!path && template)
		path = unit_find(m, index, template);
	if (!path) {
		unit_set_problem(u, "there is no file of this unit");
		return;
	}
	alias = unit_read_link(root, m, path, &target);
	text = unit_read(root, m, path, u, &length);
	if (alias && (text || u->problem) && strcmp(alias, u->name) != 0 &&
	    (!template || strcmp(alias, template) != 0)) {
		u->problem = mem_printf(m, "%s is another name of %s: write that one", path, alias);
	} else if (text) {
		unit_parse(m, u, path, text, length);
	} else {
		unit_set_problem(u, mem_printf(m, "it is masked: %s", path));
	}
}

/* --- drop-ins ------------------------------------------------------------------------ */

/*
 * The names whose ".d" folders are the unit's, from its own to the most general: "a-b@i.service", "a-b@.service",
 * "a-@.service"; of "a-b.service" that and "a-.service".
 */
static struct unit_names unit_list_names(struct mem *m, const char *name)
{
	struct unit_names names = { NULL, 0 };
	const char *template = unit_name_template(m, name), *rest;
	char *prefix;

	*MEM_PUSH(m, names.items, names.n) = name;
	if (template)
		*MEM_PUSH(m, names.items, names.n) = name = template;
	rest = name + (strchr(name, '@') ? strcspn(name, "@") : strlen(name) - strlen(UNIT_SUFFIX));
	prefix = mem_strndup(m, name, (size_t)(rest - name));
	for (;;) {
		char *dash = strrchr(prefix, '-');

		/* One at the end has nothing behind it that could be left out. */
		while (dash && !dash[1]) {
			*dash = '\0';
			dash = strrchr(prefix, '-');
		}
		if (!dash)
			return names;
		dash[1] = '\0';
		*MEM_PUSH(m, names.items, names.n) = mem_printf(m, "%s%s", prefix, rest);
	}
}

/* Files that are read as drop-ins, one for each name: the first that was found. */
struct unit_drop_in {
	const char *name, *path;
};
struct unit_drop_ins {
	struct unit_drop_in *items;
	size_t n;
};

static void unit_add_folder(const struct root *root, struct mem *m, const struct unit_index *index, size_t path,
			    const char *unit, struct unit_drop_ins *found)
{
	char *own = mem_printf(m, "%s.d", unit), *folder = mem_printf(m, "%s/%s", unit_paths[path], own), **names;

	if (!text_is_among((const char *const *)index->names[path], own) || root_list(root, m, folder, "", &names) < 0)
		return;
	for (; *names; names++) {
		size_t n = strlen(*names), i = 0;

		if (**names == '.' || n <= strlen(".conf") || strcmp(*names + n - strlen(".conf"), ".conf") != 0)
			continue;
		while (i < found->n && strcmp(found->items[i].name, *names) != 0)
			i++;
		if (i == found->n)
			*MEM_PUSH(m, found->items,
				  found->n) = (struct unit_drop_in){ *names, mem_printf(m, "%s/%s", folder, *names) };
	}
}

static void unit_add_folders(const struct root *root, struct mem *m, const struct unit_index *index, const char *name,
			     struct unit_drop_ins *found)
{
	struct unit_names names = unit_list_names(m, name);

	for (size_t i = 0; i < UNIT_PATHS; i++) {
		for (size_t k = 0; k < names.n; k++)
			unit_add_folder(root, m, index, i, names.items[k], found);
	}
}

static int unit_compare_drop_ins(const void *a, const void *b)
{
	return strcmp(((const struct unit_drop_in *)a)->name, ((const struct unit_drop_in *)b)->name);
}

/* Where the last of the commands stands; NULL = there is none. */
static const char *unit_last_command(const struct unit *u)
{
	size_t n = u->settings[UNIT_EXEC_START].n;

	return n ? u->settings[UNIT_EXEC_START].items[n - 1].where : NULL;
}

static void unit_load_drop_in(const struct root *root, struct mem *m, const struct unit_drop_in *drop_in,
			      struct unit *u)
{
	const char *before = unit_last_command(u);
	size_t length;
	char *text = unit_read(root, m, drop_in->path, u, &length);

	if (strcmp(drop_in->name, UNITS_DROP_IN) == 0) {
		u->is_off = true;
		u->problem = mem_printf(m, "by %s", drop_in->path);
		return;
	}
	if (!text || unit_parse(m, u, drop_in->path, text, length) < 0)
		return;
	/* It would be read behind ours, and take that back. */
	if (strcmp(drop_in->name, UNITS_DROP_IN) > 0 && unit_last_command(u) != before)
		unit_set_problem(u, mem_printf(m, "%s sets ExecStart= behind " UNITS_DROP_IN ": give it another name",
					       drop_in->path));
}

void unit_load(const struct root *root, struct mem *m, const struct unit_index *index, const char *name,
	       struct unit *ret)
{
	struct unit_drop_ins found = { NULL, 0 };

	*ret = (struct unit){ .name = name };
	unit_load_file(root, m, index, ret);
	unit_add_folders(root, m, index, name, &found);
	for (size_t i = 0; i < index->n_aliases; i++) {
		if (strcmp(index->aliases[i].target, name) == 0)
			unit_add_folders(root, m, index, index->aliases[i].name, &found);
	}
	/* Those of all services. */
	for (size_t i = 0; i < UNIT_PATHS; i++)
		unit_add_folder(root, m, index, i, "service", &found);
	if (found.n)
		qsort(found.items, found.n, sizeof *found.items, unit_compare_drop_ins);
	for (size_t i = 0; i < found.n && (!ret->problem || strcmp(found.items[i].name, UNITS_DROP_IN) == 0); i++)
		unit_load_drop_in(root, m, &found.items[i], ret);
}

char **unit_list_instances(struct mem *m, const struct unit_index *index, const char *template)
{
	const char *prefix = mem_strndup(m, template, strcspn(template, "@") + 1);
	char **instances = mem_alloc(m, sizeof *instances);
	size_t n = 1;

	for (size_t i = 0; i < UNIT_PATHS; i++) {
		for (char **each = index->names[i]; each && *each; each++) {
			size_t length = strlen(*each);
			char *name = *each;

			if (!text_starts_with(name, prefix))
				continue;
			if (strcmp(name + length - 2, ".d") == 0)
				name = mem_strndup(m, name, length - 2);
			/* Not the template itself. */
			if (!unit_name_is_service(name) || !unit_name_template(m, name) ||
			    text_is_among((const char *const *)instances, name))
				continue;
			instances[n - 1] = name;
			*MEM_PUSH(m, instances, n) = NULL;
		}
	}
	return instances;
}
