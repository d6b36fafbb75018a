/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_CHECK_OPTIONS_H
#define ALLOCRUN_OPTIONS_CHECK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts/live.h"
#include "util/mem.h"

/* The options of --check, some of which --stat takes as well; --format, --policy, --sysroot … are in options.h. */

enum check_option {
	CHECK_OPTION_PID,
	CHECK_OPTION_UNIT,
	CHECK_OPTION_CGROUP,
	CHECK_OPTION_ALL,
	CHECK_OPTION_HERE,
	CHECK_OPTION_ONLY,
	CHECK_OPTION_SKIP,
	CHECK_OPTION_FAIL_ON,
	CHECK_OPTION_ACCEPT_UNKNOWN,
	CHECK_OPTION_OUTPUT,
	CHECK_OPTION_JOURNAL,
	CHECK_OPTION_WATCH,
	CHECK_OPTION_EVERY,
	CHECK_OPTION_TIMEOUT,
	CHECK_OPTION_LIST_CHECKS,
	CHECK_OPTION_EXPLAIN_CHECK,
	CHECK_OPTION_CLASSES,
	CHECK_OPTION_COUNT,
};

enum check_format {
	CHECK_FORMAT_TEXT,
	CHECK_FORMAT_JSON,
	CHECK_FORMAT_JUNIT,
	CHECK_FORMAT_TAP,
	CHECK_FORMAT_PROMETHEUS,
	CHECK_FORMAT_NAGIOS,
	CHECK_FORMAT_COUNT,
};
extern const char *const check_format_names[CHECK_FORMAT_COUNT + 1]; /* NULL-terminated */

#define CHECK_WATCH_MAX (24 * 60 * 60)

struct check_options {
	enum live_selector selector;
	const char *selector_option; /* "--pid", for an error; NULL = none was given */
	const char *selector_text;   /* the PID, unit or path as given */
	const char **only, **skip;   /* ids; n_only of them */
	size_t n_only, n_skip;
	bool fails_on_warn;   /* --fail-on warn */
	bool accepts_unknown; /* --accept-unknown */
	enum check_format format;
	const char *output;      /* NULL = standard output */
	bool to_journal;         /* --journal */
	int64_t watch_seconds;   /* 0 = one look */
	int64_t every_seconds;   /* 0 = once */
	int64_t timeout_seconds; /* 0 = not given */
	bool lists_checks;
	const char *explained; /* --explain-check ID */
	bool has_classes;      /* --classes */
	const char *first;     /* "--only": the first of these options that was given */
};

/* "pid"; its argument's name, NULL when it takes none; its help. */
extern const struct check_option_row {
	const char *name, *argument, *help;
} check_option_rows[CHECK_OPTION_COUNT];

/* One option of the command line. -EINVAL: one line. Pure. */
int check_options_set(struct mem *m, struct check_options *o, enum check_option option, const char *argument,
		      const char **ret_error);
/* --format as --check takes it; NULL = none was given. -EINVAL: one line. */
int check_options_set_format(struct mem *m, struct check_options *o, const char *name, const char **ret_error);
/* "PID 4711", "all that allocrun started": for a report. */
const char *check_options_asked(struct mem *m, const struct check_options *o);
/* What goes together. `sysroot`: --sysroot was given. -EINVAL: one line. */
int check_options_verify(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error);
/* The same for --stat. */
int check_options_verify_stat(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error);
enum heap_action { HEAP_NO_ACTION, HEAP_START, HEAP_DUMP, HEAP_STOP };

/* The same of --heap-profile, and of --purge. */
int check_options_verify_heap_profile(struct mem *m, const struct check_options *o, bool sysroot,
				      const char **ret_error);
int check_options_verify_purge(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error);

#endif
