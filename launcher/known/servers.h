/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_SERVERS_H
#define ALLOCRUN_KNOWN_SERVERS_H

#include <stdbool.h>

#include "util/mem.h"

/*
 * Inference servers that allocrun knows: how to recognise them, and when they bind
 * CPUs and memory themselves. Plain data and pure matching.
 */
struct framework;

/*
 * The framework that `argv` starts: by the name of the program, or by the module in
 * "python -m MODULE" or "python /path/SCRIPT". NULL = none that we know; plain
 * Python is one of them.
 */
const struct framework *framework_find(const char *const *argv);
/* The names of all programs but plain Python's, NULL-terminated, in the pool: what a shim is made for. */
const char **framework_programs(struct mem *m);
const char *framework_name(const struct framework *framework);

/*
 * Why binding is the framework's own business in this command and environment;
 * NULL = it leaves that to us. `has_gpu`: the command sees at least one.
 */
const char *framework_binds_itself(const struct framework *framework, const char *const *argv,
				   const char *const *environment, bool has_gpu);

#endif
