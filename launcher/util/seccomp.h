/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_SECCOMP_H
#define ALLOCRUN_UTIL_SECCOMP_H

#include <stdbool.h>

/*
 * A seccomp filter may end the process for a system call where others refuse it (systemd's
 * SystemCallFilter= without SystemCallErrorNumber=). The command may never make that call, so ours
 * must not end its start. Nothing tells such a filter from one that refuses but to try: in a child,
 * made only where /proc/self/status has "Seccomp: 2". guarded.c then lets our own calls fail with
 * EPERM. What cannot be guarded: the calls that every dynamic program makes to start (execve, mmap,
 * openat, read, close, newfstatat, …), and clone and wait4, with which it is tried.
 */

/* The text of /proc/self/status as it was when we started, NULL = it could not be read. */
const char *seccomp_status(void);

/*
 * Does a process that makes this call live on? The answer is remembered by number, for prctl by
 * number and option. True where it cannot be tried. The child makes the call with these very
 * arguments: they must do nothing beyond the process that makes it.
 */
bool seccomp_survives(long number, const long arguments[6]);

/*
 * Of the calls that the bundled allocators, the purge thread and children.so make and a program need
 * not, one that ends the process: its name. NULL = none.
 */
const char *seccomp_find_fatal(void);

#endif
