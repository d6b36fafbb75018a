/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --check: facts of the node and of running processes -> findings -> a report. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/formats/formats.h"
#include "audit/runner.h"
#include "decide/policy.h"
#include "detect/node.h"
#include "live/guard.h"
#include "live/live.h"
#include "live/watch.h"
#include "modes/modes.h"
#include "util/clock.h"
#include "util/journal.h"
#include "util/output.h"
#include "util/replace.h"

/*
 * What is found of processes, 4 to 8 KiB for each and what hostile ones add to it. With what the audit
 * needs besides it stays below 64 MiB; --watch has two looks in hand.
 */
#define CHECK_MEMORY (28 << 20)
#define CHECK_LOOK_MEMORY (512 << 10)

/* One look at the processes, for the watch as well. */
struct check_look {
	const struct root *root;
	struct live_request request;
	const struct check_options *options;
	size_t n_looks;
};

static void check_look(void *user, struct mem *m, bool thorough, struct live_facts *ret)
{
	struct check_look *look = user;
	struct live_request request = look->request;

	/* Once: a program that never executes another would be waited for at each look. */
	request.awaits_exec = look->n_looks++ == 0;
	request.thorough = request.thorough && thorough;
	live_detect(look->root, m, &request, ret);
	if (!ret->asked)
		ret->asked = check_options_asked(m, look->options);
}

/* `r`: what writing to --output came to. 0, or EXIT_LAUNCHER with a complaint. */
static int check_end_output(struct mem *m, const char *path, int r)
{
	if (r == 0)
		return 0;
	commands_complain(m, "--output: '%s' cannot be written: %s", path,
			  r == -EEXIST ? "something that is no regular file has this name" : strerror(-r));
	return EXIT_LAUNCHER;
}

/* `text` where it was asked for: 0, or EXIT_LAUNCHER with a complaint. */
int commands_write(struct mem *m, const struct options *o, const char *text)
{
	const char *path = o->check.output;

	return path ? check_end_output(m, path, replace_file(m, path, text)) : commands_print(m, text);
}

static int check_write_piece(void *user, const char *text)
{
	return output_write(*(const int *)user, text);
}

/* The report, piece by piece: 0, or EXIT_LAUNCHER with a complaint. */
static int check_write_report(struct mem *m, const struct options *o, const struct audit_report *report)
{
	struct replacement replacement = { NULL, NULL, STDOUT_FILENO };
	struct format_sink sink = { check_write_piece, &replacement.fd, 0, MEM_INIT };
	struct audit_report to_sink = *report;
	const char *path = o->check.output;
	int r = path ? replace_begin(m, path, &replacement) : 0;

	if (r < 0)
		return check_end_output(m, path, r);
	to_sink.sink = &sink;
	r = format_finish(&sink, format_audit(m, o->check.format, &to_sink));
	if (path)
		return check_end_output(m, path, replace_end(&replacement, r));
	return r < 0 ? commands_cannot_print(m, r) : 0;
}

static int check_describe(struct mem *m, const struct options *o)
{
	const struct check *check = o->check.explained ? runner_find(checks, o->check.explained) : NULL;

	return commands_write(m, o,
			      o->check.format == CHECK_FORMAT_JSON ? format_checks_json(m, checks, check) :
								     format_checks_text(m, checks, check));
}

/* One run: the facts of the node are there, those of processes come in. */
struct check_run {
	const struct options *options;
	const struct audit_request *request;
	struct audit_facts facts;
	struct check_look look;
	bool has_color;
};

static void check_detect_live(struct mem *m, struct check_run *run, struct live_facts *ret,
			      struct live_samples *ret_samples)
{
	int64_t seconds = run->options->check.watch_seconds;
	struct watch_hooks hooks;

	if (!seconds) {
		check_look(&run->look, m, true, ret);
		return;
	}
	hooks = watch_hooks_live(&run->look, check_look);
	*ret_samples = watch_processes(m, &hooks, seconds, ret);
}

/* A process that stands for thousands fills no journal. */
#define CHECK_JOURNAL_MAX 256

/* All that is not well, and the sum. -errno: nobody listens. */
static int check_write_journal(struct mem *m, const struct audit_report *report)
{
	const struct audit_result *result = report->result;
	int r = journal_send(format_journal_summary(m, report));
	size_t n = 0;

	for (size_t i = 0; r == 0 && i < result->n_findings && n < CHECK_JOURNAL_MAX; i++) {
		const struct finding *finding = &result->findings[i];

		if (finding->status < CHECK_UNKNOWN || finding->ignored)
			continue;
		r = journal_send(format_journal_finding(m, finding));
		n++;
	}
	return r;
}

