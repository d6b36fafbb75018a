/* SPDX-License-Identifier: Apache-2.0 */
/* MALLOC_CONF, mimalloc's and glibc's option strings. First line: which; the rest: the text. */
#include "fuzz.h"
#include "known/conf.h"

/* What conf_format() made, as conf_parse() reads it: the tunables lose their prefix. */
static char *as_input(struct mem *m, enum conf_kind kind, const char *formatted)
{
	static const char prefix[] = "glibc.malloc.";
	char *text = mem_strdup(m, ""), *piece, *rest;

	if (kind != CONF_GLIBC)
		return mem_strdup(m, formatted);
	for (piece = strtok_r(mem_strdup(m, formatted), ":", &rest); piece; piece = strtok_r(NULL, ":", &rest)) {
		FUZZ_CHECK(strncmp(piece, prefix, sizeof prefix - 1) == 0);
		text = mem_printf(m, "%s%s,", text, piece + sizeof prefix - 1);
	}
	return text;
}

static void check_same(const struct conf *a, const struct conf *b)
{
	FUZZ_CHECK(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		FUZZ_CHECK(strcmp(a->items[i].key, b->items[i].key) == 0);
		FUZZ_CHECK(strcmp(a->items[i].value, b->items[i].value) == 0);
	}
}

static void check_kind(struct mem *m, enum conf_kind kind, const char *text)
{
	struct conf_problems problems = { NULL, 0 }, none = { NULL, 0 };
	struct conf conf = { NULL, 0 }, again = { NULL, 0 };
	size_t pieces = 1;

	conf_parse(m, kind, text, "first", &conf, &problems);
	for (const char *c = text; *c; c++)
		pieces += *c == ',';
	FUZZ_CHECK(conf.n + problems.n <= pieces);
	for (size_t i = 0; i < problems.n; i++)
		FUZZ_CHECK(problems.items[i].text && *problems.items[i].text);
	for (size_t i = 0; i < conf.n; i++) {
		/* No key twice. */
		FUZZ_CHECK(conf_find(&conf, conf.items[i].key) == &conf.items[i]);
		FUZZ_CHECK(!strchr(conf.items[i].value, ','));
	}
	/* What was understood is understood again, and says the same. */
	conf_parse(m, kind, as_input(m, kind, conf_format(m, kind, &conf)), "again", &again, &none);
	FUZZ_CHECK(none.n == 0);
	check_same(&conf, &again);
	/* The same text over itself changes nothing. */
	conf_parse(m, kind, text, "second", &again, &problems);
	check_same(&conf, &again);
	while (again.n) {
		size_t n = again.n;

		conf_remove(&again, again.items[0].key);
		FUZZ_CHECK(again.n == n - 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	const char *text = fuzz_text(&m, data, size);
	const char *which = fuzz_next_line(&m, &text);

	if (which && strcmp(which, "mimalloc") == 0)
		check_kind(&m, CONF_MIMALLOC, text);
	else if (which && strcmp(which, "glibc") == 0)
		check_kind(&m, CONF_GLIBC, text);
	else
		check_kind(&m, CONF_JEMALLOC, text);
	mem_free_all(&m);
	return 0;
}
