/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in front of a command, and what of it stays byte for byte. */
#include <string.h>

#include "support/pool.h"
#include "units/units.h"

#define US "/opt/allocrun/bin/allocrun"

static const struct {
	const char *value, *line;
} good[] = {
	{ "/bin/a", US " -- /bin/a" },
	{ "/bin/a b  c", US " -- /bin/a b  c" },
	{ "/bin/a -- b", US " -- /bin/a -- b" },
	{ "-/bin/a b", "-" US " -- /bin/a b" },
	{ ":/bin/a b", ":" US " -- /bin/a b" },
	{ "+/bin/a b", "+" US " -- /bin/a b" },
	{ "!/bin/a b", "!" US " -- /bin/a b" },
	{ "!!/bin/a b", "!!" US " -- /bin/a b" },
	{ "-+:/bin/a b", "-+:" US " -- /bin/a b" },
	{ ":-!!/bin/a b", ":-!!" US " -- /bin/a b" },
	{ "@/bin/a name b", US " --argv0 name -- /bin/a b" },
	{ "-@/bin/bash -bash", "-" US " --argv0 -bash -- /bin/bash" },
	{ ":@+\"/bin/a b\"  \"n %i\" c", ":+" US " --argv0 \"n %i\" -- \"/bin/a b\" c" },
	{ "\"/bin/a b\" c", US " -- \"/bin/a b\" c" },
	{ "'/bin/a b' c", US " -- '/bin/a b' c" },
	{ "\"-/bin/a b\" c", "-" US " -- \"/bin/a b\" c" },
	{ "-\"/bin/a b\" c", "-" US " -- \"/bin/a b\" c" },
	{ "/bin/a\\sb c", US " -- /bin/a\\sb c" },
	{ "%h/bin/a %i %% %n", US " -- %h/bin/a %i %% %n" },
	{ "/bin/a $ONE ${TWO} $$", US " -- /bin/a $ONE ${TWO} $$" },
	/* The name of a command is no place for variables, that of an argument is. */
	{ "/bin/$a $b", US " -- /bin/$$a $b" },
	{ ":/bin/$a $b", ":" US " -- /bin/$a $b" },
	{ "/bin/sh -c 'a; b \"c\" $X' \"d 'e'\"", US " -- /bin/sh -c 'a; b \"c\" $X' \"d 'e'\"" },
	{ "/bin/a \\; b", US " -- /bin/a \\; b" },
	{ "/bin/a ;b c;d", US " -- /bin/a ;b c;d" },
	{ "/bin/a ';' \";\"", US " -- /bin/a ';' \";\"" },
	{ "/bin/a \\x20 \\044 \\u00e4 \\U0001f600 \\n\\t\\\\",
	  US " -- /bin/a \\x20 \\044 \\u00e4 \\U0001f600 \\n\\t\\\\" },
	{ "/bin/a \"b\"'c'd", US " -- /bin/a \"b\"'c'd" },
	{ "/bin/a\t\tb", US " -- /bin/a\t\tb" },
	/* Not allocrun, though it is in a name. */
	{ "/bin/allocrun-exporter", US " -- /bin/allocrun-exporter" },
	{ "/srv/allocrun/bin/a", US " -- /srv/allocrun/bin/a" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char *line = NULL;

		assert_row_string(good[i].value, unit_exec_put_before(&pool, good[i].value, US, &line), NULL);
		assert_row_string(good[i].value, line, good[i].line);
	}
}

static const struct {
	const char *value, *why;
} left[] = {
	{ "a b", "the command is not named by its whole path" },
	{ "./a", "the command is not named by its whole path" },
	{ "%%h/a", "the command is not named by its whole path" },
	{ "$X/a", "the command is not named by its whole path" },
	{ "- /bin/a", "the command is not named by its whole path" },
	{ "-", "the command is not named by its whole path" },
	{ "@/bin/a", "the prefix '@' without a name" },
	{ "@/bin/a \\; b", "the prefix '@' without a name" },
	{ "@/bin/a $NAME b", "a variable as the program's name" },
	{ "@@/bin/a b", "prefixes that systemd does not know together" },
	{ "|/bin/a", "the prefix '|': a shell is started" },
	{ "--/bin/a", "prefixes that systemd does not know together" },
	{ "+!/bin/a", "prefixes that systemd does not know together" },
	{ "!!!/bin/a", "prefixes that systemd does not know together" },
	{ "!-!/bin/a", "prefixes that systemd does not know together" },
	{ "/bin/a ; /bin/b", "several commands on one line" },
	{ "/bin/a ;", "several commands on one line" },
	{ "/bin/a 'b", "a quote without an end" },
	{ "\"/bin/a", "a quote without an end" },
	{ "/bin/a \\q", "an escape that systemd does not know" },
	{ "/bin/a \\x4", "an escape that systemd does not know" },
	{ "/bin/a b\\", "an escape that systemd does not know" },
	{ "/bin/a\\x24b", "a code for a character in the command's name" },
};

static void test_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		char *line = NULL;

		assert_row_string(left[i].value, unit_exec_put_before(&pool, left[i].value, US, &line), left[i].why);
		assert_row_string(left[i].value, line, NULL);
	}
}

static void test_has(void **state)
{
	static const char *const values[] = {
		"/usr/bin/allocrun -- /bin/a",
		"-/opt/x/allocrun --profile memory -- /bin/a",
		"/usr/bin/env A=b /usr/bin/allocrun -- /bin/a",
		"\"/usr/bin/allocrun\" /bin/a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char *line = NULL;

		assert_row_string(values[i], unit_exec_put_before(&pool, values[i], US, &line), NULL);
		assert_row_string(values[i], line, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_good), TEST(test_left), TEST(test_has) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
