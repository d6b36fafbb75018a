/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_H
#define ALLOCRUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options/check_options.h"
#include "options/check_policy.h"
#include "options/steps.h"
#include "options/node_policy.h"
#include "util/mem.h"
#include "util/path.h"

/* What the operator wants: argv, ALLOCRUN_* and the policy files in one struct. */

enum mode {
	MODE_LAUNCH,
	MODE_EXPLAIN,
	MODE_CHECK,
	MODE_TUNE,
	MODE_CAPTURE,
	MODE_LIST,
	MODE_HELP,
	MODE_VERSION,
	MODE_END,
};

/* The modes that have an option; launching has none. */
#define MODE_COUNT (MODE_END - 1)
extern const struct option_mode {
	const char *name;
	enum mode mode;
	char letter; /* 0: no short form */
	const char *argument; /* its name in the help; NULL = none */
	const char *help;
} option_modes[MODE_COUNT];

/* Where a value comes from; a later one wins over an earlier one. */
enum origin {
	ORIGIN_BUILT_IN,
	ORIGIN_POLICY_FILE,
	ORIGIN_ENVIRONMENT,
	ORIGIN_COMMAND_LINE,
};

/*
 * The keys that --KEY, ALLOCRUN_KEY and [launch] in a policy file share. The first
 * group may stand in [profile NAME] as well.
 */
enum key {
	KEY_ALLOCATOR,
	KEY_CONF,
	KEY_MIMALLOC,
	KEY_GLIBC,
	KEY_NUMA,
	KEY_THP,
	KEY_PROFILE,
	KEY_NUMA_STRICT,
	KEY_MEMLOCK,
	KEY_CORE,
	KEY_OOM_SCORE_ADJ,
	KEY_USER,
	KEY_KEEP_CAPS,
	KEY_NO_NEW_PRIVS,
	KEY_RECORD,
	KEY_REQUIRE,
	KEY_PREFER,
	KEY_OFF,
	KEY_COUNT,
};
#define KEY_PROFILE_COUNT KEY_PROFILE /* keys below this one may stand in [profile NAME] */

struct setting {
	const char *text;    /* NULL = not set */
	enum origin origin;
	const char *where;   /* "--numa", "ALLOCRUN_NUMA", "/etc/allocrun/policy.conf:7", "built in" */
};

struct ladder_setting {
	enum ladder ladder;
	enum origin origin;
	const char *where;
};

/* A [profile NAME] section. `base` is a built-in profile's name. */
struct profile_section {
	const char *name;
	const char *base;
	const char *where;
	struct setting settings[KEY_PROFILE_COUNT];
};

/* What only --tune has. */
struct tune_options {
	bool is_dry;          /* --dry-run */
	bool is_revert;
	bool is_atomic;
	const char *first;    /* the first of these that was given; NULL */
};

struct audit_selection;

struct options {
	enum mode mode;
	bool is_off;                /* ALLOCRUN=off */
	bool is_quiet;
	bool is_verbose;
	bool is_json;               /* --format json */
	const char *sysroot;        /* NULL = the live machine */
	struct root root;           /* opened; the caller closes it */
	const char *policy;         /* --policy or ALLOCRUN_POLICY; NULL = the default files */
	const char *policy_problem; /* why the default files were ignored as a whole; NULL */
	const char **policy_files;  /* those that were read, in order */
	size_t n_policy_files;
	struct setting settings[KEY_COUNT];
	/* KEY_CONF, KEY_MIMALLOC and KEY_GLIBC are merged key by key over their origins. */
	struct setting confs[3][ORIGIN_COMMAND_LINE + 1];
	struct ladder_setting ladders[STEP_COUNT];
	struct profile_section *profiles;
	size_t n_profiles;
	const char **warnings;      /* what is odd and yet not refused */
	size_t n_warnings;
	struct check_options check; /* what only --check has */
	struct check_policy check_policy; /* [check] */
	struct tune_options tune;   /* what only --tune has */
	struct node_policy node_policy; /* [node] */
	const char *capture;        /* the folder of --capture; NULL */
	char **argv;                /* the command, NULL-terminated; NULL = none */
	char **environment;         /* as it was at start */
};

/*
 * argv, the environment and the policy files in their order of precedence. The
 * default policy files are read below --sysroot when one is given, a file named
 * by --policy always from the live machine.
 *
 * -EINVAL: *ret_error is one line that says what, where and what to do instead.
 * With ALLOCRUN=off nothing but the command is looked at and nothing is refused; it
 * does not concern --check, --tune and --capture.
 */
int options_parse(struct mem *m, int argc, char **argv, char **environment,
		  struct options *ret, const char **ret_error);

/* Does ALLOCRUN in this environment switch allocrun off? Pure. */
bool options_switch_off(const char *const *environment);

/* The section of a policy file's profile; NULL = there is none of this name. */
struct profile_section *options_find_section(const struct options *o, const char *name);

/* -EINVAL when the chosen profile is neither built in nor of a policy file. */
int options_check_profile(struct mem *m, const struct options *o, const char **ret_error);

/* Which checks --check runs. */
struct audit_selection options_check_selection(struct mem *m, const struct options *o);

/* One checked assignment. -EINVAL with "WHERE: …" in *ret_error, *o untouched then. */
int options_assign(struct mem *m, struct options *o, enum key key, const char *text,
		   enum origin origin, const char *where, const char **ret_error);

/* "numa-strict" and its one-line help; for --help, the completions and error hints. */
const char *key_name(enum key key);
enum key key_find(const char *name); /* KEY_COUNT: none; '_' counts as '-' */
const char *const *key_names(void);  /* NULL-terminated */
const char *key_argument(enum key key);
const char *key_help(enum key key);
/* -EINVAL with a reason when `text` is no value for `key`. Pure. */
int key_check_value(struct mem *m, enum key key, const char *text, const char **ret_error);
const char *origin_name(enum origin origin);
/* The value of a yes/no key. */
bool setting_is_on(const struct setting *setting);

/* The help text, for stdout. Owned by the pool. */
char *options_help(struct mem *m);

/*
 * A policy file's text into *o. -EINVAL: *ret_error is "NAME:LINE: …". Pure; the
 * fuzzer's entry.
 */
int policy_file_parse(struct mem *m, struct options *o, const char *name, const char *text,
		      size_t length, const char **ret_error);
/* Reads --policy or the default files. -EINVAL only for the former. */
int policy_file_load(struct mem *m, const struct root *root, struct options *o,
		     const char **ret_error);

/* A size: "64M", "1GiB", "unlimited" (FACT_UNLIMITED). -EINVAL, -ERANGE. */
int size_parse(const char *text, int64_t *ret);

#endif
