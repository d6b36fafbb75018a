/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else sets these files: sysctl.d(5), sysctl.* on the kernel command line; and whether
 * tuned is set up, whose profiles are not looked into.
 */
#include "tune/tuning.h"

#include <string.h>

#include "detect/boot.h"
#include "detect/node.h"
#include "util/buffer.h"
#include "util/text.h"

#define RIVAL_FILE_MAX (64 * 1024)

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

/* What sets `key`, if it is one of ours; vm.nr_hugepages is the pool of the default size. */
static void rival_add(struct mem *m, struct tune_facts *facts, const char *where, const char *key, const char *value)
{
	const struct tune_setting *s = rival_find_sysctl(key);
	const char *path = s && s->subject == TUNE_OF_MACHINE ?
				   s->path :
			   s && facts->default_huge_size > 0 ?
				   tune_setting_path(m, s, NODE_NONE, facts->default_huge_size) :
				   NULL;

	if (path)
		*MEM_PUSH(m, facts->rivals, facts->n_rivals) = (struct tune_rival){ where, path, value };
}

/* "key = value" into its two parts; false for another line. */
static bool rival_split(struct mem *m, const char *line, const char **ret_key, const char **ret_value)
{
	const char *equals = strchr(line, '=');
	char *key;

	if (!equals || strchr("#;", *line))
		return false;
	/* "-key" is one whose failure is passed over. */
	line += *line == '-';
	key = mem_strndup(m, line, (size_t)(equals - line));
	key[strcspn(key, " \t")] = '\0';
	*ret_key = key;
	*ret_value = text_dup_line(m, equals + 1);
	return *key != '\0';
}

void tune_parse_rivals(struct mem *m, const char *name, const char *text, struct tune_facts *facts)
{
	int number = 1;

	for (const char *at = text; at; at = text_next_line(at), number++) {
		const char *key, *value;

		if (rival_split(m, text_dup_line(m, at), &key, &value))
			rival_add(m, facts, mem_printf(m, "%s:%d", name, number), key, value);
	}
}

static void rival_read(const struct root *root, struct mem *m, const char *path, struct tune_facts *facts)
{
	char *text;

	if (root_read(root, m, path, RIVAL_FILE_MAX, &text, NULL) == 0)
		tune_parse_rivals(m, path, text, facts);
}

/* A name in an earlier folder hides the same one in a later: systemd's order. */
static void rival_read_folders(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	static const char *const folders[] = { "/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
					       "/usr/lib/sysctl.d" };
	struct buffer seen = { .m = m };
	char **names;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (root_list(root, m, folders[i], "", &names) < 0)
			continue;
		for (; *names; names++) {
			const char *between = mem_printf(m, "/%s/", *names);
			size_t length = strlen(*names);

			if (length < 6 || strcmp(*names + length - 5, ".conf") != 0 ||
			    strstr(buffer_text(&seen), between))
				continue;
			buffer_append(&seen, between);
			rival_read(root, m, mem_printf(m, "%s/%s", folders[i], *names), facts);
		}
	}
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
			rival_add(m, facts, mem_printf(m, "the kernel command line (%s)", name), s->sysctl, value);
	}
}

void tune_detect_rivals(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	char profile[256];

	rival_read_folders(root, m, facts);
	rival_read(root, m, "/etc/sysctl.conf", facts);
	if (root_read_line(root, profile, sizeof profile, "/etc/tuned/active_profile") == 0 && profile[0])
		facts->tuned_profile = mem_strdup(m, profile);
	rival_read_boot(m, facts);
}
