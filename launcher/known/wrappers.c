/* SPDX-License-Identifier: Apache-2.0 */
#include "known/wrappers.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "util/environment.h"
#include "util/text.h"

#define WRAPPERS_MOST 8 /* one behind the other */

struct wrapper {
	const char *name;
	const char *word;        /* a word that has to follow: the "run" of "uv run"; NULL = none */
	const char *flags;       /* letters of options */
	const char *values;      /* letters of options with a value */
	const char *long_flags;  /* words */
	const char *long_values; /* words; the value behind "=" or in the next argument */
	size_t n_operands;       /* arguments between the options and the command */
	bool is_elsewhere;
};

#define UV_VALUES "with with-requirements python project directory extra group env-file package from"
#define CONDA(name) \
	{ \
		name, "run", "v", "np", "no-capture-output live-stream verbose", "name prefix cwd", 0, true \
	}

/*
 * Their manuals: coreutils, util-linux 2.38, numactl 2.0, tini, dumb-init, catatonit, gosu, su-exec,
 * uv, conda, poetry, pipenv, pdm.
 */
static const struct wrapper wrappers[] = {
	{ "nice", NULL, "0123456789", "n", "", "adjustment", 0, false },
	{ "nohup", NULL, "", "", "", "", 0, false },
	{ "stdbuf", NULL, "", "ioe", "", "input output error", 0, false },
	{ "timeout", NULL, "v", "ks", "foreground preserve-status verbose", "kill-after signal", 1, false },
	{ "setsid", NULL, "cfw", "", "ctty fork wait", "", 0, false },
	{ "ionice", NULL, "t", "cn", "ignore", "class classdata", 0, false },
	{ "choom", NULL, "", "n", "", "adjust", 0, false },
	{ "taskset", NULL, "ac", "", "all-tasks cpu-list", "", 1, false },
	{ "numactl", NULL, "l", "CNmipw", "localalloc all",
	  "interleave weighted-interleave cpunodebind physcpubind membind preferred preferred-many", 0, false },
	{ "tini", NULL, "svwg", "pe", "", "", 0, false },
	{ "tini-static", NULL, "svwg", "pe", "", "", 0, false },
	{ "docker-init", NULL, "svwg", "pe", "", "", 0, false },
	{ "dumb-init", NULL, "cv", "r", "single-child verbose", "rewrite", 0, false },
	{ "catatonit", NULL, "", "", "", "", 0, false },
	{ "gosu", NULL, "", "", "", "", 1, false },
	{ "su-exec", NULL, "", "", "", "", 1, false },
	{ "uv", "run", "qv", "p", "no-sync frozen locked isolated offline no-project active quiet verbose", UV_VALUES,
	  0, true },
	{ "uvx", NULL, "qv", "p", "isolated offline quiet verbose", UV_VALUES, 0, true },
	CONDA("conda"),
	CONDA("mamba"),
	CONDA("micromamba"),
	{ "poetry", "run", "", "", "", "", 0, true },
	{ "pipenv", "run", "", "", "", "", 0, true },
	{ "pdm", "run", "", "", "", "", 0, true },
};

static const struct wrapper *wrapper_find(const char *program)
{
	const char *name = text_basename(program);

	for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
		if (strcmp(wrappers[i].name, name) == 0)
			return &wrappers[i];
	}
	return NULL;
}

/* Behind "-xyVALUE" or "-xy VALUE"; NULL when a letter is not known. */
static const char *const *wrapper_skip_letters(const struct wrapper *w, const char *const *argv)
{
	for (const char *c = *argv + 1; *c; c++) {
		if (strchr(w->values, *c))
			return c[1] ? argv + 1 : argv[1] ? argv + 2 : NULL;
		if (!strchr(w->flags, *c))
			return NULL;
	}
	return argv + 1;
}

static const char *const *wrapper_skip_long(struct mem *m, const struct wrapper *w, const char *const *argv)
{
	const char *option = *argv + 2;
	size_t length = strcspn(option, "=");
	const char *name = mem_strndup(m, option, length);

	if (text_has_word(w->long_values, name))
		return option[length] ? argv + 1 : argv[1] ? argv + 2 : NULL;
	return !option[length] && text_has_word(w->long_flags, name) ? argv + 1 : NULL;
}

/* Where the command begins; NULL: there is none, or not to be known. */
static const char *const *wrapper_skip_options(struct mem *m, const struct wrapper *w, const char *const *argv)
{
	argv++;
	if (w->word && (!*argv || strcmp(*argv++, w->word) != 0))
		return NULL;
	while (argv && *argv && **argv == '-') {
		if (strcmp(*argv, "--") == 0) {
			argv++;
			break;
		}
		argv = (*argv)[1] == '-' ? wrapper_skip_long(m, w, argv) :
		       (*argv)[1]        ? wrapper_skip_letters(w, argv) :
					   NULL;
	}
	for (size_t i = 0; argv && i < w->n_operands; i++)
		argv = *argv ? argv + 1 : NULL;
	return argv && *argv && **argv && **argv != '-' ? argv : NULL;
}

/* Is it "NAME=VALUE"? */
static bool wrapper_is_assignment(const char *word)
{
	size_t n = strcspn(word, "=");

	if (!word[n] || n == 0 || isdigit((unsigned char)*word))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	}
	return true;
}

