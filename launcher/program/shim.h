/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_SHIM_H
#define ALLOCRUN_PROGRAM_SHIM_H

#include <stdbool.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * allocrun under another name: DIR/vllm, a link to allocrun or a copy of it, stands for
 * "allocrun -- vllm" with the vllm that PATH has besides. Each allocrun bears a note in its
 * first page, so that none takes another, of whatever prefix and version, for the server.
 */

/* Is the file an allocrun? Those that may be executed but not read: only when it is this very file. */
bool shim_is_launcher(const struct root *root, const char *path);

/*
 * The name that stands for a command; NULL when this is allocrun under its own name. `executed` is the
 * path that was given to exec (AT_EXECFN), NULL = not known; argv[0] counts below "#!" and fexecve(3).
 * Either must lead to this very program: a name that somebody made up does not.
 */
const char *shim_name(const char *executed, const char *argv0);

#endif
