/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's command line, as the kernel reads it. */
#include "detect/boot.h"

#include <string.h>

#include "util/size.h"
#include "util/text.h"
#include "util/unknown.h"

int boot_read(const struct root *root, struct mem *m, const char **ret)
{
	char *text;
	int r = root_read_record(root, m, "/proc/cmdline", &text);

	if (r == 0)
		*ret = text_dup_line(m, text);
	return r;
}

/*
 * The next word, quotes and all: the kernel lets a value in quotes have blanks in it
 * (lib/cmdline.c, next_arg). NULL at the end, which "--" is as well.
 */
static char *boot_next(struct mem *m, const char **cursor)
{
	const char *start = *cursor + strspn(*cursor, " \t\n"), *c;
	bool is_quoted = false;
	char *word;

	for (c = start; *c && (is_quoted || !strchr(" \t\n", *c)); c++)
		is_quoted ^= *c == '"';
	if (c == start)
		return NULL;
	*cursor = c;
	word = mem_strndup(m, start, (size_t)(c - start));
	return strcmp(word, "--") == 0 ? NULL : word;
}

/* What stands behind NAME=, without quotes around it; NULL when it is another word. */
static char *boot_value(struct mem *m, char *word, const char *name)
{
	size_t length = strlen(name), n;
	char *value;

	/* NAME="a b" and "NAME=a b" are both taken. */
	if (*word == '"')
		word++;
	for (size_t i = 0; i < length; i++) {
		/* The kernel takes "-" for "_" (kernel/params.c, parameq). */
		if ((word[i] == '-' ? '_' : word[i]) != (name[i] == '-' ? '_' : name[i]))
			return NULL;
	}
	if (word[length] != '=')
		return word[length] == '\0' ? mem_strdup(m, "") : NULL;
	value = word + length + 1;
	value += *value == '"';
	n = strlen(value);
	return mem_strndup(m, value, n && value[n - 1] == '"' ? n - 1 : n);
}

char *boot_find(struct mem *m, const char *command_line, const char *name)
{
	const char *cursor = command_line;
	char *found = NULL;

	for (char *word; (word = boot_next(m, &cursor));) {
		char *value = boot_value(m, word, name);

		if (value)
			found = value;
	}
	return found;
}

/* "512", or "0:512,1:512" for each node (kernel 5.16). */
static bool boot_parse_pages(const char *text, int64_t *ret)
{
	int64_t sum = 0, value;

	if (!*text || text_is_digits(text))
		return text_parse_i64(text, ret, NULL) == 0;
	while (*text) {
		if (text_parse_i64(text, &value, &text) < 0 || value < 0 || *text++ != ':' ||
		    text_parse_i64(text, &value, &text) < 0 || value < 0 || __builtin_add_overflow(sum, value, &sum) ||
		    (*text && *text++ != ','))
			return false;
	}
	*ret = sum;
	return true;
}

/* The last word for a size counts. */
static void boot_set_pool(struct mem *m, const struct boot_pool *pool, struct boot_pool **pools, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		if ((*pools)[i].page_size == pool->page_size) {
			(*pools)[i] = *pool;
			return;
		}
	}
	*MEM_PUSH(m, *pools, *n) = *pool;
}

void boot_parse_pools(struct mem *m, const char *command_line, int64_t default_size, struct boot_pool **ret,
		      size_t *ret_n)
{
	const char *cursor = command_line;
	int64_t size = default_size, pages;

	for (char *word; (word = boot_next(m, &cursor));) {
		char *value = boot_value(m, word, "hugepagesz");

		/* A size that the kernel does not know makes it skip the number that follows. */
		if (value && !size_parse_boot(value, &size))
			size = FACT_UNKNOWN;
		value = boot_value(m, word, "hugepages");
		if (value && size > 0 && boot_parse_pages(value, &pages))
			boot_set_pool(m, &(struct boot_pool){ size, pages, strchr(value, ':') ? value : NULL }, ret,
				      ret_n);
	}
}

/* "2M" or "16K-64K" of `size`: 1 yes, 0 no, -1 it is no size. */
static int boot_match_size(struct mem *m, const char *text, int64_t size)
{
	const char *dash = strchr(text, '-');
	int64_t from, to;

	if (!size_parse_boot(dash ? mem_strndup(m, text, (size_t)(dash - text)) : text, &from) ||
	    !size_parse_boot(dash ? dash + 1 : text, &to) || from > to)
		return -1;
	return from <= size && size <= to;
}

bool boot_find_thp(struct mem *m, const char *text, const char *words, int64_t size, const char **ret_state)
{
	char *rest = mem_strdup(m, text);

	*ret_state = NULL;
	for (char *group; (group = strsep(&rest, ";"));) {
		char *sizes = strsep(&group, ":");

		if (!group || !text_has_word(words, group))
			return false;
		for (char *one; (one = strsep(&sizes, ","));) {
			int match = boot_match_size(m, one, size);

			if (match < 0)
				return false;
			*ret_state = match ? group : *ret_state;
		}
	}
	return true;
}
