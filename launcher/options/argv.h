/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_ARGV_H
#define ALLOCRUN_OPTIONS_ARGV_H

#include "options/options.h"

/* allocrun's own words on the command line. For read.c, mode.c and help.c alone. */

/* A key that argv gave, before it is applied over the other origins. */
struct assignment {
	enum key key;
	const char *text;
};

struct command_line {
	struct assignment *assignments;
	size_t n_assignments;
	bool has_mode;
	const char *format;      /* --format; NULL = not given */
	const char *first_error; /* what ALLOCRUN=off has passed over; NULL = nothing */
};

/* What a mode does with the rest of the command line. */
enum {
	TAKES_COMMAND = 1,
	TAKES_KEYS = 2,
	TAKES_FORMAT = 4, /* text or json */
	TAKES_CHECK_OPTIONS = 8,
	TAKES_TUNE_OPTIONS = 16,
	TAKES_REMOVE = 32,
	TAKES_PURGE_THREAD = 64, /* of the keys only this one */
};

struct option_mode {
	const char *name;     /* of its option; launching has none */
	char letter;          /* 0: no short form */
	const char *argument; /* its name in the help; NULL = none */
	const char *help;
	unsigned takes;     /* what it does not take is refused */
	bool reads_machine; /* it wants the root, and all settings */
	bool heeds_off;     /* with ALLOCRUN=off it reads and refuses nothing */
	int (*settle)(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error);
};
extern const struct option_mode option_modes[MODE_COUNT];

/*
 * Reads argv up to the command into *o and *line. With ALLOCRUN=off errors are passed
 * over, for options_settle_mode() to look at. -EINVAL: one line.
 */
int options_read_argv(struct mem *m, int argc, char **argv, struct options *o, struct command_line *line,
		      const char **ret_error);
/* What does not go with the mode. -EINVAL: one line. */
int options_settle_mode(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error);

#endif
