/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_CAPTURE_CLEAN_H
#define ALLOCRUN_CAPTURE_CLEAN_H

#include "capture/capturing.h"
#include "known/conf.h"
#include "tune/tuning.h"

/* What is kept of one kind of file. Pure but for *names. */

/* What stands where somebody's words were. */
#define LEFT_OUT "left out"
#define LEFT_OUT_WORD "left-out"

/* The policy: each line as its parser understands it; one that it refuses is refused still. */
char *clean_policy(struct mem *m, const char *text, struct capture_names *names);
/* An option string without texts of its own; a piece that is none stays one that is none. */
char *clean_conf(struct mem *m, enum conf_kind kind, const char *text);

#endif
