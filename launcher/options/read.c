/* SPDX-License-Identifier: Apache-2.0 */
/* All origins in their order of precedence -> struct options. */
#include "options/read.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>

#include "known/inheritance.h"
#include "options/argv.h"
#include "options/privileges.h"
#include "options/profiles.h"
#include "util/environment.h"
#include "util/refuse.h"

static void options_set_defaults(struct options *o)
{
	static const struct {
		enum key key;
		const char *text;
	} defaults[] = {
		{ KEY_PROFILE, "balanced" }, { KEY_NUMA_STRICT, "no" },        { KEY_MEMLOCK, "hard" },
		{ KEY_CORE, "inherit" },     { KEY_OOM_SCORE_ADJ, "inherit" }, { KEY_NO_NEW_PRIVS, "no" },
		{ KEY_RECORD, "auto" },      { KEY_CHILDREN, CHILDREN_KEEP },
	};

	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		o->settings[defaults[i].key] = (struct setting){ defaults[i].text, ORIGIN_BUILT_IN, "built in" };
	for (int s = 0; s < STEP_COUNT; s++)
		o->ladders[s] = (struct ladder_setting){ step_default_ladder((enum step)s), ORIGIN_BUILT_IN,
							 "built in" };
}

/* A profile that may stand in the ignored policy file, or that a variable misspells, must not stop the server. */
static int options_settle_profile(struct mem *m, struct options *o, const char **ret_error)
{
	const char *error;

	if (options_check_profile(m, o, &error) == 0)
		return 0;
	if (!o->policy_problem && o->settings[KEY_PROFILE].origin != ORIGIN_ENVIRONMENT)
		return refuse(ret_error, error);
	*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(m, "%s; balanced is used%s", error,
							      o->policy_problem ? ", for the policy is ignored" : "");
	o->settings[KEY_PROFILE] = (struct setting){ "balanced", ORIGIN_BUILT_IN, "built in" };
	return 0;
}

/* Variables and argv; with ALLOCRUN=off what gives up privileges alone. */
static int options_assign_all(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = options_read_environment(m, o, ret_error);

	for (size_t i = 0; r == 0 && i < line->n_assignments; i++) {
		const struct assignment *a = &line->assignments[i];

		if (o->is_off && !options_is_privilege(a->key))
			continue;
		r = options_assign(m, o, a->key, a->text, ORIGIN_COMMAND_LINE, mem_printf(m, "--%s", key_name(a->key)),
				   ret_error);
	}
	return r;
}

static int options_merge(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = policy_file_load(m, &o->root, o, ret_error);

	if (r == 0)
		r = options_assign_all(m, o, line, ret_error);
	if (r < 0)
		return r;
	options_settle_privileges(m, o);
	options_warn_variables(m, o);
	return options_settle_profile(m, o, ret_error);
}

/*
 * ALLOCRUN=off: whatever is broken is not looked at, a policy file included; but what asks to give up
 * privileges holds, and where that is what is broken there is no start with them.
 */
static int options_merge_off(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	struct options read = *o;
	const char *ignored;
	int r;

	if (policy_file_load(m, &read.root, &read, &ignored) < 0)
		read = *o;
	r = options_assign_all(m, &read, line, ret_error);
	if (r < 0)
		return r;
	options_settle_privileges(m, &read);
	options_take_privileges(&read, o);
	return 0;
}

/* What the modes that look at a machine need: its root, and all settings. */
static int options_complete(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	const char *policy = environment_get(o->variables, "ALLOCRUN_POLICY");
	bool is_off = o->is_off && option_modes[o->mode].heeds_off;
	int r;

	if (!o->policy && policy && *policy) {
		o->policy = policy;
		o->is_policy_variable = true;
	}
	r = root_open(is_off ? NULL : o->sysroot, &o->root);
	if (r < 0)
		return refuse(ret_error, mem_printf(m, "--sysroot: cannot open '%s': %s", o->sysroot, strerror(-r)));
	r = is_off ? options_merge_off(m, o, line, ret_error) : options_merge(m, o, line, ret_error);
	if (r < 0)
		root_close(&o->root);
	return r;
}

/* allocrun below allocrun: what the outer one has set is no wish of anybody's. */
static char **options_forget_launch(struct mem *m, char **environment)
{
	struct inheritance above;
	char **clean, *preload;

	inheritance_read(environment, &above);
	if (!above.children)
		return environment;
	clean = mem_alloc(m, (above.n + 1) * sizeof *clean);
	preload = mem_printf(m, "LD_PRELOAD=%s", above.preload ? above.preload : "");
	inheritance_undo(&above, environment, clean, preload);
	return clean;
}

int options_parse(struct mem *m, int argc, char **argv, char **environment, const char *const *check_ids,
		  struct options *ret, const char **ret_error)
{
	static const char *const none[] = { NULL };
	/* Below a setuid program, or one with capabilities, they are the caller's, who may not say what root does. */
	bool is_secure = getauxval(AT_SECURE);
	char **own = options_forget_launch(m, environment);
	struct options o = { .environment = own,
			     .variables = is_secure ? none : (const char *const *)own,
			     .check_ids = check_ids,
			     .root = { .fd = AT_FDCWD, .live = true } };
	struct command_line line = { NULL, 0, false, NULL, NULL };
	int r;

	options_set_defaults(&o);
	o.is_off = options_read_switch(m, &o);
	r = options_read_argv(m, argc, argv, &o, &line, ret_error);
	if (r < 0)
		return r;
	r = options_settle_mode(m, &o, &line, ret_error);
	if (r < 0)
		return r;
	if (is_secure)
		options_warn_secure(m, &o);
	if (option_modes[o.mode].reads_machine) {
		r = options_complete(m, &o, &line, ret_error);
		if (r < 0)
			return r;
	}
	*ret = o;
	return 0;
}
