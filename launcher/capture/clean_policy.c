/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy, line by line through the parser that reads it: what is written is the key
 * and the value that were taken. A line that is refused is written as one that is refused
 * as well, so that the capture's policy is ignored where the machine's was.
 */
#include "capture/clean.h"

#include <ctype.h>
#include <string.h>

#include <ini.h>

#include "audit/runner.h"
#include "capture/names.h"
#include "known/conf_keys.h"
#include "options/options.h"
#include "options/profiles.h"
#include "util/buffer.h"
#include "util/text.h"

#define LINE_MAX_BYTES 4096 /* as policy_file.c reads them */
#define SECTION_MAX_BYTES 49
#define REFUSED LEFT_OUT_WORD " = " LEFT_OUT
static const char byte_order_mark[] = "\xEF\xBB\xBF";

enum policy_section { SECTION_NONE, SECTION_LAUNCH, SECTION_PROFILE, SECTION_NODE, SECTION_CHECK, SECTION_UNITS };

struct policy_cleaner {
	struct mem *m;
	struct capture_names *names;
	enum policy_section section;
	const char *line; /* that the key and value in hand become */
};

/* --- values ---------------------------------------------------------------------- */

/* Texts of numbers alone, as in "1-4096:8". */
static const char *clean_conf_value(enum conf_kind kind, const struct conf_item *item)
{
	const struct conf_key *key = kind == CONF_JEMALLOC ? conf_find_key(conf_jemalloc_keys, item->key) : NULL;

	if (!key || key->form != FORM_TEXT || !item->value[strspn(item->value, "0123456789.:|-")])
		return item->value;
	return LEFT_OUT_WORD;
}

char *clean_conf(struct mem *m, enum conf_kind kind, const char *text)
{
	struct buffer clean = { .m = m };

	for (char *word; (word = text_next_piece(m, &text, ','));) {
		struct conf_problems problems = { NULL, 0 };
		struct conf piece = { NULL, 0 };

		conf_parse(m, kind, word, "", &piece, &problems);
		buffer_append(&clean, clean.length ? "," : "");
		if (!piece.n)
			buffer_append(&clean, LEFT_OUT_WORD);
		else
			buffer_printf(&clean, "%s%c%s", piece.items[0].key, kind == CONF_JEMALLOC ? ':' : '=',
				      clean_conf_value(kind, &piece.items[0]));
	}
	return buffer_text(&clean);
}

/* "mimalloc,jemalloc-5.3.1,/opt/x.so" */
static const char *clean_allocators(struct policy_cleaner *c, const char *list)
{
	struct buffer text = { .m = c->m };

	for (char *word; (word = text_next_piece(c->m, &list, ','));) {
		const char *version = strchr(word, '-');

		if (*word == '/')
			word = names_library(c->m, c->names, word);
		else if (version)
			word = mem_strndup(c->m, word,
					   (size_t)(version - word) + 1 + strspn(version + 1, ".0123456789"));
		buffer_printf(&text, "%s%s", text.length ? "," : "", word);
	}
	return buffer_text(&text);
}

static const char *clean_profile(struct policy_cleaner *c, const char *name)
{
	return profile_find(name) ? name : names_stand_in(c->m, c->names, "profile", name);
}

static const char *clean_launch_value(struct policy_cleaner *c, enum key key, const char *value)
{
	const char *error;

	if (key_check_value(c->m, key, value, &error) < 0)
		return LEFT_OUT;
	switch (key) {
	case KEY_PROFILE:
		return clean_profile(c, value);
	case KEY_ALLOCATOR:
		return clean_allocators(c, value);
	case KEY_CONF:
		return clean_conf(c->m, CONF_JEMALLOC, value);
	case KEY_MIMALLOC:
		return clean_conf(c->m, CONF_MIMALLOC, value);
	case KEY_GLIBC:
		return clean_conf(c->m, CONF_GLIBC, value);
	case KEY_PURGE_THREAD:
		return clean_conf(c->m, CONF_PURGE, value);
	case KEY_RECORD:
		return strcmp(value, "auto") == 0 || strcmp(value, "none") == 0 ? value : "/" LEFT_OUT_WORD;
	default:
		return value;
	}
}

/* --- keys of each section ---------------------------------------------------------- */

static const char *clean_launch(struct policy_cleaner *c, const char *name, const char *value)
{
	enum key key = key_find(name);
	const char *error;

	if (key == KEY_COUNT || (c->section == SECTION_PROFILE && key >= KEY_PROFILE_COUNT))
		return REFUSED;
	/* Where any text would do, the line is refused for its key. */
	if (key_check_value(c->m, key, value, &error) < 0 && key_check_value(c->m, key, LEFT_OUT, &error) == 0)
		return REFUSED;
	/* Accounts are not in the capture. */
	if (key == KEY_USER)
		return key_check_value(c->m, key, value, &error) < 0 ? REFUSED : "#";
	return mem_printf(c->m, "%s = %s", key_name(key), clean_launch_value(c, key, value));
}

static const char *clean_section_profile(struct policy_cleaner *c, const char *name, const char *value)
{
	if (strcmp(name, "base") == 0)
		return mem_printf(c->m, "base = %s", profile_find(value) ? value : LEFT_OUT);
	return clean_launch(c, name, value);
}

