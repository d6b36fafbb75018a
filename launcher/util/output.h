/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_OUTPUT_H
#define ALLOCRUN_UTIL_OUTPUT_H

/*
 * All of `text` to the descriptor. A reader that has gone away is -EPIPE, and a file that may
 * not grow (RLIMIT_FSIZE) is -EFBIG, never a signal. The process's own handling of SIGPIPE and
 * SIGXFSZ is left as it was: the command that is executed later inherits it. -errno.
 */
int output_write(int fd, const char *text);

/*
 * The same for what may be lost: a pipe that nobody empties holds nobody up. -EAGAIN: a part at the
 * least was not taken.
 */
int output_say(int fd, const char *text);

/*
 * Puts a descriptor that can neither be read nor written in place of each of 0, 1
 * and 2 that is closed, so that no file of ours gets that number. It closes at
 * exec: the command finds them closed as we did.
 */
void output_guard_standard_descriptors(void);

#endif