/*
 * Behind NAME=VALUE...; NULL where they change what programs and libraries are found, or what is ours.
 */
static const char *const *wrapper_skip_assignments(struct mem *m, const char *const *argv, struct wrapped *ret)
{
	for (; *argv && wrapper_is_assignment(*argv); argv++) {
		if (text_starts_with(*argv, "PATH=") || text_starts_with(*argv, "LD_"))
			return NULL;
		*MEM_PUSH(m, ret->variables, ret->n_variables) = *argv;
	}
	return *argv && **argv && **argv != '-' && !strchr(*argv, '=') ? argv : NULL;
}

/* Words at which a shell does something itself, and names that it has itself. */
static bool wrapper_is_of_shell(const char *word)
{
	return text_has_word(
		"if then else elif fi for while until do done case esac in function select time coproc "
		"! { } [ [[ . : alias bg break builtin cd command continue declare disown echo enable "
		"eval exit export false fc fg getopts hash help history jobs kill let local logout mapfile "
		"popd printf pushd pwd read readonly return set shift shopt source suspend test times "
		"trap true type typeset ulimit umask unalias unset wait",
		word);
}

/* The end of the quotation that begins at `text`; NULL: it has none, or more in it than text. */
static const char *wrapper_quoted(const char *text)
{
	const char *end = strchr(text + 1, *text);

	if (!end || (*text == '"' && strcspn(text + 1, "$`\\!") < (size_t)(end - text - 1)))
		return NULL;
	return end;
}

/* The next word of a command line without anything for a shell to do but quotes; NULL at the end, *cursor NULL then
 * when it is no such line. */
static char *wrapper_next_word(struct mem *m, const char **cursor)
{
	const char *c = *cursor + strspn(*cursor, " \t");
	char *word = mem_strdup(m, c);
	size_t n = 0;

	*cursor = c;
	if (!*c)
		return NULL;
	while (c && *c && !strchr(" \t", *c)) {
		if (*c == '\'' || *c == '"') {
			const char *end = wrapper_quoted(c);

			for (c++; end && c < end; c++)
				word[n++] = *c;
			c = end ? end + 1 : NULL;
		} else if (strchr("$`\\;&|<>(){}[]*?!#~\n", *c)) {
			c = NULL;
		} else {
			word[n++] = *c++;
		}
	}
	word[n] = '\0';
	*cursor = c;
	return c ? word : NULL;
}

/* The words of "sh -c TEXT" when TEXT is one plain command; NULL. */
static const char *const *wrapper_split(struct mem *m, const char *text)
{
	const char **words = NULL;
	size_t n = 0;
	char *word;

	while ((word = wrapper_next_word(m, &text)))
		*MEM_PUSH(m, words, n) = word;
	if (!text || n == 0)
		return NULL;
	*MEM_PUSH(m, words, n) = NULL;
	return words;
}

/* "sh -c TEXT", with the options that change nothing of that. (-l reads files that may change PATH.) */
static const char *const *wrapper_behind_shell(struct mem *m, const char *const *argv, struct wrapped *ret)
{
	const char *const *words;
	bool has_text = false;

	for (argv++; *argv && (**argv == '-') && !has_text; argv++) {
		if (!(*argv)[1] || (*argv)[1 + strspn(*argv + 1, "cefux")])
			return NULL;
		has_text = strchr(*argv, 'c');
	}
	words = has_text && *argv ? wrapper_split(m, *argv) : NULL;
	if (!words)
		return NULL;
	/* Of "exec" first: what is set in front of it is the shell's. */
	if (strcmp(*words, "exec") == 0)
		words++;
	words = *words ? wrapper_skip_assignments(m, words, ret) : NULL;
	if (words && strcmp(*words, "exec") == 0)
		words++;
	return words && *words && **words && **words != '-' && !wrapper_is_of_shell(*words) ? words : NULL;
}

static const char *const *wrapper_behind_one(struct mem *m, const char *const *argv, struct wrapped *ret)
{
	const char *name = text_basename(*argv);
	const struct wrapper *w = wrapper_find(*argv);
	const char *const *behind;

	if (strcmp(name, "env") == 0)
		return wrapper_skip_assignments(m, argv + 1, ret);
	if (text_has_word("sh bash dash ash", name))
		return wrapper_behind_shell(m, argv, ret);
	behind = w ? wrapper_skip_options(m, w, argv) : NULL;
	if (behind && w->is_elsewhere)
		ret->is_elsewhere = true;
	return behind;
}

void wrapper_look_behind(struct mem *m, const char *const *argv, struct wrapped *ret)
{
	*ret = (struct wrapped){ .argv = argv };
	for (int i = 0; i < WRAPPERS_MOST && ret->argv && *ret->argv; i++) {
		size_t n = ret->n_variables;
		const char *const *behind = wrapper_behind_one(m, ret->argv, ret);

		if (!behind) {
			ret->n_variables = n;
			return;
		}
		ret->argv = behind;
	}
}

const char *const *wrapper_environment(struct mem *m, const struct wrapped *wrapped, const char *const *environment)
{
	char *const *with = (char *const *)(uintptr_t)environment;

	for (size_t i = 0; i < wrapped->n_variables; i++) {
		const char *entry = wrapped->variables[i];
		size_t n = strcspn(entry, "=");

		with = environment_with(m, with, mem_strndup(m, entry, n), entry + n + 1);
	}
	return (const char *const *)with;
}
