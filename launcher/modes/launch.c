/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun -- COMMAND: detect, decide, apply, exec. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "apply/apply.h"
#include "apply/record.h"
#include "modes/modes.h"
#include "options/privileges.h"
#include "report/report.h"
#include "util/output.h"

struct launch {
	struct mem *m;
	struct options *options;
	struct facts facts;
	struct plan plan;
	struct record record;
	const char *not_started; /* why, for a record that could not be removed */
	char **environment;
	bool is_stripped; /* of what the preload and options steps had added */
};

static int launch_exec(struct launch *l);

static void launch_record(struct launch *l, int (*write)(struct launch *l, const char *text))
{
	int r;

	if (!l->record.path)
		return;
	r = write(l, report_plan_json(l->m, &l->facts, l->options, &l->plan, l->environment, l->not_started));
	/* By default a read-only /run is no news; a file that was asked for is. */
	if (r < 0 && (l->options->settings[KEY_RECORD].origin != ORIGIN_BUILT_IN || l->options->is_verbose))
		commands_complain(l->m, "no launch record: %s: %s", l->record.path,
				  r == -EEXIST    ? "not a regular file" :
				  r == -ETIMEDOUT ? "its file system does not answer" :
						    strerror(-r));
}

static int launch_publish(struct launch *l, const char *text)
{
	return record_publish(l->m, &l->record, text);
}

static int launch_amend(struct launch *l, const char *text)
{
	return record_amend(l->m, &l->record, text);
}

/* True when the plan gives up privileges that writing the record may need. */
static bool launch_gives_up_privileges(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		if (plan->operations[i].step >= STEP_USER && plan->operations[i].outcome == OUTCOME_PLANNED)
			return true;
	}
	return false;
}

static void launch_apply(struct launch *l)
{
	bool gives_up = launch_gives_up_privileges(&l->plan);

	apply_plan(l->m, &l->plan, STEP_AFFINITY, STEP_OPTIONS, &l->environment);
	if (gives_up) {
		launch_record(l, launch_publish);
		apply_plan(l->m, &l->plan, STEP_USER, STEP_NO_NEW_PRIVS, &l->environment);
	}
	launch_record(l, gives_up ? launch_amend : launch_publish);
}

/* The record of a start that is none goes, or, once the user is changed, says so. */
static void launch_abandon(struct launch *l, const char *reason)
{
	if (record_remove(l->m, &l->record) == 0)
		return;
	l->not_started = reason;
	launch_record(l, launch_amend);
}

static int launch_refuse(struct launch *l, const struct operation *blocker)
{
	const char *reason = report_blocker(l->m, blocker);

	launch_abandon(l, reason);
	commands_complain(l->m, "%s", reason);
	return EXIT_LAUNCHER;
}

/*
 * What we added was too much for exec; without it the command would have started.
 * Only what belongs to a changed user stays: another's HOME would be half a change.
 */
static int launch_exec_without_options(struct launch *l)
{
	const struct operation *blocker;

	l->environment = l->options->environment;
	for (size_t i = 0; i < l->plan.n_operations; i++) {
		struct operation *op = &l->plan.operations[i];

		if (op->outcome == OUTCOME_DONE && op->kind == OP_USER)
			apply_user_environment(l->m, op, &l->environment);
		if (op->outcome != OUTCOME_DONE || (op->kind != OP_ENVIRONMENT && op->kind != OP_CHILDREN))
			continue;
		op->outcome = OUTCOME_REFUSED;
		op->detail = "the environment has no room for it";
	}
	blocker = plan_find_blocker(&l->plan);
	if (blocker)
		return launch_refuse(l, blocker);
	l->is_stripped = true;
	launch_record(l, launch_amend);
	if (!l->options->is_quiet)
		output_say(STDERR_FILENO, report_warnings(l->m, &l->plan));
	return launch_exec(l);
}

/* As env(1): the search on PATH, and the shell for a script without "#!". */
static int launch_exec(struct launch *l)
{
	char **argv = l->options->argv;
	int error;

	execvpe(argv[0], l->options->program_argv, l->environment);
	error = errno;
	if (error == E2BIG && !l->is_stripped && l->environment != l->options->environment)
		return launch_exec_without_options(l);
	launch_abandon(l, strerror(error));
	commands_complain(l->m, "'%s': %s", argv[0], strerror(error));
	return commands_exec_status(error);
}

static struct options *launch_options;

/* No memory for a plan: the command starts as without us, unless something may not be missing. */
static void launch_without_memory(void)
{
	execvpe(launch_options->argv[0], launch_options->program_argv, launch_options->environment);
}

static bool launch_may_do_without(const struct options *options)
{
	for (int s = 0; s < STEP_COUNT; s++) {
		if (options->ladders[s].ladder == LADDER_REQUIRE && s < STEP_USER)
			return false;
	}
	return !options_gives_up(options);
}

int cmd_launch(struct mem *m, struct options *options)
{
	struct launch l = { .m = m, .options = options, .record = { .fd = -1 }, .environment = options->environment };
	const struct operation *blocker;

	if (options->is_off && !options_gives_up(options))
		return launch_exec(&l);
	launch_options = options;
	if (launch_may_do_without(options))
		mem_at_end(EXIT_LAUNCHER, launch_without_memory);
	commands_detect(m, options, &l.facts);
	/* As found, past shims: they would only start us once more. */
	if (l.facts.command.is_behind_shim && l.facts.command.error == 0)
		options->argv[0] = l.facts.command.path;
	commands_decide(m, options, false, &l.facts, &l.plan);
	blocker = plan_find_blocker(&l.plan);
	if (blocker)
		return launch_refuse(&l, blocker);
	l.record = record_prepare(m, options->settings[KEY_RECORD].text);
	launch_apply(&l);
	blocker = plan_find_blocker(&l.plan);
	if (blocker)
		return launch_refuse(&l, blocker);
	if (options->is_verbose)
		output_say(STDERR_FILENO,
			   report_explain(m, &l.facts, options, &l.plan, REPORT_APPLIED, isatty(STDERR_FILENO)));
	/*
	 * exec has the last word on what it can execute. Where it will most likely refuse,
	 * its own line is enough; where it knows better, all steps have been taken.
	 */
	else if (!options->is_quiet && !commands_command_status(&l.facts))
		output_say(STDERR_FILENO, report_warnings(m, &l.plan));
	return launch_exec(&l);
}
