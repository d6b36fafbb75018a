/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_STAT_H
#define ALLOCRUN_REPORT_STAT_H

#include <stdbool.h>

#include "facts/live.h"
#include "util/mem.h"

/* What the allocators of running processes hold and gave back, for --stat; in the pool. */

struct stat_report {
	const struct live_facts *live;
	const char *asked; /* "PID 4711" */
	bool has_classes;  /* small sizes one by one */
	bool has_color;
};

char *report_stat_text(struct mem *m, const struct stat_report *report);
char *report_stat_json(struct mem *m, const struct stat_report *report);
/* For node_exporter's textfile collector: no time of its own. */
char *report_stat_prometheus(struct mem *m, const struct stat_report *report);

/* Why nothing is known of its heap, in words; NULL where something is. */
const char *stat_find_problem(struct mem *m, const struct live_process *p);
/* "runs", "waits", "failed", "off"; a parent's figures, from before a fork, are "lost". NULL: none are known. */
const char *stat_name_purge(const struct live_process *p);

#endif
