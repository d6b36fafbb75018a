/* SPDX-License-Identifier: Apache-2.0 */
#include "program/command.h"

#include <errno.h>
#include <string.h>

#include "util/text.h"

/* BINPRM_BUF_SIZE since 5.1 (128 before): the kernel looks no further for the line. */
#define COMMAND_SCRIPT_MAX 256

static const char *command_skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

int command_parse_script(struct mem *m, const unsigned char *bytes, size_t size, char **ret_interpreter,
			 char **ret_argument)
{
	size_t limit = size < COMMAND_SCRIPT_MAX ? size : COMMAND_SCRIPT_MAX;
	const unsigned char *end;
	const char *name, *rest;
	char *line;
	size_t length;

	if (size < 2 || bytes[0] != '#' || bytes[1] != '!')
		return -ENOEXEC;
	end = memchr(bytes, '\n', limit);
	length = end ? (size_t)(end - bytes) : limit;
	/* mem_strndup() ends at a NUL byte, as the kernel does. */
	line = mem_strndup(m, (const char *)bytes + 2, length - 2);
	name = command_skip_blanks(line);
	length = strcspn(name, " \t");
	/* A name that runs on behind the buffer: not to be executed as what it looks like. */
	if (!length || (!end && limit == COMMAND_SCRIPT_MAX && !name[length] && strlen(line) == limit - 2))
		return -ENOEXEC;
	rest = command_skip_blanks(name + length);
	*ret_interpreter = mem_strndup(m, name, length);
	*ret_argument = *rest ? text_dup_line(m, rest) : NULL;
	return 0;
}

/* The next word at *cursor, which moves behind it; NULL at the end. */
static char *command_next_word(struct mem *m, const char **cursor)
{
	const char *start = command_skip_blanks(*cursor);
	size_t length = strcspn(start, " \t");

	*cursor = start + length;
	return length ? mem_strndup(m, start, length) : NULL;
}

/* Options of env(1) whose value is a word of its own. */
static bool command_env_takes_value(const char *word)
{
	return strcmp(word, "-u") == 0 || strcmp(word, "-C") == 0 || strcmp(word, "-a") == 0 ||
	       strcmp(word, "--unset") == 0 || strcmp(word, "--chdir") == 0 || strcmp(word, "--argv0") == 0;
}

/* What follows "-S", "-vS" or "--split-string=" within the argument; NULL without it. */
static const char *command_env_split_string(const char *argument)
{
	static const char long_name[] = "--split-string";
	size_t letters;

	if (text_starts_with(argument, long_name)) {
		argument += sizeof long_name - 1;
		return *argument == '=' ? argument + 1 : argument;
	}
	if (argument[0] != '-')
		return NULL;
	letters = strspn(argument + 1, "iv0");
	return argument[1 + letters] == 'S' ? argument + letters + 2 : NULL;
}

char *command_parse_env(struct mem *m, const char *argument)
{
	const char *cursor = command_env_split_string(argument);
	char *word;

	/* Without -S, env gets the whole rest of the line as one word. */
	if (!cursor)
		return *argument == '-' || strchr(argument, '=') ? NULL : mem_strdup(m, argument);
	while ((word = command_next_word(m, &cursor))) {
		if (command_env_takes_value(word))
			command_next_word(m, &cursor);
		else if (word[0] != '-' && !strchr(word, '='))
			return word;
	}
	return NULL;
}
