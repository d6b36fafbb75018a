/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ExecStart= line: its words as systemd.service(5) has them. Text is put in front of the command; all that is
 * behind it stays byte for byte, with its quotes, escapes, specifiers and variables.
 */
#include <string.h>

#include "units/units.h"
#include "util/buffer.h"
#include "util/text.h"

#define EXEC_BLANKS " \t"

/* A word, and its text without quotes and escapes, of which those for bytes stay as they are. */
struct exec_word {
	const char *begin, *end;
	char *text;
	bool has_codes; /* "\x2d" and the like */
};

/* "\n" and the like: what systemd knows stands behind a backslash. The length of the escape; 0: unknown. */
static size_t exec_escape_length(const char *at)
{
	static const struct {
		char letter;
		const char *digits;
		size_t n;
	} codes[] = { { 'x', "0123456789abcdefABCDEF", 2 },
		      { 'u', "0123456789abcdefABCDEF", 4 },
		      { 'U', "0123456789abcdefABCDEF", 8 } };

	if (*at && strchr("abfnrtvs\\\"'", *at))
		return 1;
	if (*at && strspn(at, "01234567") >= 3)
		return 3;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (*at == codes[i].letter && strspn(at + 1, codes[i].digits) >= codes[i].n)
			return 1 + codes[i].n;
	}
	return 0;
}

/* `quote`: the one that the word is in already; 0. NULL, or why it is no word of systemd's. */
static const char *exec_read_word(struct mem *m, const char *at, char quote, struct exec_word *ret)
{
	char *text = mem_alloc(m, strlen(at) + 1), *to = text;

	*ret = (struct exec_word){ .begin = at, .text = text };
	for (; *at && (quote || !strchr(EXEC_BLANKS, *at)); at++) {
		size_t escape = *at == '\\' ? exec_escape_length(at + 1) : 0;

		if (*at == '\\' && !escape)
			return "an escape that systemd does not know";
		if (escape) {
			ret->has_codes |= !strchr("s\\\"'", at[1]);
			*to++ = at[1];
			at += escape;
		} else if (quote ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote ? '\0' : *at;
		} else {
			*to++ = *at;
		}
	}
	if (quote)
		return "a quote without an end";
	ret->end = at;
	return NULL;
}

/* The characters before the command. Each once; "!!" is one. NULL, or why they are not understood. */
static const char *exec_check_prefixes(const char *prefixes, size_t n)
{
	size_t privileges = 0;

	for (size_t i = 0; i < n; i++) {
		/* "!!" is one. */
		bool is_second = i > 0 && prefixes[i] == '!' && prefixes[i - 1] == '!' &&
				 !(i > 1 && prefixes[i - 2] == '!');

		privileges += !is_second && strchr("+!", prefixes[i]);
		if (prefixes[i] == '|')
			return "the prefix '|': a shell is started";
		if (!is_second && memchr(prefixes, prefixes[i], i))
			return "prefixes that systemd does not know together";
	}
	return privileges > 1 ? "prefixes that systemd does not know together" : NULL;
}

/* Why the words behind the command cannot be kept; *ret_has: allocrun is one of them. */
static const char *exec_check_words(struct mem *m, const char *at, bool *ret_has)
{
	struct exec_word word;
	const char *problem;

	for (at += strspn(at, EXEC_BLANKS); *at; at = word.end + strspn(word.end, EXEC_BLANKS)) {
		if (*at == ';' && (!at[1] || strchr(EXEC_BLANKS, at[1])))
			return "several commands on one line";
		/* A semicolon of its own that is no separator. */
		if (text_starts_with(at, "\\;") && (!at[2] || strchr(EXEC_BLANKS, at[2]))) {
			word.end = at + 2;
			continue;
		}
		problem = exec_read_word(m, at, '\0', &word);
		if (problem)
			return problem;
		*ret_has |= strcmp(text_basename(word.text), "allocrun") == 0;
	}
	return NULL;
}

/* systemd takes the command's name as it is; of an argument it would take "$NAME" for a variable. */
static void exec_append_command(struct buffer *line, const struct exec_word *command, bool has_variables)
{
	for (const char *at = command->begin; at < command->end; at++)
		buffer_append_bytes(line, *at == '$' && has_variables ? "$$" : at, *at == '$' && has_variables ? 2 : 1);
}

/* "@/bin/a NAME ARG": the second word is the name that the program gets. */
static const char *exec_read_name(struct mem *m, const struct exec_word *command, struct exec_word *ret)
{
	const char *at = command->end + strspn(command->end, EXEC_BLANKS), *problem;

	if (!*at || text_starts_with(at, "\\;"))
		return "the prefix '@' without a name";
	problem = exec_read_word(m, at, '\0', ret);
	/* It may stand for no word, or for several. */
	return !problem && strchr(ret->text, '$') ? "a variable as the program's name" : problem;
}

const char *unit_exec_put_before(struct mem *m, const char *value, const char *program, char **ret_line)
{
	/* The first word's quote may stand before the prefixes. */
	char quote = *value == '"' || *value == '\'' ? *value : '\0';
	const char *prefixes = value + (quote != '\0'), *problem;
	size_t n = strspn(prefixes, "-@:+!|");
	bool has_variables = !memchr(prefixes, ':', n), has_name = memchr(prefixes, '@', n), has = false;
	struct buffer line = { .m = m };
	struct exec_word command, name = { NULL, NULL, NULL, false };

	*ret_line = NULL;
	if ((problem = exec_check_prefixes(prefixes, n)) ||
	    (problem = exec_read_word(m, prefixes + n, quote, &command)) ||
	    (problem = exec_check_words(m, command.end, &has)) ||
	    (has_name && (problem = exec_read_name(m, &command, &name))))
		return problem;
	if (*command.text != '/' && !(*command.text == '%' && command.text[1] != '%'))
		return "the command is not named by its whole path";
	if (command.has_codes)
		return "a code for a character in the command's name";
	if (has || strcmp(text_basename(command.text), "allocrun") == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		buffer_append_bytes(&line, prefixes + i, prefixes[i] != '@');
	buffer_printf(&line, "%s ", program);
	if (has_name) {
		buffer_append(&line, "--argv0 ");
		buffer_append_bytes(&line, name.begin, (size_t)(name.end - name.begin));
		buffer_append(&line, " ");
	}
	buffer_append(&line, "-- ");
	if (quote)
		buffer_append_bytes(&line, &quote, 1);
	exec_append_command(&line, &command, has_variables);
	buffer_append(&line, has_name ? name.end : command.end);
	*ret_line = buffer_text(&line);
	return NULL;
}
