/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else sets these files: sysctl.d(5), tmpfiles.d(5), the active profile of tuned, and
 * sysctl.* on the kernel command line. Only what names one of our files is looked at.
 */
#include "tune/tune.h"

#include <string.h>

#include "detect/boot.h"
#include "detect/node.h"
#include "util/text.h"

#define RIVAL_FILE_MAX (64 * 1024)
#define TUNED_FILES_MAX 32 /* profiles that include each other */

static const struct tune_setting *rival_find_sysctl(const char *name)
{
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		bool is_same = s->sysctl != NULL;

		/* sysctl(8) takes "/" for "." as well. */
		for (size_t i = 0; is_same && (s->sysctl[i] || name[i]); i++)
			is_same = s->sysctl[i] == (name[i] == '/' ? '.' : name[i]);
		if (is_same)
			return s;
	}
	return NULL;
}

/* `line` 0: `name` says all of the place. */
static void rival_add(struct mem *m, struct tune_facts *facts, const char *name, int line, const char *path,
		      const char *value)
{
	*MEM_PUSH(m, facts->rivals, facts->n_rivals) =
		(struct tune_rival){ line ? mem_printf(m, "%s:%d", name, line) : name, path, value };
}

/* vm.nr_hugepages is the pool of the default size. */
static void rival_add_sysctl(struct mem *m, struct tune_facts *facts, const char *name, int line, const char *key,
			     const char *value)
{
	const struct tune_setting *s = rival_find_sysctl(key);

	if (s && s->subject == TUNE_OF_MACHINE)
		rival_add(m, facts, name, line, s->path, value);
	else if (s && facts->default_huge_size > 0)
		rival_add(m, facts, name, line, tune_setting_path(m, s, NODE_NONE, facts->default_huge_size), value);
}

/* "key = value" into its two parts; false for another line. */
static bool rival_split(struct mem *m, const char *line, const char **ret_key, const char **ret_value)
{
	const char *equals = strchr(line, '=');
	char *key;

	if (!equals || strchr("#;[", *line))
		return false;
	/* sysctl.d: "-key" is one whose failure is passed over. */
	line += *line == '-';
	key = mem_strndup(m, line, (size_t)(equals - line));
	key[strcspn(key, " \t")] = '\0';
	*ret_key = key;
	*ret_value = text_dup_line(m, equals + 1);
	return *key != '\0';
}

/* A tuned value without the comment behind it and the quotes around it. */
static const char *rival_strip_tuned(struct mem *m, const char *value)
{
	size_t n = 0;

	while (value[n] && (value[n] != '#' || (n && !strchr(" \t", value[n - 1]))))
		n++;
	value = text_dup_line(m, mem_strndup(m, value, n));
	n = strlen(value);
	return n > 1 && *value == '"' && value[n - 1] == '"' ? mem_strndup(m, value + 1, n - 2) : value;
}

/* "w /sys/… - - - - value", "w+", "w!" */
static void rival_parse_tmpfiles(struct mem *m, struct tune_facts *facts, const char *name, int number,
				 const char *line)
{
	const char *path, *value = line;

	if (*line != 'w' || !line[strcspn(line, " \t")])
		return;
	path = line + strcspn(line, " \t");
	path += strspn(path, " \t");
	for (int i = 0; i < 6; i++) {
		value += strcspn(value, " \t");
		value += strspn(value, " \t");
	}
	path = mem_strndup(m, path, strcspn(path, " \t"));
	if (tune_setting_find_path(path))
		rival_add(m, facts, name, number, path, value);
}

/* tuned-profiles: [sysctl] has sysctls, [sysfs] paths, [vm] these two words. */
static void rival_parse_tuned(struct mem *m, struct tune_facts *facts, const char *name, int number, const char *key,
			      const char *value)
{
	value = rival_strip_tuned(m, value);
	if (strcmp(key, "transparent_hugepages") == 0 || strcmp(key, "transparent_hugepage") == 0)
		rival_add(m, facts, name, number, "/sys/kernel/mm/transparent_hugepage/enabled", value);
	else if (strcmp(key, "transparent_hugepage.defrag") == 0)
		rival_add(m, facts, name, number, "/sys/kernel/mm/transparent_hugepage/defrag", value);
	else if (tune_setting_find_path(key))
		rival_add(m, facts, name, number, key, value);
	else
		rival_add_sysctl(m, facts, name, number, key, value);
}

void tune_parse_rivals(struct mem *m, enum tune_rival_form form, const char *name, const char *text,
		       struct tune_facts *facts)
{
	int number = 1;

	for (const char *at = text; at; at = text_next_line(at), number++) {
		const char *line = text_dup_line(m, at), *key, *value;

		if (form == TUNE_RIVAL_TMPFILES)
			rival_parse_tmpfiles(m, facts, name, number, line);
		else if (!rival_split(m, line, &key, &value))
			continue;
		else if (form == TUNE_RIVAL_TUNED)
			rival_parse_tuned(m, facts, name, number, key, value);
		else
			rival_add_sysctl(m, facts, name, number, key, value);
	}
}

static void rival_read(const struct root *root, struct mem *m, enum tune_rival_form form, const char *path,
		       struct tune_facts *facts)
{
	char *text;

	if (root_read(root, m, path, RIVAL_FILE_MAX, &text, NULL) == 0)
		tune_parse_rivals(m, form, path, text, facts);
}

