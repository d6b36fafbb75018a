/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_OPTIONS_READ_H
#define ALLOCRUN_OPTIONS_READ_H

#include "options/options.h"

/* argv, variables and policy files -> struct options. */

/*
 * argv, the environment and the policy files in their order of precedence. The
 * default policy files are read below --sysroot when one is given, a file named
 * by --policy always from the live machine.
 *
 * `check_ids`: of all checks, NULL-terminated; kept.
 *
 * -EINVAL: *ret_error is one line that says what, where and what to do instead.
 * With ALLOCRUN=off nothing is looked at but the command and what gives up privileges, nothing
 * else is refused; it does not concern --check, --tune and --capture. Under AT_SECURE no variable counts.
 */
int options_parse(struct mem *m, int argc, char **argv, char **environment, const char *const *check_ids,
		  struct options *ret, const char **ret_error);

/* Does ALLOCRUN in this environment switch allocrun off? Pure. */
bool options_switch_off(const char *const *environment);

/*
 * A policy file's text into *o. -EINVAL: *ret_error is "NAME:LINE: …". Pure; the
 * fuzzer's entry.
 */
int policy_file_parse(struct mem *m, struct options *o, const char *name, const char *text, size_t length,
		      const char **ret_error);
/* Reads --policy or the default files. -EINVAL only for the former. */
int policy_file_load(struct mem *m, const struct root *root, struct options *o, const char **ret_error);

/* The parts of options_parse(), in variables.c. */

/* All ALLOCRUN_KEY of o->environment. -EINVAL: one line. */
int options_read_environment(struct mem *m, struct options *o, const char **ret_error);
/*
 * A misspelt variable changes nothing and looks as if it did: say so. Kubernetes
 * sets ALLOCRUN_PORT_… for a service of our name; those are nobody's typo.
 */
void options_warn_variables(struct mem *m, struct options *o);
/* One line, where some were set and none of them counts. */
void options_warn_secure(struct mem *m, struct options *o);
/* ALLOCRUN=off; what else stands there is warned of. */
bool options_read_switch(struct mem *m, struct options *o);

#endif
