/* SPDX-License-Identifier: Apache-2.0 */
/* ALLOCRUN and ALLOCRUN_KEY in the environment. */
#include "options/read.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "known/conf.h"
#include "options/privileges.h"
#include "util/environment.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

#define VARIABLE_PREFIX "ALLOCRUN_"

/* ALLOCRUN_NUMA_STRICT for "numa-strict". */
static char *options_variable(struct mem *m, const char *name)
{
	char *variable = mem_printf(m, VARIABLE_PREFIX "%s", name);

	for (char *c = variable; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return variable;
}

/* Nearly always there is none, and nothing to spell out. */
static bool options_has_variables(const struct options *o)
{
	for (const char *const *e = o->variables; *e; e++) {
		if (text_starts_with(*e, VARIABLE_PREFIX))
			return true;
	}
	return false;
}

/*
 * A variable of an image that is misspelt would be a start that never succeeds, over and over,
 * where without allocrun the server runs: it is said, and what stands below it counts. Not so
 * where it would have stopped a start: who asks to give up privileges, or requires a step, wants
 * no start without.
 */
static bool options_must_hold(enum key key)
{
	return options_is_privilege(key) || key == KEY_REQUIRE;
}

int options_read_environment(struct mem *m, struct options *o, const char **ret_error)
{
	for (int k = 0; k < KEY_COUNT && options_has_variables(o); k++) {
		const char *variable = options_variable(m, key_name((enum key)k));
		const char *text = environment_get(o->variables, variable), *error;
		int r;

		/* Set but empty is how a Compose file or a unit says "not set". */
		if (!text || !*text || (o->is_off && !options_is_privilege((enum key)k)))
			continue;
		r = options_assign(m, o, (enum key)k, text, ORIGIN_ENVIRONMENT, variable, &error);
		if (r < 0 && options_must_hold((enum key)k))
			return refuse(ret_error, error);
		if (r < 0)
			*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(m, "%s; not heeded", error);
	}
	return 0;
}

void options_warn_variables(struct mem *m, struct options *o)
{
	const size_t prefix = strlen(VARIABLE_PREFIX);
	const char *names[KEY_COUNT + 3] = { NULL };

	if (!options_has_variables(o))
		return;
	for (int k = 0; k < KEY_COUNT; k++)
		names[k] = options_variable(m, key_name((enum key)k)) + prefix;
	names[KEY_COUNT] = "POLICY";
	/* An allocrun above this one has set it, for the library. */
	names[KEY_COUNT + 1] = &PURGE_VARIABLE[prefix];
	for (const char *const *e = o->variables; *e; e++) {
		const char *name = mem_strndup(m, *e, strcspn(*e, "="));
		const char *near;

		if (strncmp(name, VARIABLE_PREFIX, prefix) != 0)
			continue;
		near = nearest_name(name + prefix, names);
		if (near && strcmp(near, name + prefix) != 0)
			*MEM_PUSH(m, o->warnings, o->n_warnings) =
				mem_printf(m, "%s means nothing to allocrun (did you mean " VARIABLE_PREFIX "%s?)",
					   name, near);
	}
}

void options_warn_secure(struct mem *m, struct options *o)
{
	for (char **e = o->environment; *e; e++) {
		if (!text_starts_with(*e, "ALLOCRUN"))
			continue;
		*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(
			m,
			"%.*s and all of its kind are not heeded: started with more rights than its caller has (AT_SECURE)",
			(int)strcspn(*e, "="), *e);
		return;
	}
}

bool options_switch_off(const char *const *environment)
{
	const char *value = environment_get(environment, "ALLOCRUN");

	return value && text_has_word_of_any_case("off no false 0", value);
}

bool options_read_switch(struct mem *m, struct options *o)
{
	const char *value = environment_get(o->variables, "ALLOCRUN");

	if (options_switch_off(o->variables))
		return true;
	if (value && *value && strcasecmp(value, "on") != 0)
		*MEM_PUSH(m, o->warnings, o->n_warnings) =
			mem_printf(m, "ALLOCRUN=%s means nothing (ALLOCRUN=off switches allocrun off)", value);
	return false;
}
