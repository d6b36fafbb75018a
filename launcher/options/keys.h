/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_KEYS_H
#define ALLOCRUN_OPTIONS_KEYS_H

#include <stdbool.h>

#include "util/mem.h"

/* The keys that options, variables and policy files share. */

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
	KEY_PURGE_THREAD,
	KEY_NUMA,
	KEY_THP,
	KEY_PROFILE,
	KEY_CHILDREN,
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
/* Lists of an allocator's options, in the order of enum conf_kind: they add up. */
#define KEY_IS_CONF(key) ((key) >= KEY_CONF && (key) <= KEY_PURGE_THREAD)
#define KEY_PROFILE_COUNT KEY_PROFILE /* keys below this one may stand in [profile NAME] */

struct setting {
	const char *text; /* NULL = not set */
	enum origin origin;
	const char *where; /* "--numa", "ALLOCRUN_NUMA", "/etc/allocrun/policy.conf:7", "built in" */
};

/* "numa-strict" and its one-line help; for --help, the completions and error hints. */
const char *key_name(enum key key);
enum key key_find(const char *name); /* KEY_COUNT: none; '_' counts as '-' */
const char *key_argument(enum key key);
const char *key_help(enum key key);
/* -EINVAL with a reason when `text` is no value for `key`. Pure. */
int key_check_value(struct mem *m, enum key key, const char *text, const char **ret_error);
/* The value of a yes/no key. */
bool setting_is_on(const struct setting *setting);

#endif
