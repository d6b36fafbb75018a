/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --tune: [node] of the policy against this node; what differs is written. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "modes/modes.h"
#include "tune/tuning.h"
#include "util/output.h"

/* A value did not take, or what was done could not be told or noted. */
#define EXIT_NOT_TAKEN 1
/* For another --tune: one that takes pages from a full node is done by then. */
#define LOCK_WAIT_S 60
#define STATE_PATH TUNE_STATE_FOLDER "/" TUNE_STATE_FILE
#define LOCK_PATH TUNE_STATE_FOLDER "/" TUNE_LOCK_FILE

/* One run; the lock is held from before the files are read. */
struct tuning {
	const struct options *options;
	int lock_error; /* -errno: nothing can be written; 0 */
	struct tune_facts facts;
	struct tune_state before, state;
	struct tune_plan plan;
};

static void tuning_unlock(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static bool tune_has_written(const struct tune_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->writes[i].is_written || plan->writes[i].outcome == TUNE_RESTORED)
			return true;
	}
	return false;
}

static int tune_print(struct mem *m, const struct tuning *t, enum tune_mode mode, int code)
{
	const struct options *o = t->options;
	bool has_written = tune_has_written(&t->plan);
	const struct tune_report report = {
		.mode = mode,
		.is_dry = o->tune.is_dry,
		.is_quiet = o->is_quiet,
		.is_verbose = o->is_verbose,
		.policy_files = o->policy_files,
		.n_policy_files = o->n_policy_files,
		.plan = &t->plan,
		.exit_code = code,
	};
	int r = output_write(STDOUT_FILENO, o->is_json ? tune_report_json(m, &report) : tune_report_text(m, &report));

	if (r == 0)
		return code;
	commands_complain(m, "standard output cannot be written to: %s; %s", strerror(-r),
			  has_written ? "values were written all the same (--dry-run says what is left to do)" :
					"nothing was changed");
	return has_written || code == EXIT_NOT_TAKEN ? EXIT_NOT_TAKEN : EXIT_LAUNCHER;
}

/* The first that cannot be had, for the line on stderr. */
static int tune_refuse_impossible(struct mem *m, struct tuning *t, enum tune_mode mode)
{
	for (size_t i = 0; i < t->plan.n; i++) {
		const struct tune_write *w = &t->plan.writes[i];

		if (w->outcome != TUNE_IMPOSSIBLE)
			continue;
		commands_complain(m, "%s: %s: %s; nothing was changed", w->where, w->key, w->detail);
		return tune_print(m, t, mode, EXIT_LAUNCHER);
	}
	return 0;
}

static int tune_refuse_write(struct mem *m, const struct tune_write *w, int error)
{
	const char *path = w->path;

	if (error == -ENOENT || error == -ENODEV)
		commands_complain(m, "%s: %s (%s); nothing was changed", w->key, tune_explain_error(m, w, error), path);
	else if (error == -EROFS)
		commands_complain(m,
				  "%s is mounted read-only, as in a container: --tune belongs on the host; nothing "
				  "was changed",
				  strncmp(path, "/proc", 5) == 0 ? "/proc/sys" : "/sys");
	else if (error == -EACCES || error == -EPERM)
		commands_complain(m, "%s: %s: --tune needs root on the host (--dry-run does not); nothing was changed",
				  path, strerror(-error));
	else
		commands_complain(m, "%s: %s; nothing was changed", path, strerror(-error));
	return EXIT_LAUNCHER;
}

static int tune_refuse_state(struct mem *m, int error)
{
	commands_complain(m,
			  STATE_PATH " cannot be written: %s; --revert would not know what was there, so nothing "
				     "was changed",
			  strerror(-error));
	return EXIT_LAUNCHER;
}

/* 0, or the exit code where another one does not give it back; see lock_error for the rest. */
static int tune_lock(struct mem *m, struct tuning *t, int *ret)
{
	int fd = tune_state_lock(TUNE_STATE_FOLDER, 0);

	if (fd == -EWOULDBLOCK) {
		commands_complain(m, "another --tune is at work; waiting for it");
		fd = tune_state_lock(TUNE_STATE_FOLDER, LOCK_WAIT_S * 1000);
	}
	if (fd == -EWOULDBLOCK) {
		commands_complain(m,
				  LOCK_PATH " is still locked after %d s (fuser " LOCK_PATH
					    " says by whom); nothing was "
					    "changed",
				  LOCK_WAIT_S);
		return EXIT_LAUNCHER;
	}
	/* Where nothing needs to be written, nothing needs to be locked. */
	t->lock_error = fd < 0 ? fd : 0;
	*ret = fd;
	return 0;
}

/* Before the first write: 0, or the exit code. */
static int tune_refuse_unwritable(struct mem *m, const struct tuning *t)
{
	const struct tune_write *w;
	int r = tune_probe(&t->options->root, &t->plan, &w);

	if (r < 0)
		return tune_refuse_write(m, w, r);
	return t->lock_error ? tune_refuse_state(m, t->lock_error) : 0;
}

