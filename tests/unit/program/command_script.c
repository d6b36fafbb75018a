/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "program/command.h"
#include "support/support.h"

static const char *const path_environment[] = { "PATH=/usr/bin", NULL };

static struct command_facts detect(struct tree *t, const char *name)
{
	const char *const argv[] = { name, NULL };
	struct command_facts facts;

	command_detect(&t->root, &t->mem, argv, path_environment, &facts);
	return facts;
}

static void test_chains(void **state)
{
	static const struct {
		const char *script;
		const char *chain[4]; /* behind the script itself */
		int error, problem;
	} cases[] = {
		{ "#!/usr/bin/python3\n", { "/usr/bin/python3" }, 0, 0 },
		{ "#! /usr/bin/python3 -u -x\n", { "/usr/bin/python3" }, 0, 0 },
		{ "#!/usr/bin/env python3\n", { "/usr/bin/python3" }, 0, 0 },
		{ "#!/usr/bin/env -S python3 -u\n", { "/usr/bin/python3" }, 0, 0 },
		{ "#!/usr/bin/env -S -i A=1 B=2 python3 -u\n", { "/usr/bin/python3" }, 0, 0 },
		{ "#!/usr/bin/env python3 -u\n", { NULL }, 0, -ENOENT }, /* one word */
		{ "#!/usr/bin/env none\n", { NULL }, 0, -ENOENT },
		{ "#!/usr/bin/env\n", { "/usr/bin/env" }, 0, 0 },
		{ "#!/usr/bin/wrapper\n", { "/usr/bin/wrapper", "/usr/bin/python3" }, 0, 0 },
		{ "#!/no/such/python\n", { NULL }, -ENOENT, -ENOENT },
		{ "#!/usr\n", { NULL }, -EACCES, -EACCES },
		/* Kind F: execvp() gives it to the shell. */
		{ "echo no line\n", { "/bin/sh" }, 0, 0 },
		{ "#!\n", { NULL }, 0, -ENOEXEC },
		{ "", { NULL }, 0, -ENODATA },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command_facts facts;
		struct tree t;
		size_t n = 1;

		print_message("%s", cases[i].script);
		tree_open(&t);
		tree_write_elf(&t, "/usr/bin/python3", &elf_glibc_program);
		tree_write_elf(&t, "/usr/bin/env", &elf_glibc_program);
		tree_write_elf(&t, "/bin/sh", &elf_glibc_program);
		tree_write(&t, "/usr/bin/wrapper", "#!/usr/bin/python3\n");
		tree_write(&t, "/script", cases[i].script);
		facts = detect(&t, "/script");
		assert_string_equal(facts.path, "/script");
		assert_string_equal(facts.chain[0], "/script");
		for (; cases[i].chain[n - 1]; n++)
			assert_string_equal(facts.chain[n], cases[i].chain[n - 1]);
		assert_int_equal(facts.n_chain, n);
		assert_int_equal(facts.error, cases[i].error);
		assert_int_equal(facts.elf.problem, cases[i].problem);
		assert_int_equal(facts.libc, cases[i].problem ? LIBC_UNKNOWN : LIBC_GLIBC);
		tree_close(&t);
	}
}

static void test_chain_of_scripts_ends(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/p", &elf_glibc_program);
	tree_write(&t, "/s1", "#!/p\n");
	for (int i = 2; i < 8; i++)
		tree_write(&t, mem_printf(&t.mem, "/s%d", i), mem_printf(&t.mem, "#!/s%d\n", i - 1));
	tree_write(&t, "/self", "#!/self\n");
	facts = detect(&t, "/s4");
	assert_int_equal(facts.n_chain, 5);
	assert_int_equal(facts.elf.problem, 0);
	facts = detect(&t, "/s5");
	assert_int_equal(facts.n_chain, 5);
	assert_int_equal(facts.elf.problem, -ELOOP);
	facts = detect(&t, "/self");
	assert_int_equal(facts.elf.problem, -ELOOP);
	tree_close(&t);
}