/* A name in an earlier folder hides the same one in a later: systemd's order. */
static void rival_read_folders(const struct root *root, struct mem *m, enum tune_rival_form form, const char *kind,
			       struct tune_facts *facts)
{
	static const char *const folders[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };
	const char **seen = NULL;
	size_t n_seen = 0;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *folder = mem_printf(m, "%s/%s", folders[i], kind);
		char **names;

		if (root_list(root, m, folder, "", &names) < 0)
			continue;
		for (; *names; names++) {
			size_t length = strlen(*names);
			bool is_hidden = length < 6 || strcmp(*names + length - 5, ".conf") != 0;

			for (size_t k = 0; k < n_seen && !is_hidden; k++)
				is_hidden = strcmp(seen[k], *names) == 0;
			if (is_hidden)
				continue;
			*MEM_PUSH(m, seen, n_seen) = *names;
			rival_read(root, m, form, mem_printf(m, "%s/%s", folder, *names), facts);
		}
	}
}

/* tuned's files that have been read; each counts once. */
struct rival_profiles {
	const char **paths;
	size_t n;
};

static bool rival_is_read(const struct rival_profiles *profiles, const char *path)
{
	for (size_t i = 0; i < profiles->n; i++) {
		if (strcmp(profiles->paths[i], path) == 0)
			return true;
	}
	return false;
}

/* The value of "include" in a profile; "" = none. */
static const char *rival_find_include(struct mem *m, const char *text)
{
	const char *key, *value;

	for (const char *at = text; at; at = text_next_line(at)) {
		if (rival_split(m, text_dup_line(m, at), &key, &value) && strcmp(key, "include") == 0)
			return rival_strip_tuned(m, value);
	}
	return "";
}

/*
 * The profiles of a list, each behind those that it includes, as tuned merges them: what
 * comes later wins. A file that includes its own name means the one of another folder.
 */
static void rival_read_profiles(const struct root *root, struct mem *m, const char *names,
				struct rival_profiles *profiles, struct tune_facts *facts)
{
	/* The last two are those of tuned 2.23 and later. */
	static const char *const folders[] = { "/etc/tuned", "/usr/lib/tuned", "/etc/tuned/profiles",
					       "/usr/lib/tuned/profiles" };
	static const char separators[] = " \t,;";

	for (size_t n; *(names += strspn(names, separators)); names += n) {
		const char *name;

		n = strcspn(names, separators);
		name = mem_strndup(m, names, n);
		/* Also [variables] includes files, by their paths. */
		for (size_t i = 0; i < sizeof folders / sizeof *folders && !strchr(name, '/'); i++) {
			const char *path = mem_printf(m, "%s/%s/tuned.conf", folders[i], name);
			char *text;

			if (rival_is_read(profiles, path) || profiles->n == TUNED_FILES_MAX ||
			    root_read(root, m, path, RIVAL_FILE_MAX, &text, NULL) < 0)
				continue;
			*MEM_PUSH(m, profiles->paths, profiles->n) = path;
			rival_read_profiles(root, m, rival_find_include(m, text), profiles, facts);
			tune_parse_rivals(m, TUNE_RIVAL_TUNED, path, text, facts);
			break;
		}
	}
}

/* Of the rivals from `first` on, those that a later one for the same file overrides go. */
static void rival_drop_overridden(struct tune_facts *facts, size_t first)
{
	size_t n = first;

	for (size_t i = first; i < facts->n_rivals; i++) {
		bool is_overridden = false;

		for (size_t k = i + 1; k < facts->n_rivals && !is_overridden; k++)
			is_overridden = strcmp(facts->rivals[k].path, facts->rivals[i].path) == 0;
		if (!is_overridden)
			facts->rivals[n++] = facts->rivals[i];
	}
	facts->n_rivals = n;
}

static void rival_read_tuned(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	struct rival_profiles profiles = { .n = 0 };
	size_t first = facts->n_rivals;
	char line[256];

	if (root_read_line(root, line, sizeof line, "/etc/tuned/active_profile") < 0 || !line[0])
		return;
	facts->tuned_profile = mem_strdup(m, line);
	rival_read_profiles(root, m, line, &profiles, facts);
	rival_drop_overridden(facts, first);
}

/* "sysctl.vm.max_map_count=1", "sysctl/vm/max_map_count=1": the kernel takes both (5.8). */
static void rival_read_boot(struct mem *m, struct tune_facts *facts)
{
	for (const struct tune_setting *s = tune_settings; facts->command_line && s->key; s++) {
		char *name = mem_printf(m, "sysctl.%s", s->sysctl ? s->sysctl : "");
		const char *value;

		/* Two rows have the same name. */
		if (!s->sysctl || rival_find_sysctl(s->sysctl) != s)
			continue;
		value = boot_find(m, facts->command_line, name);
		for (char *c = name; !value && *c; c++)
			*c = *c == '.' ? '/' : *c;
		value = value ? value : boot_find(m, facts->command_line, name);
		if (value)
			rival_add_sysctl(m, facts, mem_printf(m, "the kernel command line (%s)", name), 0, s->sysctl,
					 value);
	}
}

void tune_detect_rivals(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	rival_read_folders(root, m, TUNE_RIVAL_SYSCTL, "sysctl.d", facts);
	rival_read(root, m, TUNE_RIVAL_SYSCTL, "/etc/sysctl.conf", facts);
	rival_read_folders(root, m, TUNE_RIVAL_TMPFILES, "tmpfiles.d", facts);
	rival_read_tuned(root, m, facts);
	rival_read_boot(m, facts);
}
