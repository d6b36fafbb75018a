/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_APPLY_APPLY_H
#define ALLOCRUN_APPLY_APPLY_H

#include "decide/plan.h"

/*
 * The only code that changes this process. Carries out the planned operations of
 * the steps from `first` to `last`, reads back from the kernel what it set, and
 * writes outcome and detail into each. *environment is replaced by a new block.
 *
 * Never stops early: see plan_find_blocker() afterwards.
 */
void apply_plan(struct mem *m, struct plan *plan, enum step first, enum step last, char ***environment);

/* HOME and what else follows the user of an OP_USER, into *environment. */
void apply_user_environment(struct mem *m, const struct operation *op, char ***environment);

#endif
