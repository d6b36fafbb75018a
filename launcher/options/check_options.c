/* SPDX-License-Identifier: Apache-2.0 */
#include "options/check_options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "options/thresholds.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

const char *const check_format_names[CHECK_FORMAT_COUNT + 1] = {
	[CHECK_FORMAT_TEXT] = "text",
	[CHECK_FORMAT_JSON] = "json",
	[CHECK_FORMAT_JUNIT] = "junit",
	[CHECK_FORMAT_TAP] = "tap",
	[CHECK_FORMAT_PROMETHEUS] = "prometheus",
	[CHECK_FORMAT_NAGIOS] = "nagios",
};

const struct check_option_row check_option_rows[CHECK_OPTION_COUNT] = {
	[CHECK_OPTION_PID] = { "pid", "PID", "also this process and all below it" },
	[CHECK_OPTION_UNIT] = { "unit", "NAME", "also the processes of this systemd unit" },
	[CHECK_OPTION_CGROUP] = { "cgroup", "PATH", "also the processes of this cgroup" },
	[CHECK_OPTION_ALL] = { "all", NULL, "also all that allocrun has started" },
	[CHECK_OPTION_HERE] = { "here", NULL, "also the container that the check runs in" },
	[CHECK_OPTION_ONLY] = { "only", "ID,...", "these checks and no others" },
	[CHECK_OPTION_SKIP] = { "skip", "ID,...", "all but these" },
	[CHECK_OPTION_FAIL_ON] = { "fail-on", "LEVEL", "exit with 1 for warnings as well: warn; or fail (default)" },
	[CHECK_OPTION_ACCEPT_UNKNOWN] = { "accept-unknown", NULL, "exit with 0 instead of 3, as probes want it" },
	[CHECK_OPTION_OUTPUT] = { "output", "FILE", "instead of standard output; replaced as a whole" },
	[CHECK_OPTION_JOURNAL] = { "journal", NULL, "what is not well also to systemd's journal, with fields" },
	[CHECK_OPTION_WATCH] = { "watch", "SECONDS", "look at the processes for so long: what grows?" },
	[CHECK_OPTION_EVERY] = { "every", "SECONDS", "again and again, until it is told to end" },
	[CHECK_OPTION_TIMEOUT] = { "timeout", "SECONDS", "for looking at processes (default 30); the rest is unknown" },
	[CHECK_OPTION_LIST_CHECKS] = { "list-checks", NULL, "all checks, a line each" },
	[CHECK_OPTION_EXPLAIN_CHECK] = { "explain-check", "ID", "what one check is about, and how to repair it" },
	[CHECK_OPTION_CLASSES] = { "classes", NULL, "of --stat alone: small sizes one by one, and what they waste" },
};

static int check_options_select(struct mem *m, struct check_options *o, enum live_selector selector, const char *option,
				const char *text, const char **ret_error)
{
	if (o->selector != LIVE_NONE)
		return refuse(ret_error,
			      strcmp(o->selector_option, option) == 0 ?
				      mem_printf(m, "%s may be given once", option) :
				      mem_printf(m, "%s and %s exclude each other", o->selector_option, option));
	o->selector = selector;
	o->selector_option = option;
	o->selector_text = text;
	return 0;
}

static int check_options_set_pid(struct mem *m, struct check_options *o, const char *text, const char **ret_error)
{
	const char *end = text;
	int64_t pid = 0;

	if (!text_is_digits(text) || text_parse_i64(text, &pid, &end) < 0 || *end || pid < 1 || pid > INT_MAX)
		return refuse(ret_error, mem_printf(m, "--pid: bad value '%s' (a process ID)", text));
	return check_options_select(m, o, LIVE_PID, "--pid", text, ret_error);
}

/* A unit's name as systemd.unit(5) allows it; it becomes part of a path. */
static int check_options_set_unit(struct mem *m, struct check_options *o, const char *text, const char **ret_error)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";

	if (!*text || *text == '.' || strlen(text) > 255 || text[strspn(text, letters)])
		return refuse(ret_error,
			      mem_printf(m, "--unit: bad value '%s' (a unit's name, as in vllm.service)", text));
	return check_options_select(m, o, LIVE_UNIT, "--unit", text, ret_error);
}

static int check_options_set_cgroup(struct mem *m, struct check_options *o, const char *text, const char **ret_error)
{
	const char *padded = mem_printf(m, "/%s/", text);

	if (!*text || strstr(padded, "/../"))
		return refuse(ret_error,
			      mem_printf(m, "--cgroup: bad value '%s' (a path below the cgroup's mount, without ..)",
					 text));
	return check_options_select(m, o, LIVE_CGROUP, "--cgroup", text, ret_error);
}