static void test_script_lines(void **state)
{
	static const struct {
		const char *text, *interpreter, *argument;
	} cases[] = {
		{ "#!/a\n", "/a", NULL },
		{ "#!/a", "/a", NULL },
		{ "#! \t/a \t \n", "/a", NULL },
		{ "#!/a b  c \n", "/a", "b  c" },
		{ "#!a\n", "a", NULL },
		{ "#!/a\r\n", "/a\r", NULL },
		{ "#!", NULL, NULL },
		{ "#! \n/a", NULL, NULL },
		{ "#", NULL, NULL },
		{ "", NULL, NULL },
		{ " #!/a\n", NULL, NULL },
	};
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *interpreter = NULL, *argument = NULL;
		int r = command_parse_script(&m, (const unsigned char *)cases[i].text, strlen(cases[i].text),
					     &interpreter, &argument);

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(r, cases[i].interpreter ? 0 : -ENOEXEC);
		if (cases[i].interpreter)
			assert_string_equal(interpreter, cases[i].interpreter);
		if (cases[i].argument)
			assert_string_equal(argument, cases[i].argument);
		else
			assert_null(argument);
	}
	mem_free_all(&m);
}

/* The kernel looks at 256 bytes: a name that runs on behind them is refused. */
static void test_long_script_lines(void **state)
{
	struct mem m = MEM_INIT;
	unsigned char text[4096];
	char *interpreter = NULL, *argument = NULL;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "#!/", 3);
	assert_int_equal(command_parse_script(&m, text, sizeof text, &interpreter, &argument), -ENOEXEC);
	text[100] = ' ';
	assert_int_equal(command_parse_script(&m, text, sizeof text, &interpreter, &argument), 0);
	assert_int_equal(strlen(interpreter), 98);
	assert_int_equal(strlen(argument), 155);
	text[100] = 'x';
	text[255] = '\n';
	assert_int_equal(command_parse_script(&m, text, sizeof text, &interpreter, &argument), 0);
	assert_int_equal(strlen(interpreter), 253);
	mem_free_all(&m);
}

static void test_env_arguments(void **state)
{
	static const struct {
		const char *argument, *program;
	} cases[] = {
		{ "python3", "python3" },
		{ "python3 -u", "python3 -u" },
		{ "-S python3 -u", "python3" },
		{ "-Spython3", "python3" },
		{ "-vS python3", "python3" },
		{ "--split-string=python3 -u", "python3" },
		{ "--split-string python3", "python3" },
		{ "-S -i -u HOME -C /tmp A=b python3", "python3" },
		{ "-S --unset=X python3", "python3" },
		{ "-S A=1", NULL },
		{ "-S", NULL },
		{ "-i", NULL },
		{ "A=1", NULL },
	};
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *program = command_parse_env(&m, cases[i].argument);

		print_message("\"%s\"\n", cases[i].argument);
		if (cases[i].program)
			assert_string_equal(program, cases[i].program);
		else
			assert_null(program);
	}
	mem_free_all(&m);
}

/* Kind F: env as the command. */
static void test_env_command(void **state)
{
	static const struct {
		const char *argv[6];
		const char *last;
	} cases[] = {
		{ { "env", "python3" }, "/usr/bin/python3" },
		{ { "env", "A=1", "B=", "python3", "x=1" }, "/usr/bin/python3" },
		{ { "env", "A=1", "/script" }, "/usr/bin/python3" },
		{ { "env" }, "/usr/bin/env" },
		{ { "env", "A=1" }, "/usr/bin/env" },
		{ { "env", "-i", "python3" }, "/usr/bin/env" },
		{ { "env", "PATH=/x", "python3" }, "/usr/bin/env" },
		{ { "env", "LD_PRELOAD=", "python3" }, "/usr/bin/env" },
		{ { "env", "none" }, "/usr/bin/env" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command_facts facts;
		struct tree t;

		tree_open(&t);
		tree_write_elf(&t, "/usr/bin/python3", &elf_glibc_program);
		tree_write_elf(&t, "/usr/bin/env", &elf_glibc_program);
		tree_write(&t, "/script", "#!/usr/bin/python3\n");
		command_detect(&t.root, &t.mem, cases[i].argv, path_environment, &facts);
		print_message("row %zu\n", i);
		assert_string_equal(facts.chain[facts.n_chain - 1], cases[i].last);
		assert_string_equal(facts.path, "/usr/bin/env");
		assert_int_equal(facts.elf.problem, 0);
		tree_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env_command),           cmocka_unit_test(test_chains),
		cmocka_unit_test(test_chain_of_scripts_ends), cmocka_unit_test(test_script_lines),
		cmocka_unit_test(test_long_script_lines),     cmocka_unit_test(test_env_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
