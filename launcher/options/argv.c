/* SPDX-License-Identifier: Apache-2.0 */
/* argv -> options, through getopt_long(3). */
#include "options/argv.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>

#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

/* getopt values of the options that are no keys; those of keys are OPTION_KEY + key. */
enum {
	OPTION_KEY = 256,
	OPTION_MODE = 512,
	OPTION_CHECK = 768,
	OPTION_FORMAT = 1024,
	OPTION_SYSROOT,
	OPTION_POLICY,
	OPTION_DRY_RUN,
	OPTION_REVERT,
	OPTION_ATOMIC,
	OPTION_REMOVE,
	OPTION_ARGV0
};
#define TABLE_SIZE (KEY_COUNT + MODE_COUNT + CHECK_OPTION_COUNT + 10)

/* "[YES]" may be left out; NULL: none. */
static int options_argument(const char *name)
{
	return !name ? no_argument : *name == '[' ? optional_argument : required_argument;
}

/* The getopt table and, in step with it, all names for a hint. */
static void options_build_table(struct option *table, const char **names)
{
	static const struct option fixed[] = {
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "sysroot", required_argument, NULL, OPTION_SYSROOT },
		{ "policy", required_argument, NULL, OPTION_POLICY },
		{ "argv0", required_argument, NULL, OPTION_ARGV0 },
		{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
		{ "revert", no_argument, NULL, OPTION_REVERT },
		{ "atomic", no_argument, NULL, OPTION_ATOMIC },
		{ "remove", no_argument, NULL, OPTION_REMOVE },
		{ "quiet", no_argument, NULL, 'q' },
		{ "verbose", no_argument, NULL, 'v' },
	};
	size_t n = 0;

	for (int k = 0; k < KEY_COUNT; k++) {
		table[n++] = (struct option){ key_name((enum key)k), options_argument(key_argument((enum key)k)), NULL,
					      OPTION_KEY + k };
	}
	for (int i = 0; i < MODE_COUNT; i++) {
		if (option_modes[i].name)
			table[n++] = (struct option){ option_modes[i].name, options_argument(option_modes[i].argument),
						      NULL, OPTION_MODE + i };
	}
	for (int i = 0; i < CHECK_OPTION_COUNT; i++)
		table[n++] = (struct option){ check_option_rows[i].name,
					      check_option_rows[i].argument ? required_argument : no_argument, NULL,
					      OPTION_CHECK + i };
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		table[n++] = fixed[i];
	for (size_t i = 0; i < n; i++)
		names[i] = table[i].name;
}

/* "--numb=1" -> "unknown option '--numb' (did you mean '--numa'?); see allocrun --help" */
static const char *options_unknown(struct mem *m, const char *word, const char *const *names)
{
	const char *bare = word + strspn(word, "-");
	const char *near = nearest_name(mem_strndup(m, bare, strcspn(bare, "=")), names);
	const char *name = mem_strndup(m, word, strcspn(word, "="));

	if (near && strcmp(near, name + strspn(name, "-")) == 0)
		return mem_printf(m, "option '%s' takes no value", name);
	if (near)
		return mem_printf(m, "unknown option '%s' (did you mean '--%s'?)", name, near);
	return mem_printf(m, "unknown option '%s'; see allocrun --help", name);
}

static int options_set_mode(struct mem *m, struct options *o, struct command_line *line, enum mode mode,
			    const char **ret_error)
{
	if (line->has_mode && o->mode != mode)
		return refuse(ret_error, mem_printf(m, "--%s and --%s exclude each other", option_modes[o->mode].name,
						    option_modes[mode].name));
	line->has_mode = true;
	o->mode = mode;
	return 0;
}

/* Is the word behind it the PID of a running one? */
static bool options_is_of_process(enum mode mode)
{
	return mode == MODE_STAT || mode == MODE_PURGE || mode == MODE_HEAP_PROFILE;
}

static int options_take_tune(struct tune_options *tune, int value)
{
	static const char *const names[] = { "--dry-run", "--revert", "--atomic" };

	if (!tune->first)
		tune->first = names[value - OPTION_DRY_RUN];
	tune->is_dry |= value == OPTION_DRY_RUN;
	tune->is_revert |= value == OPTION_REVERT;
	tune->is_atomic |= value == OPTION_ATOMIC;
	return 0;
}