static int check_options_add_ids(struct mem *m, const char ***list, size_t *n, const char *option, const char *text,
				 const char **ret_error)
{
	const char **ids = *list;
	size_t count = *n, length;

	for (;; text += length + 1) {
		length = strcspn(text, ",");
		if (length == 0)
			return refuse(ret_error, mem_printf(m, "%s: an id is empty", option));
		*MEM_PUSH(m, ids, count) = mem_strndup(m, text, length);
		if (!text[length])
			break;
	}
	*list = ids;
	*n = count;
	return 0;
}

static int check_options_set_level(struct mem *m, struct check_options *o, const char *text, const char **ret_error)
{
	static const char *const levels[] = { "warn", "fail", NULL };

	if (strcmp(text, "warn") != 0 && strcmp(text, "fail") != 0)
		return refuse(ret_error,
			      mem_printf(m, "--fail-on: bad value '%s'%s", text, nearest_hint(m, text, levels)));
	o->fails_on_warn = strcmp(text, "warn") == 0;
	return 0;
}

static int check_options_set_seconds(struct mem *m, const char *option, const char *text, int64_t most, int64_t *ret,
				     const char **ret_error)
{
	const char *end = text;
	int64_t seconds = 0;

	if (!text_is_digits(text) || text_parse_i64(text, &seconds, &end) < 0 || *end || seconds < 1 || seconds > most)
		return refuse(ret_error, mem_printf(m, "%s: bad value '%s' (seconds from 1 to %lld)", option, text,
						    (long long)most));
	*ret = seconds;
	return 0;
}

int check_options_set(struct mem *m, struct check_options *o, enum check_option option, const char *argument,
		      const char **ret_error)
{
	if (!o->first)
		o->first = mem_printf(m, "--%s", check_option_rows[option].name);
	switch (option) {
	case CHECK_OPTION_PID:
		return check_options_set_pid(m, o, argument, ret_error);
	case CHECK_OPTION_UNIT:
		return check_options_set_unit(m, o, argument, ret_error);
	case CHECK_OPTION_CGROUP:
		return check_options_set_cgroup(m, o, argument, ret_error);
	case CHECK_OPTION_ALL:
		return check_options_select(m, o, LIVE_ALL, "--all", NULL, ret_error);
	case CHECK_OPTION_HERE:
		return check_options_select(m, o, LIVE_HERE, "--here", NULL, ret_error);
	case CHECK_OPTION_ACCEPT_UNKNOWN:
		o->accepts_unknown = true;
		return 0;
	case CHECK_OPTION_ONLY:
		return check_options_add_ids(m, &o->only, &o->n_only, "--only", argument, ret_error);
	case CHECK_OPTION_SKIP:
		return check_options_add_ids(m, &o->skip, &o->n_skip, "--skip", argument, ret_error);
	case CHECK_OPTION_FAIL_ON:
		return check_options_set_level(m, o, argument, ret_error);
	case CHECK_OPTION_WATCH:
		return check_options_set_seconds(m, "--watch", argument, CHECK_WATCH_MAX, &o->watch_seconds, ret_error);
	case CHECK_OPTION_EVERY:
		return check_options_set_seconds(m, "--every", argument, CHECK_WATCH_MAX, &o->every_seconds, ret_error);
	case CHECK_OPTION_TIMEOUT:
		return check_options_set_seconds(m, "--timeout", argument, CHECK_TIMEOUT_MAX, &o->timeout_seconds,
						 ret_error);
	case CHECK_OPTION_JOURNAL:
		o->to_journal = true;
		return 0;
	case CHECK_OPTION_LIST_CHECKS:
		o->lists_checks = true;
		return 0;
	case CHECK_OPTION_EXPLAIN_CHECK:
		o->explained = argument;
		return 0;
	case CHECK_OPTION_CLASSES:
		o->has_classes = true;
		return 0;
	default: /* CHECK_OPTION_OUTPUT */
		o->output = argument;
		return *argument ? 0 : refuse(ret_error, "--output: the file's name is empty");
	}
}

const char *check_options_asked(struct mem *m, const struct check_options *o)
{
	static const char *const words[] = { [LIVE_NONE] = "",
					     [LIVE_PID] = "PID",
					     [LIVE_UNIT] = "unit",
					     [LIVE_CGROUP] = "cgroup",
					     [LIVE_ALL] = "all that allocrun started",
					     [LIVE_HERE] = "this container" };

	return o->selector_text ? mem_printf(m, "%s %s", words[o->selector], o->selector_text) : words[o->selector];
}

