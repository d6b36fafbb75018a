/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DECIDE_CONF_LAYERS_H
#define ALLOCRUN_DECIDE_CONF_LAYERS_H

#include "decide/decision.h"
#include "known/conf.h"

/* How an allocator's options come together from the profile, the policy, the user and allocrun's own. Pure. */

/* The value of a variable in the environment that allocrun was started with; NULL: not set. */
const char *options_variable(const struct decision *d, const char *name);

/* Plans that `variable` is set to `value`; NULL: taken away. */
struct operation *options_add(const struct decision *d, const char *variable, const char *value, const char *why);

/*
 * All layers of one kind over *conf: the profile's `built_in` (ended by key NULL), section of the
 * policy file, [launch], then the user's own `variable` (NULL: there is none), then ALLOCRUN_* and
 * the command line. The user's variable wins over the policy's and makes way only for what names
 * allocrun. What cannot be used is said, as a warning of the plan.
 */
void options_merge_layers(const struct decision *d, enum conf_kind kind, const struct conf_item *built_in,
			  const char *variable, struct conf *conf);

/* Only what names allocrun: ALLOCRUN_* and the command line go over the user's own variables. */
struct conf options_read_explicit(const struct decision *d, enum conf_kind kind);

/* Can the chosen build give memory back by a thread of ours? */
bool options_has_purge_thread(const struct decision *d);

/*
 * That thread, beside the allocator's options as they came out. `ours` is the reason of the decay
 * that is ours to replace (NULL: of none): another is somebody's own.
 */
void options_decide_purge(const struct decision *d, const struct conf *allocator, const char *ours);

#endif
