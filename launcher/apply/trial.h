/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_APPLY_TRIAL_H
#define ALLOCRUN_APPLY_TRIAL_H

#include "decide/plan.h"

/*
 * Does the library that is planned for LD_PRELOAD load, and serve malloc? Only its loader
 * knows: it may be mounted noexec, kept from us by SELinux or IMA, unreadable for the later
 * user, short of static TLS below LD_AUDIT, or not go together with what else is preloaded.
 */

/*
 * What may be in its way here, for a sentence ("LD_AUDIT is set"); NULL: nothing, or nothing is
 * preloaded. A few system calls, the costliest of which maps the library; never a fork.
 */
const char *trial_find_reason(struct mem *m, const struct facts *facts, const struct plan *plan,
			      char *const *environment);

/*
 * A child carries out the plan (which stays as it is here) and has the command's own loader start
 * the probe (probe/probe.c), with the environment and as the user of the command. NULL: the library
 * serves malloc; else why not. A loader that has not answered within a second is ended.
 */
const char *trial_load(struct mem *m, const struct facts *facts, const struct plan *plan, char *const *environment);

#endif
