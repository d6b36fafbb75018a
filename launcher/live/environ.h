/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_ENVIRON_H
#define ALLOCRUN_LIVE_ENVIRON_H

#include "live/context.h"
#include "live/objects.h"

/*
 * The variables of a process that concern allocators. No other is kept: an
 * environment is full of secrets.
 */

/* Through libc's `environ`: a title that a server sets overwrites /proc/PID/environ. */
void environ_read(struct live_memory *memory, struct mem *m, const struct live_objects *objects,
		  struct live_process *process);
/* From /proc/PID/environ: as it was at exec, if nothing wrote over it. */
void environ_assume(struct live_context *c, struct live_process *process);
/* The options of the serving allocator as the variables have them: told, not proved. */
void environ_assume_options(struct mem *m, struct live_process *process);

#endif
