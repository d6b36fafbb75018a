/* SPDX-License-Identifier: Apache-2.0 */
#include "options/options.h"

#include <string.h>

#include "options/profiles.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

static void options_set_ladders(struct mem *m, struct options *o, enum key key, const char *text, enum origin origin,
				const char *where)
{
	enum ladder ladder = key == KEY_REQUIRE ? LADDER_REQUIRE : key == KEY_PREFER ? LADDER_PREFER : LADDER_OFF;

	for (char *name; (name = text_next_piece(m, &text, ','));) {
		for (int s = 0; s < STEP_COUNT; s++) {
			if (strcmp(name, step_names[s]) == 0)
				o->ladders[s] = (struct ladder_setting){ ladder, origin, where };
		}
	}
}

int options_assign(struct mem *m, struct options *o, enum key key, const char *text, enum origin origin,
		   const char *where, const char **ret_error)
{
	struct setting *setting = &o->settings[key];
	const char *error;

	if (key_check_value(m, key, text, &error) < 0)
		return refuse(ret_error,
			      mem_printf(m, "%s: bad value '%s' for %s %s", where, text, key_name(key), error));
	if (key == KEY_REQUIRE || key == KEY_PREFER || key == KEY_OFF)
		options_set_ladders(m, o, key, text, origin, where);
	if (KEY_IS_CONF(key)) {
		struct setting *conf = &o->confs[key - KEY_CONF][origin];

		/* --conf a:1 --conf b:2 is --conf a:1,b:2 */
		*conf = (struct setting){ conf->text ? mem_printf(m, "%s,%s", conf->text, text) : text, origin, where };
		text = conf->text;
	}
	*setting = (struct setting){ text, origin, where };
	return 0;
}

struct profile_section *options_find_section(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->n_profiles; i++) {
		if (strcmp(o->profiles[i].name, name) == 0)
			return &o->profiles[i];
	}
	return NULL;
}

/* "auto" leaves the allocator to what comes below. */
static bool options_is_set(enum key key, const struct setting *s)
{
	return s->text && !(key == KEY_ALLOCATOR && strcmp(s->text, "auto") == 0);
}

struct setting options_setting(const struct options *o, enum key key)
{
	const struct profile_section *section = options_find_section(o, o->settings[KEY_PROFILE].text);

	if (options_is_set(key, &o->settings[key]))
		return o->settings[key];
	if (section && key < KEY_PROFILE_COUNT && options_is_set(key, &section->settings[key]))
		return section->settings[key];
	return (struct setting){ .text = NULL };
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
	return refuse(ret_error,
		      mem_printf(m, "%s: no profile '%s'%s", s->where, s->text, nearest_hint(m, s->text, names)));
}