/* One option that getopt returned. */
static int options_take(struct mem *m, struct options *o, struct command_line *line, int value, const char *argument,
			const char **ret_error)
{
	if (value >= OPTION_MODE && value < OPTION_MODE + MODE_COUNT) {
		int r = options_set_mode(m, o, line, (enum mode)(value - OPTION_MODE), ret_error);

		if (r < 0 || !argument)
			return r;
		if (options_is_of_process(o->mode) && !(o->mode == MODE_HEAP_PROFILE && !text_is_digits(argument)))
			return check_options_set(m, &o->check, CHECK_OPTION_PID, argument, ret_error);
		o->folder = argument;
		return 0;
	}
	if (value >= OPTION_KEY && value < OPTION_KEY + KEY_COUNT) {
		*MEM_PUSH(m, line->assignments, line->n_assignments) =
			(struct assignment){ (enum key)(value - OPTION_KEY), argument ? argument : "yes" };
		return 0;
	}
	if (value >= OPTION_CHECK && value < OPTION_CHECK + CHECK_OPTION_COUNT)
		return check_options_set(m, &o->check, (enum check_option)(value - OPTION_CHECK), argument, ret_error);
	if (value >= OPTION_DRY_RUN && value <= OPTION_ATOMIC)
		return options_take_tune(&o->tune, value);
	switch (value) {
	case 'h':
		return options_set_mode(m, o, line, MODE_HELP, ret_error);
	case 'V':
		return options_set_mode(m, o, line, MODE_VERSION, ret_error);
	case 'q':
		o->is_quiet = true;
		return 0;
	case 'v':
		o->is_verbose = true;
		return 0;
	case OPTION_REMOVE:
		o->removes = true;
		return 0;
	case OPTION_SYSROOT:
		o->sysroot = argument;
		return 0;
	case OPTION_ARGV0:
		o->argv0 = argument;
		return 0;
	case OPTION_POLICY:
		o->policy = argument;
		return 0;
	default: /* OPTION_FORMAT */
		line->format = argument;
		return 0;
	}
}

/* The place of the next "--"; `from` when there is none. */
static int options_find_command(int argc, char **argv, int from)
{
	for (int i = from; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i;
	}
	return from;
}

/* What getopt does not take: which word, and which option was meant. */
static const char *options_explain_word(struct mem *m, int value, char **argv, const char *const *names)
{
	const char *word = argv[optind - 1];

	if (value == ':')
		return mem_printf(m, "option '%s' wants a value; see allocrun --help", word);
	return options_unknown(m, strncmp(word, "--", 2) == 0 || !optopt ? word : mem_printf(m, "-%c", optopt), names);
}

/* The next option; the word behind --stat and its kind that is a number is the one of --pid. */
static int options_next(int argc, char **argv, const struct option *table, const struct options *o)
{
	/* "+": the command's own options are its own. */
	int value = getopt_long(argc, argv, "+:hVqv", table, NULL);

	if (value != -1 || !options_is_of_process(o->mode) || optind >= argc)
		return value;
	/* What is to be done stands behind the PID, and options behind that. */
	if (o->mode == MODE_HEAP_PROFILE && !o->folder && isalpha((unsigned char)*argv[optind])) {
		optarg = argv[optind++];
		return OPTION_MODE + MODE_HEAP_PROFILE;
	}
	if (!text_is_digits(argv[optind]))
		return value;
	optarg = argv[optind++];
	return OPTION_CHECK + CHECK_OPTION_PID;
}

int options_read_argv(struct mem *m, int argc, char **argv, struct options *o, struct command_line *line,
		      const char **ret_error)
{
	struct option table[TABLE_SIZE] = { { NULL, 0, NULL, 0 } };
	const char *names[TABLE_SIZE] = { NULL }, *error = NULL;
	int value;

	options_build_table(table, names);
	optind = 0;
	opterr = 0;
	while ((value = options_next(argc, argv, table, o)) != -1) {
		bool is_known = value != '?' && value != ':';

		/* Of ALLOCRUN=off, only the first is ever said. */
		if (!is_known && !line->first_error)
			error = options_explain_word(m, value, argv, names);
		if (is_known ? options_take(m, o, line, value, optarg, &error) < 0 : true) {
			if (!o->is_off)
				return refuse(ret_error, error);
			line->first_error = line->first_error ? line->first_error : error;
		}
		/* Whether the next word is its value, only "--" could tell. */
		if (!is_known)
			optind = options_find_command(argc, argv, optind);
	}
	o->argv = o->program_argv = optind < argc ? argv + optind : NULL;
	if (o->argv && o->argv0) {
		o->program_argv = mem_dup(m, o->argv, (size_t)(argc - optind + 1) * sizeof *o->argv);
		o->program_argv[0] = mem_strdup(m, o->argv0);
	}
	return 0;
}
