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
#include "util/replace.h"

/* One look at the processes, for the watch as well. */
struct check_look {
	const struct root *root;
	struct live_request request;
	size_t n_looks;
};

/* "PID 4711", for the report. */
static const char *check_asked(struct mem *m, const struct live_request *request)
{
	static const char *const words[] = { [LIVE_NONE] = "",
					     [LIVE_PID] = "PID",
					     [LIVE_UNIT] = "unit",
					     [LIVE_CGROUP] = "cgroup",
					     [LIVE_ALL] = "all that allocrun started" };

	return request->text ? mem_printf(m, "%s %s", words[request->selector], request->text) :
			       words[request->selector];
}

static void check_look(void *user, struct mem *m, bool thorough, struct live_facts *ret)
{
	struct check_look *look = user;
	struct live_request request = look->request;

	/* Once: a program that never executes another would be waited for at each look. */
	request.awaits_exec = look->n_looks++ == 0;
	request.thorough = request.thorough && thorough;
	live_detect(look->root, m, &request, ret);
	if (!ret->asked)
		ret->asked = check_asked(m, &request);
}

/* `text` where it was asked for: 0, or EXIT_LAUNCHER with a complaint. */
static int check_write(struct mem *m, const struct options *o, const char *text)
{
	const char *path = o->check.output;
	int r;

	if (!path)
		return commands_print(m, text);
	r = replace_file(m, path, text);
	if (r == 0)
		return 0;
	commands_complain(m, "--output: '%s' cannot be written: %s", path,
			  r == -EEXIST ? "something that is no regular file has this name" : strerror(-r));
	return EXIT_LAUNCHER;
}

static int check_describe(struct mem *m, const struct options *o)
{
	const struct check *check = o->check.explained ? runner_find(checks, o->check.explained) : NULL;

	return check_write(m, o,
			   o->check.format == CHECK_FORMAT_JSON ? format_checks_json(m, checks, check) :
								  format_checks_text(m, checks, check));
}

/* One run: the facts of the node are there, those of processes come in. */
struct check_run {
	const struct options *options;
	const struct audit_request *request;
	struct audit_facts facts;
	struct check_look look;
	time_t start;
	bool has_color;
};

static void check_detect_live(struct mem *m, struct check_run *run, struct live_facts *ret,
			      struct live_samples *ret_samples)
{
	int64_t left = run->options->check.watch_seconds;
	struct watch_hooks hooks;

	if (!left) {
		check_look(&run->look, m, true, ret);
		return;
	}
	/* Begun anew where a process stood still, it does not last longer for that. */
	left -= time(NULL) - run->start;
	hooks = watch_hooks_live(&run->look, check_look);
	*ret_samples = watch_processes(m, &hooks, left > 0 ? left : 1, ret);
}

static int check_report(struct mem *m, void *user, const char **ret_text)
{
	struct check_run *run = user;
	const struct options *o = run->options;
	struct live_samples samples = { NULL, 0 };
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
	*ret_text = format_audit(m, o->check.format, &report);
	return format_exit_code(o->check.format, &result);
}

int cmd_check(struct mem *m, struct options *options)
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
	struct guard *guard = options->check.selector == LIVE_NONE || !options->root.live ?
				      NULL :
				      guard_new(GUARD_PATIENCE_MS);
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
			  0 },
		.start = time(NULL),
		.has_color = !options->check.output && isatty(STDOUT_FILENO),
	};
	const char *text, *error;
	int code;

	/* What could not be looked at is unknown. */
	mem_at_end(EXIT_CHECK_UNKNOWN, NULL);
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
	code = guard_run(guard, m, check_report, &run, &text);
	if (!*text) {
		commands_complain(m, "the audit's own process ended before it could tell what it found");
		return EXIT_LAUNCHER;
	}
	return check_write(m, options, text) == 0 ? code : EXIT_LAUNCHER;
}
