/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_POLICY_H
#define ALLOCRUN_DECIDE_POLICY_H

#include "decide/plan.h"
#include "facts/machine.h"
#include "options/options.h"

/*
 * Facts and options -> plan. Pure: no I/O, no getenv, no system calls, so that a
 * captured machine is a test case. Never fails: what is wanted and cannot be had
 * is an operation with OUTCOME_REFUSED and its reason.
 */
void policy_decide(struct mem *m, const struct facts *facts, const struct options *options, struct plan *ret);

/*
 * Why this build cannot serve this command on this machine; NULL = it can. For
 * --list as well.
 */
const char *policy_reject_build(struct mem *m, const struct facts *facts, const struct build_facts *build);
/* Why nothing at all can be preloaded into the command; NULL = something can. */
const char *policy_reject_command(struct mem *m, const struct facts *facts, const struct options *options);

/* Is it an entry of LD_PRELOAD that comes with this build: the build, or what watches over its children? */
bool policy_is_ours(const struct facts *f, const struct build_facts *build, const char *entry);

#endif
