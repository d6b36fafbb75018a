/* SPDX-License-Identifier: Apache-2.0 */
#include "util/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *text_skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

const char *text_next_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && end[1] ? end + 1 : NULL;
}

const char *text_find_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = text_next_line(line)) {
		/* The first letter alone tells most lines: they are asked for some sixty fields at each start. */
		if (*line == *name && strncmp(line, name, length) == 0 && line[length] == ':')
			return strchr(line, '\n') ? text_skip_blanks(line + length + 1) : NULL;
	}
	return NULL;
}

char *text_dup_line(struct mem *m, const char *text)
{
	size_t length;

	text = text_skip_blanks(text);
	length = strcspn(text, "\n");
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	return mem_strndup(m, text, length);
}

int text_parse_i64(const char *text, int64_t *ret, const char **ret_end)
{
	char *end;
	long long value;

	text = text_skip_blanks(text);
	/* strtoll() would skip line ends and take a "+". */
	if (!isdigit((unsigned char)*text) && !(*text == '-' && isdigit((unsigned char)text[1])))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno)
		return -ERANGE;
	*ret = value;
	if (ret_end)
		*ret_end = end;
	return 0;
}

int text_parse_u64(const char *text, int base, uint64_t *ret, const char **ret_end)
{
	char *end;
	unsigned long long value;

	text = text_skip_blanks(text);
	if (base == 16 ? !isxdigit((unsigned char)*text) : !isdigit((unsigned char)*text))
		return -EINVAL;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno)
		return -ERANGE;
	*ret = value;
	if (ret_end)
		*ret_end = end;
	return 0;
}

int text_parse_kib(const char *text, int64_t *ret)
{
	const char *end;
	int64_t value;
	int r = text_parse_i64(text, &value, &end);

	if (r < 0)
		return r;
	if (!text_starts_with(end, " kB") || value < 0)
		return -EINVAL;
	if (value > INT64_MAX / 1024)
		return -ERANGE;
	*ret = value * 1024;
	return 0;
}

int text_parse_hugepages(const char *name, int64_t *ret)
{
	const char *end;
	int64_t kib;

	if (!text_starts_with(name, HUGEPAGES_PREFIX) ||
	    text_parse_i64(name + strlen(HUGEPAGES_PREFIX), &kib, &end) < 0 || kib <= 0 || kib > INT64_MAX / 1024 ||
	    strcmp(end, "kB") != 0)
		return -EINVAL;
	*ret = kib * 1024;
	return 0;
}

int text_find_choice(const char *text, const char **ret)
{
	const char *open = strchr(text, '[');
	size_t n = open ? strcspn(open + 1, "] \n") : 0;

	if (n == 0 || n > INT_MAX || open[1 + n] != ']')
		return -EINVAL;
	*ret = open + 1;
	return (int)n;
}

bool text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool text_find_word(const char *words, const char *word, int (*compare)(const char *, const char *, size_t))
{
	size_t length = strlen(word);

	for (const char *w = words; *w; w += strspn(w, " ")) {
		size_t n = strcspn(w, " ");

		if (n > 0 && n == length && compare(w, word, n) == 0)
			return true;
		w += n;
	}
	return false;
}

bool text_has_word(const char *words, const char *word)
{
	return text_find_word(words, word, strncmp);
}

bool text_has_word_of_any_case(const char *words, const char *word)
{
	return text_find_word(words, word, strncasecmp);
}

bool text_is_among(const char *const *list, const char *word)
{
	for (; list && *list; list++) {
		if (strcmp(*list, word) == 0)
			return true;
	}
	return false;
}

void text_list(struct mem *m, const char **list, const char *item)
{
	*list = mem_printf(m, "%s%s%s", *list ? *list : "", *list ? ", " : "", item);
}

bool text_is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

char *text_next_piece(struct mem *m, const char **cursor, char separator)
{
	const char *start = *cursor, *end = strchrnul(start, separator);

	if (!*start)
		return NULL;
	*cursor = end + (*end == separator);
	return mem_strndup(m, start, (size_t)(end - start));
}

const char *text_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *text_dirname(struct mem *m, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(m, ".");
	return mem_strndup(m, path, slash == path ? 1 : (size_t)(slash - path));
}

char *text_hex(struct mem *m, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = bytes;
	char *hex = mem_alloc(m, 2 * size + 1);

	for (size_t i = 0; i < size; i++) {
		hex[2 * i] = digits[b[i] >> 4];
		hex[2 * i + 1] = digits[b[i] & 15];
	}
	return hex;
}

void text_read_i64(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		text_parse_i64(value, ret, NULL);
}

void text_read_kib(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);

	if (value)
		text_parse_kib(value, ret);
}
