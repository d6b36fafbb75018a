/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_MODES_MODES_H
#define ALLOCRUN_MODES_MODES_H

#include <stdbool.h>

#include "decide/plan.h"
#include "facts/machine.h"
#include "options/options.h"
#include "util/mem.h"

/* Exit codes, as of env(1) and nohup(1). */
#define EXIT_LAUNCHER 125 /* allocrun refused or failed */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/* The modes: each gets the parsed options and returns the exit code. */
int cmd_launch(struct mem *m, struct options *options);
int cmd_explain(struct mem *m, struct options *options);
int cmd_list(struct mem *m, struct options *options);
int cmd_check(struct mem *m, struct options *options);
int cmd_stat(struct mem *m, struct options *options);
int cmd_purge(struct mem *m, struct options *options);
int cmd_heap_profile(struct mem *m, struct options *options);
int cmd_tune(struct mem *m, struct options *options);
int cmd_capture(struct mem *m, struct options *options);
int cmd_copy(struct mem *m, struct options *options);
int cmd_oci_hook(struct mem *m, struct options *options);
int cmd_shims(struct mem *m, struct options *options);
int cmd_units(struct mem *m, struct options *options);

/* Is allocrun called as systemd's generator? That has no options: the policy says all. */
bool commands_is_generator(const char *name);
int cmd_generator(struct mem *m, int argc, char **argv);

/* What env(1) exits with when exec fails with this errno: 126 or 127. */
int commands_exec_status(int error);
/* What exec would say of the command: 0, or one of these two. */
int commands_command_status(const struct facts *facts);
/* Runs the detectors for these options. */
void commands_detect(struct mem *m, const struct options *options, struct facts *ret);
/* The same for --check, which knows which of them its checks look at (facts/request.h has these two). */
void commands_detect_parts(struct mem *m, const struct options *options, bool thorough, bool integrity,
			   struct facts *ret);
/*
 * Decides, and where the preload is tried (always, or for a reason: apply/trial.h) and does not
 * load, notes that of the build in *facts and decides anew: the next build, at last none.
 */
void commands_decide(struct mem *m, const struct options *options, bool always_try, struct facts *facts,
		     struct plan *ret);
/* "allocrun: LINE" on stderr. */
void commands_complain(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* EXIT_LAUNCHER, with the complaint that goes with it. `error`: -errno. */
int commands_cannot_print(struct mem *m, int error);
/* `text` on stdout: 0, or EXIT_LAUNCHER with a complaint when it cannot be written. */
int commands_print(struct mem *m, const char *text);
/* The same to the file of --output, where that was given. */
int commands_write(struct mem *m, const struct options *options, const char *text);
/* How long processes may be looked at, or asked: --timeout, else the policy's, seconds. */
int64_t commands_timeout_seconds(const struct options *options);
struct guard;
/* For looks at the processes that the options name, from now on. NULL: nobody, or no running ones. */
struct guard *commands_new_guard(struct mem *m, const struct options *options);

/*
 * Runs `round` in a child of its own, and again `seconds` after each end, until SIGTERM or SIGINT: then the child is
 * ended, too. As PID 1 of a container as well. 0, or EXIT_LAUNCHER where no child can be made.
 */
int commands_repeat(struct mem *m, struct options *options, int64_t seconds,
		    int (*round)(struct mem *m, struct options *options));

#endif
