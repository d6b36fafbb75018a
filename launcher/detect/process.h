/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_PROCESS_H
#define ALLOCRUN_DETECT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/* The files that /proc has of each process, ourselves and others: one reader for each. */

/* Nothing known yet. */
extern const struct process_status process_status_unknown;

/* The text of /proc/PID/status; what it does not say *ret keeps. Pure. */
void status_parse(struct mem *m, const char *text, struct process_status *ret);
/* -errno: it cannot be read, and *ret is untouched. */
int status_read(const struct root *root, struct mem *m, const char *folder, struct process_status *ret);

/* The limits and oom_score_adj in `folder`, /proc/PID; unknown where they cannot be read. */
void limits_read(const struct root *root, struct mem *m, const char *folder, struct process_limits *ret);

/* One line of /proc/PID/stat. */
struct process_stat {
	int64_t pid, parent, start_time;
	char state;            /* R, S, D, Z, X, …: of the first thread */
	int64_t n_threads;     /* an unreaped process of which all have ended has one */
	bool is_kernel_thread; /* PF_KTHREAD */
	char name[64];
};

/* Pure. -EINVAL when it is not such a line. */
int stat_parse(const char *line, struct process_stat *ret);
/* `pid` 0: our own. -ENOENT, -ESRCH: there is no such process. */
int stat_read(const struct root *root, int64_t pid, struct process_stat *ret);

#endif
