/* SPDX-License-Identifier: Apache-2.0 */
/* A service's files and its line of the policy -> the drop-in, or why there is none. */
#include <string.h>

#include "facts/launch_record.h"
#include "units/units.h"
#include "util/buffer.h"
#include "util/text.h"

/* What a unit's line takes as it is: without blanks, quotes, '%', '$' and '\'. */
static bool unit_is_plain_path(const char *path)
{
	return *path == '/' &&
	       !path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.+-~@:,=")];
}

bool units_launcher_is_plain(const struct units_launcher *launcher)
{
	return unit_is_plain_path(launcher->program) && unit_is_plain_path(launcher->library);
}

static const struct unit_line *unit_get(const struct unit *u, enum unit_key key)
{
	return u->settings[key].n ? &u->settings[key].items[u->settings[key].n - 1] : NULL;
}

/* As systemd reads a boolean. */
static bool unit_says_yes(const struct unit *u, enum unit_key key)
{
	const struct unit_line *line = unit_get(u, key);

	return line && text_has_word_of_any_case("1 yes y true t on", line->value);
}

static bool unit_says(const struct unit *u, enum unit_key key, const char *value)
{
	const struct unit_line *line = unit_get(u, key);

	return line && strcmp(line->value, value) == 0;
}

static bool unit_is_below(const char *path, const char *folder, size_t n)
{
	while (n > 1 && folder[n - 1] == '/')
		n--;
	return n == 1 || (strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/'));
}

/* Does the folder have allocrun in it? One that is not written out may be any. */
static bool unit_covers(const char *word, size_t n, const struct units_launcher *launcher)
{
	return *word != '/' || unit_is_below(launcher->program, word, n) || unit_is_below(launcher->library, word, n);
}

/* "-+/a:options /b": the line that covers allocrun. What is quoted or written with specifiers may be any folder. */
static const struct unit_line *unit_find_cover(const struct unit *u, enum unit_key key,
					       const struct units_launcher *launcher)
{
	for (size_t i = 0; i < u->settings[key].n; i++) {
		const struct unit_line *line = &u->settings[key].items[i];
		const char *at = line->value;

		if (strpbrk(at, "\"'\\%"))
			return line;
		for (at += strspn(at, " \t"); *at; at += strspn(at, " \t")) {
			at += strspn(at, "-+");
			if (unit_covers(at, strcspn(at, ": \t"), launcher))
				return line;
			at += strcspn(at, " \t");
		}
	}
	return NULL;
}

static const char *unit_find_hider(struct mem *m, const struct unit *u, const struct units_launcher *launcher)
{
	static const struct {
		enum unit_key key;
		const char *folders[4];
	} switches[] = { { UNIT_PROTECT_HOME, { "/home", "/root", "/run/user" } },
			 { UNIT_PRIVATE_TMP, { "/tmp", "/var/tmp" } } };
	const struct unit_line *line;

	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
		line = unit_get(u, switches[i].key);
		/* "read-only" hides nothing. */
		if (!line || !text_has_word_of_any_case("1 yes y true t on tmpfs", line->value))
			continue;
		for (const char *const *folder = switches[i].folders; *folder; folder++) {
			if (unit_covers(*folder, strlen(*folder), launcher))
				return mem_printf(m, "%s hides %s", line->where, launcher->program);
		}
	}
	for (enum unit_key key = UNIT_ROOT_DIRECTORY; key <= UNIT_ROOT_IMAGE; key++) {
		line = unit_get(u, key);
		if (line && strcmp(line->value, "/") != 0)
			return mem_printf(m, "%s: it has a root of its own, without allocrun", line->where);
	}
	if ((line = unit_find_cover(u, UNIT_INACCESSIBLE, launcher)) ||
	    (line = unit_find_cover(u, UNIT_TEMPORARY, launcher)))
		return mem_printf(m, "%s hides %s, or may do so", line->where, launcher->program);
	return NULL;
}

/* The new lines of all commands. NULL: none of them is to be changed, with why in *ret. */
static char *unit_rewrite_commands(struct mem *m, const struct unit *u, const struct units_launcher *launcher,
				   struct unit_decision *ret)
{
	struct buffer text = { .m = m };
	size_t n_has = 0;

	for (size_t i = 0; i < u->settings[UNIT_EXEC_START].n; i++) {
		const struct unit_line *line = &u->settings[UNIT_EXEC_START].items[i];
		char *changed;
		const char *problem = unit_exec_put_before(m, line->value, launcher->program, &changed);

		if (problem) {
			ret->reason = mem_printf(m, "%s: %s", line->where, problem);
			return NULL;
		}
		n_has += !changed;
		*MEM_PUSH(m, ret->commands, ret->n_commands) = changed ? changed : line->value;
		buffer_printf(&text, "ExecStart=%s\n", changed ? changed : line->value);
	}
	if (n_has < u->settings[UNIT_EXEC_START].n)
		return buffer_text(&text);
	ret->outcome = UNIT_HAS;
	return NULL;
}

static char *unit_make_drop_in(struct mem *m, const struct unit *u, const struct unit_item *item,
			       const struct units_launcher *launcher, const char *commands)
{
	struct buffer text = { .m = m };

	buffer_printf(&text,
		      "# Made by allocrun at each daemon-reload, for %s. Off for this unit alone:\n"
		      "#   install -D /dev/null /etc/systemd/system/%s.d/" UNITS_DROP_IN " && systemctl daemon-reload\n"
		      "[Unit]\nWants=run-allocrun.mount\nAfter=run-allocrun.mount allocrun-tune.service\n\n[Service]\n",
		      item->where, u->name);
	/* Its mounts are its own already; the launch record is let through. */
	if (unit_says(u, UNIT_PROTECT_SYSTEM, "strict") || unit_says_yes(u, UNIT_DYNAMIC_USER))
		buffer_printf(&text, "ReadWritePaths=-" RECORD_FOLDER "\n");
	if (u->settings[UNIT_NO_EXEC].n)
		buffer_printf(&text, "ExecPaths=%s %s\n", launcher->program, launcher->library);
	buffer_printf(&text, "ExecStart=\n%s", commands);
	return buffer_text(&text);
}

void unit_decide(struct mem *m, const struct unit *u, const struct unit_item *item,
		 const struct units_launcher *launcher, struct unit_decision *ret)
{
	char *commands;

	*ret = (struct unit_decision){ .name = u->name, .where = item->where, .outcome = UNIT_LEFT };
	if (!item->is_on || u->is_off) {
		ret->outcome = UNIT_OFF;
		ret->reason = item->is_on ? u->problem : NULL;
	} else if (u->problem) {
		ret->reason = u->problem;
	} else if (!u->settings[UNIT_EXEC_START].n) {
		ret->reason = "it has no ExecStart=";
	} else if (!(ret->reason = unit_find_hider(m, u, launcher))) {
		commands = unit_rewrite_commands(m, u, launcher, ret);
		if (!commands)
			return;
		ret->outcome = UNIT_FRONT;
		ret->text = unit_make_drop_in(m, u, item, launcher, commands);
	}
}
