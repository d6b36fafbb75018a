/* SPDX-License-Identifier: Apache-2.0 */
#include "support/parse.h"

#include <string.h>

struct options options;

const char *error;

int parse_set_up(void **state)
{
	options.root.fd = -1;
	return tree_set_up(state);
}

int parse_tear_down(void **state)
{
	root_close(&options.root);
	return tree_tear_down(state);
}

int parse_words(const char *const *words, const char *const *environment)
{
	char **argv = NULL, **block = NULL;
	size_t argc = 0, n = 0;
	int r;

	*MEM_PUSH(&pool, argv, argc) = mem_strdup(&pool, "allocrun");
	for (; *words; words++)
		*MEM_PUSH(&pool, argv, argc) = mem_strdup(&pool, *words);
	*MEM_PUSH(&pool, argv, argc) = NULL;
	for (; environment && *environment; environment++)
		*MEM_PUSH(&pool, block, n) = mem_strdup(&pool, *environment);
	*MEM_PUSH(&pool, block, n) = NULL;
	error = NULL;
	root_close(&options.root);
	r = options_parse(&pool, (int)argc - 1, argv, block, runner_list_ids(&pool, checks), &options, &error);
	if (r == 0 && options.mode == MODE_CHECK)
		r = runner_verify(&pool, checks, &options.check, &error);
	else if (r < 0)
		options.root.fd = -1;
	return r;
}

int parse_behind(const char *const *first, const char *const *words, const char *const *environment)
{
	const char *line[WORDS_MAX + 4] = { NULL };
	size_t n = 0;

	while (first[n]) {
		line[n] = first[n];
		n++;
	}
	for (; *words; words++) {
		assert_true(n < WORDS_MAX + 3);
		line[n++] = *words;
	}
	return parse_words(line, environment);
}

int parse(const char *const *environment, const char *const *words)
{
	const char *const first[] = { "--policy", tree_outside(&tree, "/empty.conf"), NULL };

	tree_write(&tree, "/empty.conf", "");
	return parse_behind(first, words, environment);
}

int parse_below(const char *const *environment, const char *const *words)
{
	return parse_behind((const char *const[]){ "--explain", "--sysroot", tree.path, NULL }, words, environment);
}

void assert_setting(enum key key, const char *text, enum origin origin, const char *where)
{
	assert_row_string(key_name(key), options.settings[key].text, text);
	assert_row_int(key_name(key), options.settings[key].origin, origin);
	assert_row_string(key_name(key), options.settings[key].where, where);
}

void assert_argv(const char *joined)
{
	char *text = mem_strdup(&pool, "");

	assert_non_null(options.argv);
	for (char **a = options.argv; *a; a++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? "|" : "", *a);
	assert_string_equal(text, joined);
}
