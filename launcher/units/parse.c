/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit's file as systemd's own parser has it (systemd.syntax(7), src/shared/conf-parser.c). Where systemd
 * would warn and pass a line over, the file is not understood.
 */
#include <errno.h>
#include <string.h>

#include "units/units.h"
#include "util/buffer.h"
#include "util/text.h"
#include "util/utf8.h"

#define UNIT_BLANKS " \t"

struct unit_parser {
	struct mem *m;
	struct unit *u;
	const char *file;
	int line;
	bool is_service;
};

static const struct {
	const char *name;
	enum unit_key key;
} unit_keys[] = {
	{ "ExecStart", UNIT_EXEC_START },
	{ "InaccessiblePaths", UNIT_INACCESSIBLE },
	{ "InaccessibleDirectories", UNIT_INACCESSIBLE }, /* its name before systemd 231 */
	{ "TemporaryFileSystem", UNIT_TEMPORARY },
	{ "NoExecPaths", UNIT_NO_EXEC },
	{ "RootDirectory", UNIT_ROOT_DIRECTORY },
	{ "RootImage", UNIT_ROOT_IMAGE },
	{ "ProtectSystem", UNIT_PROTECT_SYSTEM },
	{ "ProtectHome", UNIT_PROTECT_HOME },
	{ "PrivateTmp", UNIT_PRIVATE_TMP },
	{ "DynamicUser", UNIT_DYNAMIC_USER },
};

static int unit_refuse(struct unit_parser *p, const char *why)
{
	p->u->problem = mem_printf(p->m, "%s:%d: %s", p->file, p->line, why);
	return -EINVAL;
}

static void unit_assign(struct unit_parser *p, enum unit_key key, const char *value)
{
	__typeof__(*p->u->settings) *setting = &p->u->settings[key];

	if (key >= UNIT_LISTS || !*value)
		setting->n = 0;
	if (*value)
		*MEM_PUSH(p->m, setting->items,
			  setting->n) = (struct unit_line){ value, mem_printf(p->m, "%s:%d", p->file, p->line) };
}

static bool unit_is_utf8(const char *text)
{
	for (size_t n; *text; text += n) {
		uint32_t character;

		n = utf8_decode(text, &character);
		if (!n)
			return false;
	}
	return true;
}

/* A whole line, continued ones joined. */
static int unit_take(struct unit_parser *p, const char *text)
{
	const char *line = text_dup_line(p->m, text), *equals = strchr(line, '=');
	const char *key;

	if (!*line)
		return 0;
	if (!unit_is_utf8(line) || strpbrk(text, "\v\f"))
		return unit_refuse(p, "this is not text");
	if (*line == '[') {
		if (line[strlen(line) - 1] != ']')
			return unit_refuse(p, "the section has no end");
		p->is_service = strcmp(line, "[Service]") == 0;
		return 0;
	}
	if (!equals || equals == line)
		return unit_refuse(p, "neither 'Key=value' nor [Section]");
	key = text_dup_line(p->m, mem_strndup(p->m, line, (size_t)(equals - line)));
	for (size_t i = 0; p->is_service && i < sizeof unit_keys / sizeof *unit_keys; i++) {
		if (strcmp(key, unit_keys[i].name) == 0)
			unit_assign(p, unit_keys[i].key, text_dup_line(p->m, equals + 1));
	}
	return 0;
}

/* Does a backslash that none before it escapes stand at the end? */
static bool unit_is_continued(const char *line)
{
	size_t n = strlen(line), backslashes = 0;

	while (backslashes < n && line[n - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2;
}

int unit_parse(struct mem *m, struct unit *u, const char *file, const char *text, size_t length)
{
	static const char byte_order_mark[] = "\xEF\xBB\xBF";
	struct unit_parser p = { m, u, file, 0, false };
	struct buffer whole = { .m = m };

	/* systemd ends lines there, too. */
	if (memchr(text, '\0', length) || memchr(text, '\r', length)) {
		u->problem = mem_printf(m, "%s: it has lines that end in other ways than by a line feed", file);
		return -EINVAL;
	}
	for (const char *at = text_starts_with(text, byte_order_mark) ? text + strlen(byte_order_mark) : text;
	     at && *at; at = text_next_line(at)) {
		char *line = mem_strndup(m, at, strcspn(at, "\n"));

		p.line++;
		/* In the middle of a continued line, too. */
		if (strchr("#;", line[strspn(line, UNIT_BLANKS)]) && line[strspn(line, UNIT_BLANKS)])
			continue;
		if (unit_is_continued(line)) {
			line[strlen(line) - 1] = ' ';
			buffer_append(&whole, line);
			continue;
		}
		buffer_append(&whole, line);
		if (unit_take(&p, buffer_text(&whole)) < 0)
			return -EINVAL;
		whole = (struct buffer){ .m = m };
	}
	return unit_take(&p, buffer_text(&whole));
}
