/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sysctl, tmpfiles and tuned: what --tune understands of them, line by line. */
#include "capture/clean.h"

#include <string.h>

#include "capture/names.h"
#include "util/buffer.h"
#include "util/text.h"

/* A value that its file takes; a comment behind it, or other words, are not of it. */
static const char *clean_rival_value(struct mem *m, const struct tune_rival *rival)
{
	const struct tune_setting *setting = tune_setting_find_path(rival->path);
	const char *value = mem_strndup(m, rival->value, strcspn(rival->value, " \t#;"));
	const char *words = setting && setting->form == TUNE_SWITCH ? "true false" : setting ? setting->words : NULL;

	return text_is_digits(value) || (words && text_has_word(words, value)) ? value : LEFT_OUT_WORD;
}

static char *clean_rival_line(struct mem *m, enum tune_rival_form form, const char *line,
			      const struct tune_rival *rival)
{
	const char *value = clean_rival_value(m, rival);

	if (form == TUNE_RIVAL_TMPFILES)
		return mem_printf(m, "w %s - - - - %s", rival->path, value);
	/* The key is one of ours, or it would be no rival. */
	return mem_printf(m, "%.*s = %s", (int)strcspn(line, " \t="), line, value);
}

/* "a,b" of `"a,b" # words` */
static const char *clean_tuned_list(struct mem *m, const char *value)
{
	char *list = mem_strndup(m, value, strcspn(value, "#"));

	for (char *c = list; *c; c++)
		*c = *c == '"' ? ' ' : *c;
	return text_dup_line(m, list);
}

/* Sections of tuned that are read, and what a profile is built on. */
static char *clean_tuned_line(struct mem *m, const char *line, struct capture_names *names)
{
	static const char *const sections[] = { "[main]", "[sysctl]", "[sysfs]", "[vm]" };
	const char *equals = strchr(line, '=');

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (text_starts_with(line, sections[i]))
			return mem_strdup(m, sections[i]);
	}
	if (*line == '[')
		return mem_strdup(m, "[" LEFT_OUT_WORD "]");
	if (equals && strcmp(text_dup_line(m, mem_strndup(m, line, (size_t)(equals - line))), "include") == 0)
		return mem_printf(m, "include = %s", names_tuned(m, names, clean_tuned_list(m, equals + 1)));
	return mem_strdup(m, "");
}

/* The rival in this line, counted from 1; NULL. */
static const struct tune_rival *clean_find_rival(struct mem *m, const struct tune_facts *facts, int number)
{
	const char *where = mem_printf(m, ":%d", number);

	for (size_t i = 0; i < facts->n_rivals; i++) {
		if (strcmp(facts->rivals[i].where, where) == 0)
			return &facts->rivals[i];
	}
	return NULL;
}

char *clean_rivals(struct mem *m, enum tune_rival_form form, const char *text, struct capture_names *names)
{
	/* The pool of the default size: any will do for vm.nr_hugepages. */
	struct tune_facts facts = { .default_huge_size = 2 << 20 };
	struct buffer clean = { .m = m };
	bool is_used = false;
	int number = 1;

	tune_parse_rivals(m, form, "", text, &facts);
	for (const char *at = text; at && *at; at = text_next_line(at), number++) {
		const struct tune_rival *rival = clean_find_rival(m, &facts, number);
		const char *raw = text_dup_line(m, at), *line = "";

		if (rival)
			line = clean_rival_line(m, form, raw, rival);
		else if (form == TUNE_RIVAL_TUNED)
			line = clean_tuned_line(m, raw, names);
		is_used |= *line != '\0';
		buffer_printf(&clean, "%s\n", line);
	}
	return is_used ? buffer_text(&clean) : NULL;
}
