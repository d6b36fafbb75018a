/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else sets these files: sysctl.d(5), tmpfiles.d(5), the active profile of tuned. Only
 * lines that name one of our files are looked at.
 */
#include "tune/tune.h"

#include <string.h>

#include "util/text.h"

#define RIVAL_FILE_MAX (64 * 1024)
#define TUNED_DEPTH 4 /* profiles that include each other */

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

static void rival_add(struct mem *m, struct tune_facts *facts, const char *name, int line,
		      const char *path, const char *value)
{
	*MEM_PUSH(m, facts->rivals, facts->n_rivals) = (struct tune_rival){
		mem_printf(m, "%s:%d", name, line), path, value };
}

/* vm.nr_hugepages is the pool of the default size. */
static void rival_add_sysctl(struct mem *m, struct tune_facts *facts, const char *name, int line,
			     const char *key, const char *value)
{
	const struct tune_setting *s = rival_find_sysctl(key);

	if (s && s->subject == TUNE_OF_MACHINE)
		rival_add(m, facts, name, line, s->path, value);
	else if (s && facts->default_huge_size > 0)
		rival_add(m, facts, name, line, tune_setting_path(m, s, NODE_NONE, facts->default_huge_size),
			  value);
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
static void rival_parse_tuned(struct mem *m, struct tune_facts *facts, const char *name, int number,
			      const char *key, const char *value)
{
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

static void rival_read(const struct root *root, struct mem *m, enum tune_rival_form form,
		       const char *path, struct tune_facts *facts)
{
	char *text;

	if (root_read(root, m, path, RIVAL_FILE_MAX, &text, NULL) == 0)
		tune_parse_rivals(m, form, path, text, facts);
}

/* A name in an earlier folder hides the same one in a later: systemd's order. */
static void rival_read_folders(const struct root *root, struct mem *m, enum tune_rival_form form,
			       const char *kind, struct tune_facts *facts)
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

/* The file of a profile; the last two are those of tuned 2.23 and later. */
static bool rival_read_profile(const struct root *root, struct mem *m, const char *profile,
			       const char **ret_include, struct tune_facts *facts)
{
	static const char *const folders[] = { "/etc/tuned", "/usr/lib/tuned", "/etc/tuned/profiles",
					       "/usr/lib/tuned/profiles" };

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *path = mem_printf(m, "%s/%s/tuned.conf", folders[i], profile);
		char *text;

		if (root_read(root, m, path, RIVAL_FILE_MAX, &text, NULL) < 0)
			continue;
		tune_parse_rivals(m, TUNE_RIVAL_TUNED, path, text, facts);
		for (const char *at = text; at; at = text_next_line(at)) {
			const char *key, *value;

			if (rival_split(m, text_dup_line(m, at), &key, &value) && strcmp(key, "include") == 0)
				*ret_include = value;
		}
		return true;
	}
	return false;
}

static void rival_read_tuned(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	char line[256];
	const char *profile;

	if (root_read_line(root, line, sizeof line, "/etc/tuned/active_profile") < 0 || !line[0])
		return;
	facts->tuned_profile = profile = mem_strdup(m, line);
	for (int i = 0; i < TUNED_DEPTH && profile && !strchr(profile, '/'); i++) {
		const char *include = NULL;

		if (!rival_read_profile(root, m, profile, &include, facts))
			break;
		profile = include;
	}
}

void tune_detect_rivals(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	rival_read_folders(root, m, TUNE_RIVAL_SYSCTL, "sysctl.d", facts);
	rival_read(root, m, TUNE_RIVAL_SYSCTL, "/etc/sysctl.conf", facts);
	rival_read_folders(root, m, TUNE_RIVAL_TMPFILES, "tmpfiles.d", facts);
	rival_read_tuned(root, m, facts);
}
