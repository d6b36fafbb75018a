/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_APART_H
#define ALLOCRUN_UTIL_APART_H

#include <stdint.h>

/*
 * What may never end, done by a process that is nobody's child: whoever waits for it waits so
 * long and no longer, and what is executed then has no child that it did not make.
 */

/* 0 or -errno. */
typedef int apart_work(void *user);

/* What `work` returns; -ETIMEDOUT: it goes on without us, with no descriptor of ours; -EAGAIN: no process. */
int apart_run(int64_t ms, apart_work *work, void *user);

/* Closes all descriptors but `fd`, as a process that may be left behind has to: others wait for their end. */
void apart_close_all_but(int fd);

#endif
