/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_CHILDREN_CHILDREN_H
#define ALLOCRUN_CHILDREN_CHILDREN_H

#include <stdbool.h>

/*
 * children.so is preloaded behind the allocator. Where a process executes a program that cannot
 * bear the preload, or is not to have it, that program gets the environment without what the
 * launch has added (known/inheritance.h). README.md of allocator/ has the why.
 *
 * It runs in the child of a vfork, in a signal handler, between fork and exec of a program with
 * threads: no allocation, no lock, no point at which a thread can be cancelled, no state but what
 * its constructor wrote. It has no libc of its own: one file serves glibc and musl.
 */

struct target {
	const char *file; /* as given */
	int folder;       /* a relative `file` is below it; AT_FDCWD */
	bool is_searched; /* on PATH, as by execvp(3) */
	bool is_open;     /* with an empty `file`: `folder` is the program itself */
};

/* Would it run with our preload as without? What cannot be seen would. errno may change. */
bool program_bears(const struct target *target);

/* The name behind the last slash. */
const char *children_basename(const char *path);

#endif
