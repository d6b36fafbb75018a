/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's file: what is made of it says, read again behind it, the same commands with allocrun before each. */
#include <errno.h>

#include "fuzz.h"
#include "units/units.h"

#define PROGRAM "/opt/ar/bin/allocrun"

static const struct units_launcher launcher = { PROGRAM, "/opt/ar/lib/allocrun" };
static const struct unit_item item = { "x.service", true, "p.conf:1" };

/* Blanks before the name that '@' gives go. */
static size_t count_letters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text != ' ' && *text != '\t';
	return n;
}

/* The command behind the prefixes, and the word before it: ours, or it was there. */
static void check_command(struct mem *m, const char *before, const char *after)
{
	const char *begin = after + strspn(after, "-:+!");
	char *again;

	FUZZ_CHECK(!strchr(after, '\n') && count_letters(after) >= count_letters(before));
	if (strcmp(before, after) != 0)
		FUZZ_CHECK(strncmp(begin, PROGRAM " --", strlen(PROGRAM " --")) == 0);
	/* A second time there is nothing to do. */
	FUZZ_CHECK(unit_exec_put_before(m, after, PROGRAM, &again) == NULL && !again);
}

static void check_drop_in(struct mem *m, struct unit *u, const struct unit_decision *d)
{
	size_t n = u->settings[UNIT_EXEC_START].n;
	struct unit_line *lines = mem_dup(m, u->settings[UNIT_EXEC_START].items, n * sizeof *lines);

	FUZZ_CHECK(d->n_commands == n);
	FUZZ_CHECK(unit_parse(m, u, "drop-in", d->text, strlen(d->text)) == 0);
	FUZZ_CHECK(u->settings[UNIT_EXEC_START].n == n);
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(strcmp(u->settings[UNIT_EXEC_START].items[i].value, d->commands[i]) == 0);
		check_command(m, lines[i].value, d->commands[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct unit u = { .name = "x.service" };
	struct unit_decision d;
	char *text = mem_alloc(&m, size + 1);
	int r;

	memcpy(text, data, size);
	r = unit_parse(&m, &u, "x", text, size);
	FUZZ_CHECK(r == 0 || (r == -EINVAL && u.problem));
	unit_decide(&m, &u, &item, &launcher, &d);
	FUZZ_CHECK((d.outcome == UNIT_LEFT) == (d.reason != NULL));
	FUZZ_CHECK((d.outcome == UNIT_FRONT) == (d.text != NULL));
	FUZZ_CHECK(units_describe(&m, &d, 1) && units_describe_json(&m, &d, 1));
	if (d.outcome == UNIT_FRONT)
		check_drop_in(&m, &u, &d);
	mem_free_all(&m);
	return 0;
}
