/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_FORMATS_FORMATS_H
#define ALLOCRUN_AUDIT_FORMATS_FORMATS_H

#include "audit/runner.h"
#include "options/check_options.h"
#include "util/buffer.h"
#include "util/utf8.h"

/*
 * What --check prints. Every format has the same findings. Pure; texts belong to the
 * pool. Names, paths and values come from processes and files that may be hostile:
 * they go through utf8_clean() first, and then through the format's own escaping.
 */
/* Where a long report goes piece by piece, so that it is never in memory as a whole. */
struct format_sink {
	/* -errno: the rest is not written. */
	int (*write)(void *user, const char *text);
	void *user;
	int error;          /* the first one; 0 */
	struct mem passing; /* what the piece at hand takes */
};

struct audit_report {
	const struct audit_request *request;
	const struct audit_facts *facts;
	const struct audit_result *result;
	struct format_sink *sink;             /* NULL: the text is given back as a whole */
	bool has_color, is_quiet, is_verbose; /* text alone */
};

/* With a sink, what of the text is not in it yet: format_finish() sees to that. */
char *format_audit(struct mem *m, enum check_format format, const struct audit_report *report);
/* The last piece, to the sink. -errno: it, or one before it, could not be written. */
int format_finish(struct format_sink *sink, const char *text);
/* What the process ends with: the audit's own exit code, or Nagios' one. */
int format_exit_code(enum check_format format, const struct audit_result *result);

char *format_text(struct mem *m, const struct audit_report *report);
char *format_json(struct mem *m, const struct audit_report *report);
char *format_junit(struct mem *m, const struct audit_report *report);
char *format_tap(struct mem *m, const struct audit_report *report);
char *format_prometheus(struct mem *m, const struct audit_report *report);
char *format_nagios(struct mem *m, const struct audit_report *report);

/*
 * An entry of systemd's journal (util/journal.h) for a finding, and one for the whole audit: "MESSAGE=…\n" and further
 * fields, a line each.
 */
char *format_journal_finding(struct mem *m, const struct finding *finding);
char *format_journal_summary(struct mem *m, const struct audit_report *report);

/* --list-checks, --explain-check. `check` NULL: all of the table. */
char *format_checks_text(struct mem *m, const struct check *table, const struct check *check);
char *format_checks_json(struct mem *m, const struct check *table, const struct check *check);

/* A text that goes to the sink, and between two pieces whose parts are in its pool the moment for that. */
struct buffer format_begin(struct mem *m, const struct audit_report *report);
void format_pause(const struct audit_report *report, struct buffer *text);

/* The finding's own, or its check's; NULL where nothing is known to be wrong. */
const char *format_fix(const struct finding *finding);
/*
 * What a person calls a process: the kernel's name, which ends after 15 bytes, written out
 * from the command; where a thread of it has been renamed (pt_main_thread), the program or
 * Python script. Not cleaned.
 */
const char *format_process_name(struct mem *m, const struct live_process *process);
/* "node", "process 4711 python3"; not cleaned. */
const char *format_place(struct mem *m, const struct live_process *process);
/* Whether the finding is at or above the threshold, and counts. */
bool format_is_bad(const struct audit_report *report, const struct finding *finding);
/* How long --watch has really looked, rounded; FACT_UNKNOWN: there was none. */
int64_t format_watched_seconds(const struct audit_report *report);
/* "2026-11-22T08:10:00Z" */
const char *format_time(struct mem *m, int64_t seconds);
/* "2 failures, 1 warning, 3 unknown, 14 ok, 2 not applicable, 1 ignored"; what is 0 is left out. */
char *format_summary(struct mem *m, const struct audit_result *result);

/* A group: the node's findings, or one process's. */
struct format_group {
	const struct live_process *process; /* NULL = the node */
	const struct finding **findings;
	size_t n;
	enum check_status worst; /* of those that count */
};

/* The node first, then the processes in their order; in each the findings in theirs. */
struct format_group *format_group_findings(struct mem *m, const struct audit_result *result, size_t *ret_n);

#endif
