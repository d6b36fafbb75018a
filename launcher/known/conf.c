/* SPDX-License-Identifier: Apache-2.0 */
#include "known/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "known/conf_keys.h"
#include "util/buffer.h"
#include "util/nearest.h"
#include "util/text.h"

#define GLIBC_PREFIX "glibc.malloc."

static const struct conf_grammar {
	const char *title;
	const struct conf_key *keys;
	char equals;
	const char *prefix; /* of each key when written out */
	char separator;     /* when written out; "," is read everywhere */
} grammars[] = {
	[CONF_JEMALLOC] = { "jemalloc option", conf_jemalloc_keys, ':', "", ',' },
	[CONF_MIMALLOC] = { "mimalloc option", conf_mimalloc_keys, '=', "", ',' },
	[CONF_GLIBC] = { "glibc tunable", conf_glibc_keys, '=', GLIBC_PREFIX, ':' },
	[CONF_PURGE] = { "purge thread option", conf_purge_keys, ':', "", ',' },
};

static bool conf_is_number(const char *text)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	strtoull(text, &end, 0);
	return errno == 0 && *end == '\0';
}

/* "10", "-1", or a size: "64M", "1GiB". */
static bool conf_is_decimal(const char *text, bool is_size)
{
	size_t digits;

	text += !is_size && *text == '-';
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 18)
		return false;
	text += digits;
	if (is_size && *text && strchr("KMGTkmgt", *text))
		text += strncasecmp(text + 1, "iB", 2) == 0 ? 3 : strncasecmp(text + 1, "B", 1) == 0 ? 2 : 1;
	return *text == '\0';
}

/* "1 100" */
static const char *conf_check_range(struct mem *m, const char *range, const char *value)
{
	char *end;
	unsigned long long least = strtoull(range, &end, 10), most = strtoull(end, NULL, 10), number;

	if (conf_is_decimal(value, false) && *value != '-') {
		number = strtoull(value, NULL, 10);
		if (number >= least && number <= most)
			return NULL;
	}
	return mem_printf(m, "a number from %llu to %llu", least, most);
}

/* NULL when the value is one that the allocator takes, else what it should be. */
static const char *conf_check_value(struct mem *m, const struct conf_key *key, const char *value)
{
	if (key->words && text_has_word(key->words, value))
		return NULL;
	switch (key->form) {
	case FORM_BOOL:
		return text_has_word("true false", value) ? NULL : "true or false";
	case FORM_UNSIGNED:
		return conf_is_number(value) ? NULL : "a number";
	case FORM_POSITIVE:
		return conf_is_number(value) && strtoull(value, NULL, 0) > 0 ? NULL : "a number above 0";
	case FORM_RANGE:
		return conf_check_range(m, key->words, value);
	case FORM_SIGNED:
		return conf_is_number(value) || strcmp(value, "-1") == 0 ? NULL : "a number or -1";
	case FORM_OPTION:
		return conf_is_decimal(value, false) || text_has_word("yes no true false on off", value) ? NULL :
													   "a number";
	case FORM_SIZE:
		return conf_is_decimal(value, true) ? NULL : "a size, as in 64M";
	case FORM_WORD:
		return mem_printf(m, "one of: %s", key->words);
	case FORM_TEXT:
		return *value ? NULL : "a value";
	}
	return NULL;
}

static const char *conf_hint(struct mem *m, const struct conf_key *keys, const char *word)
{
	const char *names[128] = { NULL };
	const char *near;

	for (size_t n = 0; keys[n].name && n + 1 < sizeof names / sizeof *names; n++)
		names[n] = keys[n].name;
	near = nearest_name(word, names);
	return near ? mem_printf(m, " (did you mean '%s'?)", near) : "";
}

static void conf_add_problem(struct mem *m, struct conf_problems *problems, const char *text)
{
	MEM_PUSH(m, problems->items, problems->n)->text = text;
}

/* One "key:value" of `text`. */
static void conf_parse_piece(struct mem *m, enum conf_kind kind, char *piece, const char *why, struct conf *conf,
			     struct conf_problems *problems)
{
	const struct conf_grammar *g = &grammars[kind];
	char *equals = strchr(piece, g->equals);
	const struct conf_key *key;
	const char *expected;

	if (!equals || equals == piece) {
		conf_add_problem(m, problems, mem_printf(m, "'%s' is not of the form key%cvalue", piece, g->equals));
		return;
	}
	*equals = '\0';
	key = conf_find_key(g->keys, piece);
	if (!key) {
		conf_add_problem(m, problems,
				 mem_printf(m, "no %s '%s'%s", g->title, piece, conf_hint(m, g->keys, piece)));
		return;
	}
	expected = conf_check_value(m, key, equals + 1);
	if (expected) {
		conf_add_problem(m, problems,
				 mem_printf(m, "%s '%s' wants %s, not '%s'", g->title, piece, expected, equals + 1));
		return;
	}
	conf_set(m, conf, piece, equals + 1, why);
}

void conf_parse(struct mem *m, enum conf_kind kind, const char *text, const char *why, struct conf *conf,
		struct conf_problems *problems)
{
	for (char *piece; (piece = text_next_piece(m, &text, ','));) {
		/* jemalloc takes an empty one too. */
		if (*piece)
			conf_parse_piece(m, kind, piece, why, conf, problems);
	}
}

static struct conf_item *conf_locate(const struct conf *conf, const char *key)
{
	for (size_t i = 0; i < conf->n; i++) {
		if (strcmp(conf->items[i].key, key) == 0)
			return &conf->items[i];
	}
	return NULL;
}

const struct conf_item *conf_find(const struct conf *conf, const char *key)
{
	return conf_locate(conf, key);
}

void conf_set(struct mem *m, struct conf *conf, const char *key, const char *value, const char *why)
{
	struct conf_item *item = conf_locate(conf, key);

	if (!item)
		item = MEM_PUSH(m, conf->items, conf->n);
	*item = (struct conf_item){ key, value, why };
}

void conf_remove(struct conf *conf, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->n; i++) {
		if (strcmp(conf->items[i].key, key) != 0)
			conf->items[kept++] = conf->items[i];
	}
	conf->n = kept;
}

char *conf_format(struct mem *m, enum conf_kind kind, const struct conf *conf)
{
	const struct conf_grammar *g = &grammars[kind];
	struct buffer text = { .m = m };

	for (size_t i = 0; i < conf->n; i++)
		buffer_printf(&text, "%.*s%s%s%c%s", i > 0, &g->separator, g->prefix, conf->items[i].key, g->equals,
			      conf->items[i].value);
	return buffer_text(&text);
}

bool conf_next_tunable(struct mem *m, const char **cursor, struct conf_tunable *ret)
{
	const size_t prefix = strlen(GLIBC_PREFIX);
	char *text = text_next_piece(m, cursor, ':'), *equals;

	if (!text)
		return false;
	*ret = (struct conf_tunable){ .text = text };
	if (!text_starts_with(text, GLIBC_PREFIX) || !text[prefix])
		return true;
	ret->key = text = mem_strdup(m, text + prefix);
	equals = strchr(text, '=');
	if (equals) {
		*equals = '\0';
		ret->value = equals + 1;
	}
	return true;
}

char *conf_mimalloc_piece(struct mem *m, const char *variable)
{
	char *piece;

	if (!text_starts_with(variable, CONF_MIMALLOC_PREFIX))
		return NULL;
	piece = mem_strdup(m, variable + strlen(CONF_MIMALLOC_PREFIX));
	for (char *c = piece; *c && *c != '='; c++)
		*c = (char)tolower((unsigned char)*c);
	return piece;
}
