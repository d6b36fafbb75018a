/* SPDX-License-Identifier: Apache-2.0 */
#include "options/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "audit/runner.h"
#include "util/environment.h"
#include "options/argv.h"
#include "options/profiles.h"
#include "util/nearest.h"

#define VARIABLE_PREFIX "ALLOCRUN_"

static int options_refuse(const char **ret_error, const char *line)
{
	*ret_error = line;
	return -EINVAL;
}

static void options_set_ladders(struct mem *m, struct options *o, enum key key, const char *text,
				enum origin origin, const char *where)
{
	enum ladder ladder = key == KEY_REQUIRE ? LADDER_REQUIRE :
			     key == KEY_PREFER  ? LADDER_PREFER : LADDER_OFF;

	for (size_t n; *text; text += n + (text[n] == ',')) {
		n = strcspn(text, ",");
		for (int s = 0; s < STEP_COUNT; s++) {
			if (strcmp(mem_strndup(m, text, n), step_names[s]) == 0)
				o->ladders[s] = (struct ladder_setting){ ladder, origin, where };
		}
	}
}

int options_assign(struct mem *m, struct options *o, enum key key, const char *text,
		   enum origin origin, const char *where, const char **ret_error)
{
	struct setting *setting = &o->settings[key];
	const char *error;

	if (key_check_value(m, key, text, &error) < 0) {
		*ret_error = mem_printf(m, "%s: bad value '%s' for %s %s", where, text,
					key_name(key), error);
		return -EINVAL;
	}
	if (key == KEY_REQUIRE || key == KEY_PREFER || key == KEY_OFF)
		options_set_ladders(m, o, key, text, origin, where);
	if (key >= KEY_CONF && key <= KEY_GLIBC) {
		struct setting *conf = &o->confs[key - KEY_CONF][origin];

		/* --conf a:1 --conf b:2 is --conf a:1,b:2 */
		*conf = (struct setting){ conf->text ? mem_printf(m, "%s,%s", conf->text, text) : text,
					  origin, where };
		text = conf->text;
	}
	*setting = (struct setting){ text, origin, where };
	return 0;
}

static void options_set_defaults(struct options *o)
{
	static const struct {
		enum key key;
		const char *text;
	} defaults[] = {
		{ KEY_PROFILE, "balanced" }, { KEY_NUMA_STRICT, "no" }, { KEY_MEMLOCK, "hard" },
		{ KEY_CORE, "inherit" },     { KEY_OOM_SCORE_ADJ, "inherit" },
		{ KEY_NO_NEW_PRIVS, "no" },  { KEY_RECORD, "auto" },
	};

	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		o->settings[defaults[i].key] =
			(struct setting){ defaults[i].text, ORIGIN_BUILT_IN, "built in" };
	for (int s = 0; s < STEP_COUNT; s++)
		o->ladders[s] = (struct ladder_setting){ step_default_ladder((enum step)s),
							 ORIGIN_BUILT_IN, "built in" };
}

