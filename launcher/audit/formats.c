/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats share. */
#include "audit/formats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/text.h"

void format_append(struct format_buffer *b, const char *format, ...)
{
	va_list args;
	const char *text;
	size_t n;

	va_start(args, format);
	text = mem_vprintf(b->m, format, args);
	va_end(args);
	n = strlen(text);
	if (b->length + n + 1 > b->capacity) {
		char *bigger;

		b->capacity = 2 * (b->length + n + 1) + 1024;
		bigger = mem_alloc(b->m, b->capacity);
		if (b->length)
			memcpy(bigger, b->s, b->length);
		b->s = bigger;
	}
	memcpy(b->s + b->length, text, n + 1);
	b->length += n;
}

/* The length of the UTF-8 sequence at `s` and its character; 0: these bytes are none. */
static size_t format_decode(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
		   (s[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t c = n == 1 ? s[0] : n ? s[0] & (0xffU >> (n + 1)) : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Longer than it need be, half of a pair of UTF-16, beyond Unicode. */
	if (n == 0 || c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

/* What is seen as itself, and does nothing else. */
static bool format_is_plain(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} odd[] = {
		{ 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x180e, 0x180e },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfdd0, 0xfdef },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		if (c >= odd[i].first && c <= odd[i].last)
			return false;
	}
	return (c & 0xfffe) != 0xfffe;
}

char *format_clean(struct mem *m, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = mem_alloc(m, 4 * strlen(text) + 1), *o = out;

	while (*s) {
		uint32_t c = 0;
		size_t n = format_decode(s, &c);

		if (n && format_is_plain(c)) {
			o = (char *)memcpy(o, s, n) + n;
			s += n;
			continue;
		}
		for (n = n ? n : 1; n; n--)
			o += sprintf(o, "\\x%02x", *s++);
	}
	return out;
}

char *format_clean_short(struct mem *m, const char *text, size_t size)
{
	char *clean = format_clean(m, text);

	if (strlen(clean) <= size)
		return clean;
	/* Not in the middle of a character. */
	while (size && ((unsigned char)clean[size] & 0xc0) == 0x80)
		size--;
	return mem_printf(m, "%.*s...", (int)size, clean);
}

char *format_utf8(struct mem *m, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = mem_alloc(m, 3 * strlen(text) + 1), *o = out;

	while (*s) {
		uint32_t c = 0;
		size_t n = format_decode(s, &c);

		o = n ? (char *)memcpy(o, s, n) + n : (char *)memcpy(o, "\xef\xbf\xbd", 3) + 3;
		s += n ? n : 1;
	}
	return out;
}

const char *format_expected(const struct finding *finding)
{
	return finding->expected ? finding->expected : finding->check->expected;
}

const char *format_fix(const struct finding *finding)
{
	return finding->fix ? finding->fix : finding->check->fix;
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
	return strcmp(name, kernel) == 0 || (strlen(kernel) == FORMAT_COMM_MAX && text_starts_with(name, kernel) &&
					     strlen(name) <= FORMAT_NAME_MAX);
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
	return process ? mem_printf(m, "process %lld %s", (long long)process->pid,
				    format_process_name(m, process)) : "node";
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

struct format_group *format_group_findings(struct mem *m, const struct audit_result *result,
					   size_t *ret_n)
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
	static char *(*const writers[CHECK_FORMAT_COUNT])(struct mem *m, const struct audit_report *r) = {
		[CHECK_FORMAT_TEXT] = format_text,   [CHECK_FORMAT_JSON] = format_json,
		[CHECK_FORMAT_JUNIT] = format_junit, [CHECK_FORMAT_TAP] = format_tap,
		[CHECK_FORMAT_PROMETHEUS] = format_prometheus, [CHECK_FORMAT_NAGIOS] = format_nagios,
	};

	return writers[format](m, report);
}

int format_exit_code(enum check_format format, const struct audit_result *result)
{
	if (format != CHECK_FORMAT_NAGIOS)
		return result->exit_code;
	if (result->n_findings == 0)
		return 3;
	return result->worst == CHECK_FAIL ? 2 : result->worst == CHECK_WARN ? 1 :
	       result->worst == CHECK_UNKNOWN ? 3 : 0;
}
