/* SPDX-License-Identifier: Apache-2.0 */
/* All origins in their order of precedence -> struct options. */
#include "options/read.h"

#include <fcntl.h>
#include <string.h>

#include "options/argv.h"
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
		{ KEY_RECORD, "auto" },
	};

	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		o->settings[defaults[i].key] = (struct setting){ defaults[i].text, ORIGIN_BUILT_IN, "built in" };
	for (int s = 0; s < STEP_COUNT; s++)
		o->ladders[s] = (struct ladder_setting){ step_default_ladder((enum step)s), ORIGIN_BUILT_IN,
							 "built in" };
}

/* A profile that may stand in the ignored policy file must not stop the server either. */
static int options_settle_profile(struct mem *m, struct options *o, const char **ret_error)
{
	const char *error;

	if (options_check_profile(m, o, &error) == 0)
		return 0;
	if (!o->policy_problem)
		return refuse(ret_error, error);
	*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(m, "%s; balanced is used, for the policy is ignored",
							      error);
	o->settings[KEY_PROFILE] = (struct setting){ "balanced", ORIGIN_BUILT_IN, "built in" };
	return 0;
}

static int options_merge(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	int r = policy_file_load(m, &o->root, o, ret_error);

	if (r < 0)
		return r;
	r = options_read_environment(m, o, ret_error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < line->n_assignments; i++) {
		const struct assignment *a = &line->assignments[i];

		r = options_assign(m, o, a->key, a->text, ORIGIN_COMMAND_LINE, mem_printf(m, "--%s", key_name(a->key)),
				   ret_error);
		if (r < 0)
			return r;
	}
	options_warn_variables(m, o);
	return options_settle_profile(m, o, ret_error);
}

/* What the modes that look at a machine need: its root, and all settings. */
static int options_complete(struct mem *m, struct options *o, const struct command_line *line, const char **ret_error)
{
	const char *policy = environment_get((const char *const *)o->environment, "ALLOCRUN_POLICY");
	int r;

	if (!o->policy && policy && *policy)
		o->policy = policy;
	r = root_open(o->sysroot, &o->root);
	if (r < 0)
		return refuse(ret_error, mem_printf(m, "--sysroot: cannot open '%s': %s", o->sysroot, strerror(-r)));
	r = options_merge(m, o, line, ret_error);
	if (r < 0)
		root_close(&o->root);
	return r;
}

int options_parse(struct mem *m, int argc, char **argv, char **environment, const char *const *check_ids,
		  struct options *ret, const char **ret_error)
{
	struct options o = { .environment = environment,
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
	if (option_modes[o.mode].reads_machine && !(o.is_off && option_modes[o.mode].heeds_off)) {
		r = options_complete(m, &o, &line, ret_error);
		if (r < 0)
			return r;
	}
	*ret = o;
	return 0;
}