static const char *clean_node(struct policy_cleaner *c, const char *name, const char *value)
{
	struct node_policy policy = { .n = 0 };
	const char *error;

	if (node_policy_set(c->m, &policy, name, value, "", &error) < 0)
		return REFUSED;
	return mem_printf(c->m, "%s = %s", name, value);
}

/* Who is meant by a reason is nobody's business; until when is. */
static const char *clean_check(struct policy_cleaner *c, const char *name, const char *value)
{
	struct check_policy policy = { .n_ignores = 0 };
	const struct check_ignore *ignore;
	const char *error;

	if (check_policy_set(c->m, &policy, runner_list_ids(c->m, checks), name, value, "", &error) < 0)
		return REFUSED;
	if (!policy.n_ignores)
		return mem_printf(c->m, "%s = %s", name, value);
	ignore = &policy.ignores[0];
	return mem_printf(c->m, "%s = %s%s%s" LEFT_OUT, name, ignore->until ? "until " : "",
			  ignore->until ? ignore->until : "", ignore->until ? ": " : "");
}

/* "unit1@instance2.service": what is whose template is still seen. */
static const char *clean_units(struct policy_cleaner *c, const char *name, const char *value)
{
	struct unit_policy policy = { .n = 0 };
	const char *error, *at = strchr(name, '@'), *suffix = strrchr(name, '.');
	const char *unit, *instance = "";

	if (unit_policy_set(c->m, &policy, name, value, "", &error) < 0)
		return REFUSED;
	unit = names_stand_in(c->m, c->names, "unit", mem_strndup(c->m, name, (size_t)((at ? at : suffix) - name)));
	if (at && at + 1 != suffix)
		instance = names_stand_in(c->m, c->names, "instance",
					  mem_strndup(c->m, at + 1, (size_t)(suffix - at) - 1));
	return mem_printf(c->m, "%s%s%s%s = %s", unit, at ? "@" : "", instance, suffix, value);
}

/* What inih makes of one line. */
static int policy_take(void *user, const char *section, const char *name, const char *value)
{
	struct policy_cleaner *c = user;

	(void)section;
	switch (c->section) {
	case SECTION_LAUNCH:
		c->line = clean_launch(c, name, value);
		break;
	case SECTION_PROFILE:
		c->line = clean_section_profile(c, name, value);
		break;
	case SECTION_NODE:
		c->line = clean_node(c, name, value);
		break;
	case SECTION_CHECK:
		c->line = clean_check(c, name, value);
		break;
	case SECTION_UNITS:
		c->line = clean_units(c, name, value);
		break;
	default:
		c->line = REFUSED;
	}
	return 1;
}

/* --- lines ------------------------------------------------------------------------ */

/* `name`: behind the bracket. */
static const char *clean_section(struct policy_cleaner *c, const char *name)
{
	static const struct {
		const char *name;
		enum policy_section section;
	} known[] = { { "launch", SECTION_LAUNCH },
		      { "node", SECTION_NODE },
		      { "check", SECTION_CHECK },
		      { "units", SECTION_UNITS } };
	static const char prefix[] = "profile ";
	size_t n = strcspn(name, "]");

	c->section = SECTION_NONE;
	/* As inih has it: behind a space a semicolon begins a comment, here too. */
	for (size_t i = 1; i < n; i++) {
		if (name[i] == ';' && isspace((unsigned char)name[i - 1]))
			return LEFT_OUT;
	}
	if (!name[n])
		return LEFT_OUT;
	name = mem_strndup(c->m, name, n);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(name, known[i].name) == 0) {
			c->section = known[i].section;
			return mem_printf(c->m, "[%s]", name);
		}
	}
	if (n > SECTION_MAX_BYTES || !text_starts_with(name, prefix) || !*text_dup_line(c->m, name + strlen(prefix)))
		return "[" LEFT_OUT "]";
	c->section = SECTION_PROFILE;
	return mem_printf(c->m, "[profile %s]", clean_profile(c, text_dup_line(c->m, name + strlen(prefix))));
}

static const char *clean_policy_line(struct policy_cleaner *c, const char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	if (!*line)
		return "";
	if (*line == '#' || *line == ';')
		return "#";
	if (*line == '[')
		return clean_section(c, line + 1);
	c->line = LEFT_OUT;
	/* inih would take the mark at the start of any text that it is given. */
	if (strlen(line) < LINE_MAX_BYTES - 1 && !text_starts_with(line, byte_order_mark))
		ini_parse_string(line, policy_take, c);
	return c->line;
}

char *clean_policy(struct mem *m, const char *text, struct capture_names *names)
{
	struct policy_cleaner c = { .m = m, .names = names, .section = SECTION_NONE };
	struct buffer clean = { .m = m };

	ini_max_line = LINE_MAX_BYTES;
	ini_allow_multiline = false;
	if (text_starts_with(text, byte_order_mark))
		text += strlen(byte_order_mark);
	for (const char *at = text; at && *at; at = text_next_line(at))
		buffer_printf(&clean, "%s\n", clean_policy_line(&c, mem_strndup(m, at, strcspn(at, "\n"))));
	return buffer_text(&clean);
}
