/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_GUARD_H
#define ALLOCRUN_LIVE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/*
 * Looks that hold nobody up. What a process has open or mapped can lie on a file system that
 * does not answer any more, and then whoever reads it waits in the kernel, where nothing but
 * SIGKILL ends it, if that. So the looking is done in a child: one that stands still is
 * killed, or left behind, and another child does the work without that process.
 */

/* So long a look may stand still: neither run nor be ready to. */
#define GUARD_PATIENCE_MS 2000
/* After so many no further one is tried: what follows is not looked at. */
#define GUARD_SKIPPED_MAX 8

/* Shared by the two. */
struct guard;

/* NULL: there is no memory to share. Not freed: it lasts as long as the audit. */
struct guard *guard_new(int64_t patience_ms);

/* Returns 0 to 255, and a text in the pool. It writes to no descriptor. */
typedef int guard_work(struct mem *m, void *user, const char **ret_text);

/*
 * What `work` returns: it runs in a child, and more than once where it stands still. Without
 * a guard, or where no child can be had, it runs here. A signal that ends the child ends
 * its parent; SIGINT and SIGTERM are handed on to it.
 */
int guard_run(struct guard *guard, struct mem *m, guard_work *work, void *user, const char **ret_text);

/* Is it the audit itself, the one that looks or the one that waits? It is in no server's tree. */
bool guard_is_audit(const struct guard *guard, int64_t pid);

/* From here to guard_leave() it is `pid` that is looked at. False: it is to be left out. */
bool guard_enter(struct guard *guard, int64_t pid);
void guard_leave(struct guard *guard);

#endif
