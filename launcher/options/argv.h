/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_ARGV_H
#define ALLOCRUN_OPTIONS_ARGV_H

#include "options/options.h"

/* allocrun's own words on the command line. For options.c alone. */

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

/*
 * Reads argv up to the command into *o and *line. With ALLOCRUN=off errors are passed
 * over, save for --check, which the switch has no part in. -EINVAL: one line.
 */
int options_read_argv(struct mem *m, int argc, char **argv, struct options *o, struct command_line *line,
		      const char **ret_error);

#endif