int check_options_set_format(struct mem *m, struct check_options *o, const char *name, const char **ret_error)
{
	o->format = CHECK_FORMAT_TEXT;
	for (int i = 0; name; i++) {
		if (i == CHECK_FORMAT_COUNT)
			return refuse(ret_error, mem_printf(m, "--format: bad value '%s'%s", name,
							    nearest_hint(m, name, check_format_names)));
		o->format = (enum check_format)i;
		if (strcmp(name, check_format_names[i]) == 0)
			break;
	}
	return 0;
}

int check_options_verify(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error)
{
	bool describes = o->lists_checks || o->explained;

	if (o->has_classes)
		return refuse(ret_error, "--classes goes with --stat");
	if (o->lists_checks && o->explained)
		return refuse(ret_error, "--list-checks and --explain-check exclude each other");
	if (describes && o->format > CHECK_FORMAT_JSON)
		return refuse(ret_error, mem_printf(m, "--format %s: --%s is printed as text or json",
						    check_format_names[o->format],
						    o->explained ? "explain-check" : "list-checks"));
	if (describes && o->every_seconds)
		return refuse(ret_error, "--every repeats an audit: without --list-checks and --explain-check");
	if (describes && o->to_journal)
		return refuse(ret_error, "--journal takes an audit: without --list-checks and --explain-check");
	if (o->watch_seconds && o->selector == LIVE_NONE)
		return refuse(ret_error, "--watch looks at processes: add --pid PID, --unit NAME, "
					 "--cgroup PATH, --all or --here");
	if (o->selector == LIVE_HERE && sysroot)
		return refuse(ret_error, "--here: the check is in no container of a captured machine (--sysroot)");
	if (o->watch_seconds && sysroot)
		return refuse(ret_error, "--watch: nothing grows on a captured machine (--sysroot)");
	return 0;
}

int check_options_verify_stat(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error)
{
	if (o->selector == LIVE_NONE)
		return refuse(ret_error,
			      "--stat: of which process? --stat PID, --unit NAME, --cgroup PATH, --all or --here");
	if (o->n_only || o->n_skip || o->fails_on_warn || o->accepts_unknown || o->every_seconds || o->lists_checks ||
	    o->explained || o->to_journal)
		return refuse(ret_error,
			      "--stat takes --pid, --unit, --cgroup, --all, --here, --watch, --classes, --format and "
			      "--output; the rest goes with --check");
	if (o->format != CHECK_FORMAT_TEXT && o->format != CHECK_FORMAT_JSON && o->format != CHECK_FORMAT_PROMETHEUS)
		return refuse(ret_error, mem_printf(m, "--format %s: --stat is printed as text, json or prometheus",
						    check_format_names[o->format]));
	return sysroot ? refuse(ret_error, "--stat: a captured machine (--sysroot) has no memory to read") : 0;
}

/* What only an audit, or a long look, has. */
static bool check_options_has_more(const struct check_options *o)
{
	return o->n_only || o->n_skip || o->fails_on_warn || o->accepts_unknown || o->watch_seconds ||
	       o->every_seconds || o->lists_checks || o->explained || o->has_classes || o->to_journal;
}

int check_options_verify_heap_profile(struct mem *m, const struct check_options *o, bool sysroot,
				      const char **ret_error)
{
	(void)m;
	if (o->selector != LIVE_PID)
		return refuse(ret_error, "--heap-profile: of which process? --heap-profile PID start, dump or stop");
	if (check_options_has_more(o))
		return refuse(ret_error,
			      "--heap-profile takes --pid, --timeout and --output; the rest goes with --check");
	return sysroot ? refuse(ret_error, "--heap-profile: a captured machine (--sysroot) has no process to ask") : 0;
}

int check_options_verify_purge(struct mem *m, const struct check_options *o, bool sysroot, const char **ret_error)
{
	if (o->selector == LIVE_NONE)
		return refuse(ret_error,
			      "--purge: of which process? --purge PID, --unit NAME, --cgroup PATH, --all or --here");
	if (check_options_has_more(o))
		return refuse(ret_error,
			      "--purge takes --pid, --unit, --cgroup, --all, --here, --timeout, --format and "
			      "--output; the rest goes with --check");
	if (o->format != CHECK_FORMAT_TEXT && o->format != CHECK_FORMAT_JSON)
		return refuse(ret_error, mem_printf(m, "--format %s: --purge is printed as text or json",
						    check_format_names[o->format]));
	return sysroot ? refuse(ret_error, "--purge: a captured machine (--sysroot) has no process to ask") : 0;
}
