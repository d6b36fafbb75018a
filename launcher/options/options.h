/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_OPTIONS_H
#define ALLOCRUN_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "known/conf.h"
#include "options/check_options.h"
#include "options/check_policy.h"
#include "options/keys.h"
#include "options/node_policy.h"
#include "options/steps.h"
#include "options/unit_policy.h"
#include "util/mem.h"
#include "util/path.h"

/* What the operator wants: argv, ALLOCRUN_* and the policy files in one struct. */

/* In the order of the help. */
enum mode {
	MODE_LAUNCH,
	MODE_EXPLAIN,
	MODE_LIST,
	MODE_CHECK,
	MODE_STAT,
	MODE_PURGE,
	MODE_HEAP_PROFILE,
	MODE_TUNE,
	MODE_CAPTURE,
	MODE_SHIMS,
	MODE_COPY,
	MODE_OCI_HOOK,
	MODE_HELP,
	MODE_VERSION,
	MODE_COUNT,
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
	bool is_dry; /* --dry-run */
	bool is_revert;
	bool is_atomic;
	const char *first; /* the first of these that was given; NULL */
};

struct options {
	enum mode mode;
	bool is_off; /* ALLOCRUN=off */
	bool is_quiet;
	bool is_verbose;
	bool is_json;               /* --format json */
	const char *sysroot;        /* NULL = the live machine */
	struct root root;           /* opened; the caller closes it */
	const char *policy;         /* --policy or ALLOCRUN_POLICY; NULL = the default files */
	bool is_policy_variable;    /* it is ALLOCRUN_POLICY's */
	const char *policy_problem; /* why the default files, or a variable's, were ignored as a whole; NULL */
	const char **policy_files;  /* those that were read, in order */
	size_t n_policy_files;
	struct setting settings[KEY_COUNT];
	/* KEY_CONF to KEY_PURGE_THREAD are merged key by key over their origins. */
	struct setting confs[CONF_KINDS][ORIGIN_COMMAND_LINE + 1];
	struct ladder_setting ladders[STEP_COUNT];
	struct profile_section *profiles;
	size_t n_profiles;
	const char **warnings; /* what is odd and yet not refused */
	size_t n_warnings;
	struct check_options check;       /* what --check has, and --stat of it */
	struct check_policy check_policy; /* [check] */
	struct tune_options tune;         /* what only --tune has */
	struct node_policy node_policy;   /* [node] */
	struct unit_policy unit_policy;   /* [units] */
	const char *folder;               /* of --capture, --shims and --copy-to; what --heap-profile shall do; NULL */
	bool removes;                     /* --remove */
	char **argv;                      /* the command, NULL-terminated; NULL = none */
	char **environment;               /* as it was at start */
	const char *const *variables;     /* of it, those whose ALLOCRUN_KEY count: all, or none under AT_SECURE */
	const char *const *check_ids;     /* of all checks, NULL-terminated; [check] names them */
};

/* The section of a policy file's profile; NULL = there is none of this name. */
struct profile_section *options_find_section(const struct options *o, const char *name);

/* -EINVAL when the chosen profile is neither built in nor of a policy file. */
int options_check_profile(struct mem *m, const struct options *o, const char **ret_error);

/* The value of a key: the option's, else that of the chosen profile's section. text NULL: neither has one. */
struct setting options_setting(const struct options *o, enum key key);

/* One checked assignment. -EINVAL with "WHERE: …" in *ret_error, *o untouched then. */
int options_assign(struct mem *m, struct options *o, enum key key, const char *text, enum origin origin,
		   const char *where, const char **ret_error);

/* The help text, for stdout. Owned by the pool. */
char *options_help(struct mem *m);

#endif
