/* SPDX-License-Identifier: Apache-2.0 */
#include "options/privileges.h"

#include <string.h>

static const struct {
	enum step step;
	enum key key;
} privileges[] = {
	{ STEP_USER, KEY_USER },
	{ STEP_CAPS, KEY_KEEP_CAPS },
	{ STEP_NO_NEW_PRIVS, KEY_NO_NEW_PRIVS },
};

#define PRIVILEGES (sizeof privileges / sizeof *privileges)

bool options_is_privilege(enum key key)
{
	return key == KEY_USER || key == KEY_KEEP_CAPS || key == KEY_NO_NEW_PRIVS;
}

/* What asks for the step. A user without a word of capabilities asks that they are dropped. */
static const struct setting *privileges_find_asker(const struct options *o, size_t i)
{
	const struct setting *own = &o->settings[privileges[i].key], *user = &o->settings[KEY_USER];

	return privileges[i].step == STEP_CAPS && user->text && (!own->text || user->origin > own->origin) ? user : own;
}

/* Does this value give something up? "no" and "all" do not. */
static bool privileges_asks(const struct setting *s)
{
	return s->text && strcmp(s->text, "all") != 0 && strcmp(s->text, "no") != 0;
}

static void privileges_warn(struct mem *m, struct options *o, const char *where, const char *what,
			    const struct setting *asker)
{
	*MEM_PUSH(m, o->warnings, o->n_warnings) = mem_printf(m, "%s is not heeded for %s: %s asks for it", where, what,
							      asker->where);
}

void options_settle_privileges(struct mem *m, struct options *o)
{
	struct setting *caps = &o->settings[KEY_KEEP_CAPS];
	const struct setting *user = &o->settings[KEY_USER];

	if (user->text && caps->text && caps->origin < user->origin && strcmp(caps->text, "none") != 0) {
		privileges_warn(m, o, caps->where, "keep-caps", user);
		*caps = (struct setting){ NULL, ORIGIN_BUILT_IN, NULL };
	}
	for (size_t i = 0; i < PRIVILEGES; i++) {
		const struct setting *asker = privileges_find_asker(o, i);
		struct ladder_setting *ladder = &o->ladders[privileges[i].step];

		if (!privileges_asks(asker) || ladder->ladder == LADDER_REQUIRE || ladder->origin >= asker->origin)
			continue;
		privileges_warn(m, o, ladder->where, step_names[privileges[i].step], asker);
		*ladder = (struct ladder_setting){ LADDER_REQUIRE, asker->origin, asker->where };
	}
}

bool options_gives_up(const struct options *o)
{
	bool gives_up = false;

	for (size_t i = 0; i < PRIVILEGES; i++)
		gives_up |= privileges_asks(&o->settings[privileges[i].key]);
	return gives_up;
}

void options_take_privileges(const struct options *from, struct options *o)
{
	for (size_t i = 0; i < PRIVILEGES; i++)
		o->settings[privileges[i].key] = from->settings[privileges[i].key];
	for (int s = 0; s < STEP_COUNT; s++)
		o->ladders[s] = (struct ladder_setting){ LADDER_OFF, ORIGIN_ENVIRONMENT, "ALLOCRUN=off" };
	for (size_t i = 0; i < PRIVILEGES; i++)
		o->ladders[privileges[i].step] = (struct ladder_setting){ LADDER_REQUIRE, ORIGIN_BUILT_IN, "built in" };
	o->settings[KEY_RECORD] = (struct setting){ "none", ORIGIN_ENVIRONMENT, "ALLOCRUN=off" };
}
