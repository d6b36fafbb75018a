/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_GUARD_H
#define ALLOCRUN_LIVE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "live/turns.h"
#include "util/mem.h"

/*
 * Looks that hold nobody up, within a budget of time, memory and processes. What a process has
 * open or mapped can lie on a file system that does not answer any more, and then whoever reads it
 * waits in the kernel, where nothing but SIGKILL ends it, if that. So a helper, a child, does the
 * looking, and puts what it finds where both see it (mem_share()). One that stands still, takes
 * too long or ends is left behind with the process that it looked at, and another goes on behind it.
 */

/* So long a look may stand still: neither run nor be ready to. */
#define GUARD_PATIENCE_MS 2000
/* So long one may take where others wait; then it is put off, and given twice the time. */
#define GUARD_SLICE_MS 3000
/* So many silent processes are kept in mind: who has more is waited for again. */
#define GUARD_SILENT_MAX 64
/*
 * Helpers that not even SIGKILL ends (a file system has their question, and no answer) are left behind:
 * so many, and of them at the processes of one owner.
 */
#define GUARD_LEFT_MAX 16
#define GUARD_LEFT_OF_OWNER_MAX 3

struct guard;

struct guard_budget {
	int64_t patience_ms, slice_ms;
	int64_t timeout_ms; /* from guard_begin() on */
	int64_t end_ms;     /* of clock_now_ms(): and not beyond that */
	size_t memory;      /* bytes that what is found may take, from guard_begin() on */
	size_t look_memory; /* and by one look */
};
/* Lasts as long as the audit. NULL: there is no memory to share. */
struct guard *guard_new(struct mem *m, const struct guard_budget *budget);
int64_t guard_timeout_ms(const struct guard *guard);

/*
 * The time runs; memory for what is found, owned by `m`. NULL: without a guard, or there is none
 * to be had.
 */
struct mem_shared *guard_begin(struct guard *guard, struct mem *m);

/* Looks at the process of turn `at`. It runs in a helper, and writes to no descriptor. */
typedef void guard_work(void *user, size_t at);

/*
 * Until no turn waits. *turns lies in `shared`, as does all that `work` changes and that is to stay.
 * Where no child can be had, or `shared` is NULL, the work is done here, without limits.
 */
void guard_run(struct guard *guard, struct mem_shared *shared, struct turns *turns, guard_work *work, void *user);

/* A process at which a look stood still needs no second one. */
void guard_note_silent(struct guard *guard, int64_t pid);
bool guard_is_silent(const struct guard *guard, int64_t pid);

/* Is it the audit itself, or a helper that was left behind? It is in no server's tree. */
bool guard_is_audit(const struct guard *guard, int64_t pid);

#endif