/* Looks at the processes, judges and reports: the exit code. */
static int check_report(struct mem *m, struct check_run *run)
{
	const struct options *o = run->options;
	struct live_samples samples = { NULL, 0 };
	int code;
	struct audit_result result;
	struct live_facts live;
	struct audit_report report = {
		.request = run->request,
		.facts = &run->facts,
		.result = &result,
		.has_color = run->has_color,
		.is_quiet = o->is_quiet,
		.is_verbose = o->is_verbose,
	};

	if (o->check.selector != LIVE_NONE) {
		check_detect_live(m, run, &live, &samples);
		run->facts.live = &live;
	}
	if (samples.n)
		run->facts.samples = &samples;
	audit_run(m, run->request, &run->facts, &result);
	if (check_write_report(m, o, &report) != 0)
		return EXIT_LAUNCHER;
	code = o->check.to_journal ? check_write_journal(m, &report) : 0;
	if (code < 0) {
		commands_complain(m, "--journal: systemd's journal does not take it: %s", strerror(-code));
		return EXIT_LAUNCHER;
	}
	code = format_exit_code(o->check.format, &result);
	return code == AUDIT_EXIT_UNKNOWN && o->check.accepts_unknown ? AUDIT_EXIT_FINE : code;
}

int64_t commands_timeout_seconds(const struct options *o)
{
	const struct thresholds thresholds = check_policy_thresholds(&o->check_policy);

	return o->check.timeout_seconds ? o->check.timeout_seconds : thresholds.values[THRESHOLD_TIMEOUT];
}

/* From now on. NULL: nobody is looked at, or no running process. */
struct guard *commands_new_guard(struct mem *m, const struct options *o)
{
	const struct check_options *c = &o->check;
	int64_t seconds = commands_timeout_seconds(o);
	const struct guard_budget budget = {
		.patience_ms = GUARD_PATIENCE_MS,
		.slice_ms = GUARD_SLICE_MS,
		.timeout_ms = 1000 * seconds,
		.end_ms = clock_now_ms() + 1000 * (c->watch_seconds + seconds),
		.memory = c->watch_seconds ? CHECK_MEMORY / 2 : CHECK_MEMORY,
		.look_memory = CHECK_LOOK_MEMORY,
	};

	return c->selector == LIVE_NONE || !o->root.live ? NULL : guard_new(m, &budget);
}

static int check_once(struct mem *m, struct options *options)
{
	struct audit_request request = {
		.selection = runner_select(m, checks, &options->check),
		.policy = &options->check_policy,
		.policy_problem = options->policy_problem,
		.policy_files = options->policy_files,
		.n_policy_files = options->n_policy_files,
		.fail_on = options->check.fails_on_warn ? CHECK_WARN : CHECK_FAIL,
		.now = time(NULL),
	};
	unsigned int needs = runner_collect_needs(&request.selection);
	struct guard *guard = commands_new_guard(m, options);
	struct node_facts node = { 0 };
	struct facts machine;
	struct plan plan;
	struct check_run run = {
		.options = options,
		.request = &request,
		.facts = { .machine = &machine, .node = &node, .options = options, .plan = &plan },
		.look = { &options->root,
			  { options->check.selector, options->check.selector_text, &machine.catalog, guard, true,
			    needs & NEEDS_THOROUGH },
			  &options->check,
			  0 },
		.has_color = !options->check.output && isatty(STDOUT_FILENO),
	};
	const char *error;

	/* What could not be looked at is unknown. */
	mem_at_end(AUDIT_EXIT_UNKNOWN, NULL);
	if (runner_verify(m, checks, &options->check, &error) < 0) {
		commands_complain(m, "%s", error);
		return EXIT_LAUNCHER;
	}
	if (options->check.lists_checks || options->check.explained)
		return check_describe(m, options);
	commands_detect_parts(m, options, needs & NEEDS_MACHINE, needs & NEEDS_BUILDS, &machine);
	policy_decide(m, &machine, options, &plan);
	if (needs & NEEDS_NODE)
		node_detect(&options->root, m, &machine, &node);
	return check_report(m, &run);
}

int cmd_check(struct mem *m, struct options *options)
{
	int64_t seconds = options->check.every_seconds;

	return seconds ? commands_repeat(m, options, seconds, check_once) : check_once(m, options);
}
