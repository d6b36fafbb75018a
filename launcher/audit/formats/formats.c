/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats share. */
#include "audit/formats/formats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/text.h"

/* The check's remedy is one for what is bad: what is not known need not be. */
const char *format_fix(const struct finding *finding)
{
	return finding->fix || finding->status == CHECK_UNKNOWN ? finding->fix : finding->check->fix;
}

/* What is kept of a report before it is written. */
#define FORMAT_PIECE (64 * 1024)

struct buffer format_begin(struct mem *m, const struct audit_report *report)
{
	return (struct buffer){ .m = report->sink ? &report->sink->passing : m };
}

void format_pause(const struct audit_report *report, struct buffer *text)
{
	struct format_sink *sink = report->sink;

	if (!sink || text->length < FORMAT_PIECE)
		return;
	if (sink->error == 0)
		sink->error = sink->write(sink->user, text->s);
	mem_free_all(&sink->passing);
	*text = (struct buffer){ .m = &sink->passing };
}

int format_finish(struct format_sink *sink, const char *text)
{
	if (sink->error == 0)
		sink->error = sink->write(sink->user, text);
	mem_free_all(&sink->passing);
	return sink->error;
}

/* The words of a command of which one may have given the process its name. */
#define FORMAT_NAME_WORDS 4
#define FORMAT_NAME_MAX 64
/* TASK_COMM_LEN, less its zero. */
#define FORMAT_COMM_MAX 15

/* The file name at the end of the next word, and the rest; NULL behind the last one. */
static const char *format_next_name(struct mem *m, const char **rest)
{
	const char *word = *rest + strspn(*rest, " ");
	size_t n = strcspn(word, " ");

	*rest = word + n;
	return n ? text_basename(mem_strndup(m, word, n)) : NULL;
}

static bool format_is_named(const char *name, const char *kernel)
{
	return strcmp(name, kernel) == 0 ||
	       (strlen(kernel) == FORMAT_COMM_MAX && text_starts_with(name, kernel) && strlen(name) <= FORMAT_NAME_MAX);
}

const char *format_process_name(struct mem *m, const struct live_process *process)
{
	const char *kernel = process->name && *process->name ? process->name : "(no name)";
	const char *rest = process->command ? process->command : "", *names[FORMAT_NAME_WORDS];
	size_t n = 0;

	while (n < FORMAT_NAME_WORDS && (names[n] = format_next_name(m, &rest))) {
		if (format_is_named(names[n], kernel))
			return names[n];
		n++;
	}
	if (n == 0 || !*names[0] || strlen(names[0]) > FORMAT_NAME_MAX)
		return kernel;
	if (n > 1 && text_starts_with(names[0], "python") && *names[1] != '-' && strlen(names[1]) <= FORMAT_NAME_MAX)
		return mem_printf(m, "%s (%s)", names[1], kernel);
	return mem_printf(m, "%s (%s)", names[0], kernel);
}

const char *format_place(struct mem *m, const struct live_process *process)
{
	return process ? mem_printf(m, "process %lld %s", (long long)process->pid, format_process_name(m, process)) :
			 "node";
}

bool format_is_bad(const struct audit_report *report, const struct finding *finding)
{
	return !finding->ignored && finding->status >= report->request->fail_on;
}

int64_t format_watched_seconds(const struct audit_report *report)
{
	const struct live_samples *samples = report->facts->samples;

	return samples && samples->n ? (samples->items[samples->n - 1].after_ms + 500) / 1000 : FACT_UNKNOWN;
}

const char *format_time(struct mem *m, int64_t seconds)
{
	time_t second = (time_t)seconds;
	char text[32] = "";
	struct tm day;

	if (gmtime_r(&second, &day))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &day);
	return mem_strdup(m, text);
}

char *format_summary(struct mem *m, const struct audit_result *r)
{
	const struct {
		size_t n;
		const char *one, *many;
	} parts[] = {
		{ r->counts[CHECK_FAIL], "failure", "failures" },
		{ r->counts[CHECK_WARN], "warning", "warnings" },
		{ r->counts[CHECK_UNKNOWN], "unknown", "unknown" },
		{ r->counts[CHECK_OK], "ok", "ok" },
		{ r->counts[CHECK_SKIP], "not applicable", "not applicable" },
		{ r->n_ignored, "ignored", "ignored" },
	};
	char *text = NULL;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].n)
			text = mem_printf(m, "%s%s%zu %s", text ? text : "", text ? ", " : "", parts[i].n,
					  parts[i].n == 1 ? parts[i].one : parts[i].many);
	}
	return text ? text : mem_strdup(m, "nothing was checked");
}

static struct format_group *format_find_group(struct mem *m, struct format_group **groups, size_t *n,
					      const struct live_process *process)
{
	struct format_group *last = *n ? &(*groups)[*n - 1] : NULL;

	/* The node's are the first group; a process's findings follow each other. */
	if (!process && *n)
		return &(*groups)[0];
	if (last && last->process == process)
		return last;
	last = MEM_PUSH(m, *groups, *n);
	*last = (struct format_group){ process, NULL, 0, CHECK_SKIP };
	return last;
}

struct format_group *format_group_findings(struct mem *m, const struct audit_result *result, size_t *ret_n)
{
	struct format_group *groups = NULL, *group;
	size_t n = 0;

	format_find_group(m, &groups, &n, NULL);
	for (size_t i = 0; i < result->n_findings; i++) {
		const struct finding *finding = &result->findings[i];

		group = format_find_group(m, &groups, &n, finding->process);
		*MEM_PUSH(m, group->findings, group->n) = finding;
		if (!finding->ignored && finding->status > group->worst)
			group->worst = finding->status;
	}
	*ret_n = n;
	return groups;
}

char *format_audit(struct mem *m, enum check_format format, const struct audit_report *report)
{
	static char *(*const writers[CHECK_FORMAT_COUNT])(struct mem * m, const struct audit_report *r) = {
		[CHECK_FORMAT_TEXT] = format_text,
		[CHECK_FORMAT_JSON] = format_json,
		[CHECK_FORMAT_JUNIT] = format_junit,
		[CHECK_FORMAT_TAP] = format_tap,
		[CHECK_FORMAT_PROMETHEUS] = format_prometheus,
		[CHECK_FORMAT_NAGIOS] = format_nagios,
	};

	return writers[format](m, report);
}

int format_exit_code(enum check_format format, const struct audit_result *result)
{
	if (format != CHECK_FORMAT_NAGIOS)
		return (int)result->exit_code;
	if (result->n_findings == 0)
		return 3;
	return result->worst == CHECK_FAIL    ? 2 :
	       result->worst == CHECK_WARN    ? 1 :
	       result->worst == CHECK_UNKNOWN ? 3 :
						0;
}