/* ALLOCRUN_NUMA_STRICT for "numa-strict". */
static char *options_variable(struct mem *m, const char *name)
{
	char *variable = mem_printf(m, VARIABLE_PREFIX "%s", name);

	for (char *c = variable; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return variable;
}

static int options_read_environment(struct mem *m, struct options *o, const char **ret_error)
{
	const char *const *environment = (const char *const *)o->environment;

	for (int k = 0; k < KEY_COUNT; k++) {
		const char *variable = options_variable(m, key_name((enum key)k));
		const char *text = environment_get(environment, variable);
		int r;

		/* Set but empty is how a Compose file or a unit says "not set". */
		if (!text || !*text)
			continue;
		r = options_assign(m, o, (enum key)k, text, ORIGIN_ENVIRONMENT, variable, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A misspelt variable changes nothing and looks as if it did: say so. Kubernetes
 * sets ALLOCRUN_PORT_… for a service of our name; those are nobody's typo.
 */
static void options_warn_variables(struct mem *m, struct options *o)
{
	const size_t prefix = strlen(VARIABLE_PREFIX);
	const char *names[KEY_COUNT + 2] = { NULL };

	for (int k = 0; k < KEY_COUNT; k++)
		names[k] = options_variable(m, key_name((enum key)k)) + prefix;
	names[KEY_COUNT] = "POLICY";
	for (char **e = o->environment; *e; e++) {
		const char *name = mem_strndup(m, *e, strcspn(*e, "="));
		const char *near;

		if (strncmp(name, VARIABLE_PREFIX, prefix) != 0)
			continue;
		near = nearest_name(name + prefix, names);
		if (near && strcmp(near, name + prefix) != 0)
			*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(
				m, "%s means nothing to allocrun (did you mean " VARIABLE_PREFIX "%s?)",
				name, near);
	}
}

bool options_switch_off(const char *const *environment)
{
	static const char *const off[] = { "off", "no", "false", "0" };
	const char *value = environment_get(environment, "ALLOCRUN");

	for (size_t i = 0; value && i < sizeof off / sizeof *off; i++) {
		if (strcasecmp(value, off[i]) == 0)
			return true;
	}
	return false;
}

static bool options_read_switch(struct mem *m, struct options *o)
{
	const char *value = environment_get((const char *const *)o->environment, "ALLOCRUN");

	if (options_switch_off((const char *const *)o->environment))
		return true;
	if (value && *value && strcasecmp(value, "on") != 0)
		*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(
			m, "ALLOCRUN=%s means nothing (ALLOCRUN=off switches allocrun off)", value);
	return false;
}

struct profile_section *options_find_section(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->n_profiles; i++) {
		if (strcmp(o->profiles[i].name, name) == 0)
			return &o->profiles[i];
	}
	return NULL;
}

int options_check_profile(struct mem *m, const struct options *o, const char **ret_error)
{
	const struct setting *s = &o->settings[KEY_PROFILE];
	const char **names = NULL;
	size_t n = 0;

	if (!s->text || profile_find(s->text) || options_find_section(o, s->text))
		return 0;
	for (const char *const *p = profile_names(); *p; p++)
		*MEM_PUSH(m, names, n) = *p;
	for (size_t i = 0; i < o->n_profiles; i++)
		*MEM_PUSH(m, names, n) = o->profiles[i].name;
	*MEM_PUSH(m, names, n) = NULL;
	*ret_error = mem_printf(m, "%s: no profile '%s'%s", s->where, s->text,
				nearest_hint(m, s->text, names));
	return -EINVAL;
}

/* A profile that may stand in the ignored policy file must not stop the server either. */
static int options_settle_profile(struct mem *m, struct options *o, const char **ret_error)
{
	const char *error;

	if (options_check_profile(m, o, &error) == 0)
		return 0;
	if (!o->policy_problem) {
		*ret_error = error;
		return -EINVAL;
	}
	*MEM_PUSH(m, o->warnings, o->n_warnings) =
		mem_printf(m, "%s; balanced is used, for the policy is ignored", error);
	o->settings[KEY_PROFILE] = (struct setting){ "balanced", ORIGIN_BUILT_IN, "built in" };
	return 0;
}

struct audit_selection options_check_selection(struct mem *m, const struct options *o)
{
	const struct check_options *c = &o->check;
	const char **only = NULL, **skip = NULL;
	size_t n_only = 0, n_skip = 0;

	for (size_t i = 0; i < c->n_only; i++)
		*MEM_PUSH(m, only, n_only) = c->only[i];
	for (size_t i = 0; i < c->n_skip; i++)
		*MEM_PUSH(m, skip, n_skip) = c->skip[i];
	*MEM_PUSH(m, skip, n_skip) = NULL;
	if (only)
		*MEM_PUSH(m, only, n_only) = NULL;
	return (struct audit_selection){ checks, only, skip, c->selector != LIVE_NONE };
}

static int options_merge(struct mem *m, struct options *o, const struct command_line *line,
			 const char **ret_error)
{
	int r = policy_file_load(m, &o->root, o, ret_error);

	if (r < 0)
		return r;
	r = options_read_environment(m, o, ret_error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < line->n_assignments; i++) {
		const struct assignment *a = &line->assignments[i];

		r = options_assign(m, o, a->key, a->text, ORIGIN_COMMAND_LINE,
				   mem_printf(m, "--%s", key_name(a->key)), ret_error);
		if (r < 0)
			return r;
	}
	options_warn_variables(m, o);
	return options_settle_profile(m, o, ret_error);
}

/* What the modes that look at a machine need: its root, and all settings. */
static int options_complete(struct mem *m, struct options *o, const struct command_line *line,
			    const char **ret_error)
{
	const char *policy = environment_get((const char *const *)o->environment,
					     VARIABLE_PREFIX "POLICY");
	int r;

	if (!o->policy && policy && *policy)
		o->policy = policy;
	if (o->sysroot && o->mode == MODE_LAUNCH)
		return options_refuse(ret_error, "--sysroot only looks: it goes with --explain, --list or --check");
	r = root_open(o->sysroot, &o->root);
	if (r < 0)
		return options_refuse(ret_error, mem_printf(m, "--sysroot: cannot open '%s': %s",
							    o->sysroot, strerror(-r)));
	r = options_merge(m, o, line, ret_error);
	if (r < 0)
		root_close(&o->root);
	return r;
}

int options_parse(struct mem *m, int argc, char **argv, char **environment,
		  struct options *ret, const char **ret_error)
{
	struct options o = { .environment = environment, .root = { .fd = AT_FDCWD, .live = true } };
	struct command_line line = { NULL, 0, false, NULL, NULL };
	int r;

	options_set_defaults(&o);
	o.is_off = options_read_switch(m, &o);
	r = options_read_argv(m, argc, argv, &o, &line, ret_error);
	if (r < 0)
		return r;
	if (o.mode == MODE_LAUNCH && !o.argv)
		return options_refuse(ret_error, "no command; write: allocrun [OPTION]... -- COMMAND [ARG]...");
	if ((o.mode >= MODE_CHECK && o.mode <= MODE_CAPTURE) ||
	    ((o.mode <= MODE_EXPLAIN || o.mode == MODE_LIST) && !o.is_off)) {
		r = options_complete(m, &o, &line, ret_error);
		if (r < 0)
			return r;
	}
	*ret = o;
	return 0;
}