/* What an earlier tune of this boot has left; one of another boot counts as none. */
static int tune_read_state(struct mem *m, struct tuning *t, bool *ret_other_boot)
{
	const char *problem;
	int r = tune_state_read(&t->options->root, m, &t->before, &problem);

	*ret_other_boot = false;
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		commands_complain(m,
				  STATE_PATH ": %s; nothing was changed (remove the file, and --tune starts anew: "
					     "--revert then leads back to what is there now)",
				  problem);
		return EXIT_LAUNCHER;
	}
	/* The kernel's values end with the boot: what was found before says nothing now. */
	if (strcmp(t->before.boot_id, t->facts.boot_id ? t->facts.boot_id : "") != 0) {
		*ret_other_boot = true;
		memset(&t->before, 0, sizeof t->before);
	}
	return 0;
}

static int tune_finish(struct mem *m, struct tuning *t)
{
	int r;

	/* Only what has changed is worth reverting. */
	if (tune_count(&t->plan, TUNE_FAILED) + tune_count(&t->plan, TUNE_RESTORED)) {
		tune_state_settle(m, &t->state, &t->before, &t->plan);
		r = tune_state_write(m, TUNE_STATE_FOLDER, &t->state);
		if (r < 0)
			commands_complain(m, STATE_PATH " cannot be written again: %s", strerror(-r));
	}
	return tune_print(m, t, TUNE_WRITE, tune_count(&t->plan, TUNE_FAILED) ? EXIT_NOT_TAKEN : 0);
}

static int tune_write(struct mem *m, struct tuning *t)
{
	const struct options *o = t->options;
	bool other_boot;
	int r;

	tune_decide(m, &t->facts, &o->node_policy, &t->plan);
	r = tune_refuse_impossible(m, t, TUNE_WRITE);
	if (r)
		return r;
	if (!tune_count(&t->plan, TUNE_PLANNED))
		return tune_print(m, t, TUNE_WRITE, 0);
	r = tune_refuse_unwritable(m, t);
	r = r ? r : tune_read_state(m, t, &other_boot);
	if (r)
		return r;
	/* Before the first write: one that is killed can be reverted as well. */
	t->state = (struct tune_state){ .boot_id = t->facts.boot_id };
	for (size_t i = 0; i < t->before.n_saved; i++)
		*MEM_PUSH(m, t->state.saved, t->state.n_saved) = t->before.saved[i];
	tune_state_add(m, &t->state, &t->plan);
	r = tune_state_write(m, TUNE_STATE_FOLDER, &t->state);
	if (r < 0)
		return tune_refuse_state(m, r);
	tune_apply(&o->root, m, &t->plan, o->tune.is_atomic || o->node_policy.is_atomic, false);
	return tune_finish(m, t);
}

/* What could not be put back stays in the state, and what is not there to be looked at. */
static int tune_keep_rest(struct mem *m, struct tuning *t)
{
	struct tune_state rest = { .boot_id = t->before.boot_id };

	for (size_t i = t->plan.n; i-- > 0;) {
		const struct tune_write *w = &t->plan.writes[i];

		if (w->outcome == TUNE_FAILED || !w->from)
			*MEM_PUSH(m, rest.saved, rest.n_saved) = (struct tune_saved){ w->path, w->to };
	}
	return tune_state_write(m, TUNE_STATE_FOLDER, &rest);
}

static int tune_revert(struct mem *m, struct tuning *t)
{
	const struct options *o = t->options;
	bool other_boot;
	int r = tune_read_state(m, t, &other_boot), code;

	if (r)
		return r;
	if (other_boot && !o->is_quiet)
		commands_complain(m, "what --tune found was found before the last boot or on another machine: that "
				     "boot has reverted it");
	tune_detect_saved(&o->root, m, t->before.saved, t->before.n_saved, &t->facts);
	tune_state_plan(m, &t->facts, &t->before, &t->plan);
	if (!o->tune.is_dry && tune_count(&t->plan, TUNE_PLANNED)) {
		r = tune_refuse_unwritable(m, t);
		if (r)
			return r;
		tune_apply(&o->root, m, &t->plan, false, true);
	}
	code = tune_count(&t->plan, TUNE_FAILED) ? EXIT_NOT_TAKEN : 0;
	if (!o->tune.is_dry && !t->lock_error && (r = tune_keep_rest(m, t)) < 0) {
		commands_complain(m,
				  STATE_PATH " cannot be written: %s; another --revert would begin with what it says "
					     "now",
				  strerror(-r));
		code = EXIT_NOT_TAKEN;
	}
	return tune_print(m, t, TUNE_REVERT, code);
}

static int tune_dry_run(struct mem *m, struct tuning *t)
{
	int r;

	tune_decide(m, &t->facts, &t->options->node_policy, &t->plan);
	r = tune_refuse_impossible(m, t, TUNE_DRY_RUN);
	return r ? r : tune_print(m, t, TUNE_DRY_RUN, 0);
}

int cmd_tune(struct mem *m, struct options *options)
{
	__attribute__((cleanup(tuning_unlock))) int lock = -1;
	struct tuning t = { .options = options };
	int r;

	/* Half a policy, or none, is not what this node was to be set to. */
	if (options->policy_problem && !options->tune.is_revert) {
		commands_complain(m, "%s; nothing was changed", options->policy_problem);
		return EXIT_LAUNCHER;
	}
	if (!options->tune.is_dry && (options->tune.is_revert || options->node_policy.n)) {
		r = tune_lock(m, &t, &lock);
		if (r)
			return r;
	}
	tune_detect(&options->root, m, &t.facts);
	if (options->tune.is_revert)
		return tune_revert(m, &t);
	return options->tune.is_dry ? tune_dry_run(m, &t) : tune_write(m, &t);
}
