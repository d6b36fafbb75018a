/* SPDX-License-Identifier: Apache-2.0 */
#include "known/wrappers.h"

#include <string.h>

#include "support/pool.h"
#include "util/buffer.h"
#include "util/environment.h"

#define WORDS_MAX 12

static const struct {
	const char *argv[WORDS_MAX];
	const char *behind; /* words with '|' between; NULL: it is not looked behind */
	bool is_elsewhere;
} commands[] = {
	{ { "vllm", "serve" }, NULL, false },
	{ { "env", "vllm", "serve" }, "vllm|serve", false },
	{ { "/usr/bin/env", "A=1", "B_2=", "vllm" }, "vllm", false },
	{ { "env", "A=1" }, NULL, false },
	{ { "env", "-u", "A", "vllm" }, NULL, false },
	{ { "env", "-i", "vllm" }, NULL, false },
	{ { "env", "PATH=/x", "vllm" }, NULL, false },
	{ { "env", "LD_LIBRARY_PATH=/x", "vllm" }, NULL, false },
	{ { "env", "a-b=1", "vllm" }, NULL, false },
	{ { "nice", "vllm" }, "vllm", false },
	{ { "nice", "-n", "5", "vllm" }, "vllm", false },
	{ { "nice", "-n5", "vllm" }, "vllm", false },
	{ { "nice", "-15", "vllm" }, "vllm", false },
	{ { "nice", "--adjustment=5", "vllm" }, "vllm", false },
	{ { "nice", "--adjustment", "5", "--", "vllm" }, "vllm", false },
	{ { "nice", "--adj=5", "vllm" }, NULL, false },
	{ { "nice", "-z", "vllm" }, NULL, false },
	{ { "nice", "-n" }, NULL, false },
	{ { "nice", "-n", "5" }, NULL, false },
	{ { "nice", "--adjustment" }, NULL, false },
	{ { "nice", "-" }, NULL, false },
	{ { "nice", "--", "-x" }, NULL, false },
	{ { "nice", "" }, NULL, false },
	{ { "nice" }, NULL, false },
	{ { "nohup", "vllm" }, "vllm", false },
	{ { "setsid", "-fw", "--ctty", "vllm" }, "vllm", false },
	{ { "timeout", "-k", "5", "-s9", "10", "vllm" }, "vllm", false },
	{ { "timeout", "--foreground", "10", "vllm", "-k" }, "vllm|-k", false },
	{ { "timeout", "10" }, NULL, false },
	{ { "timeout" }, NULL, false },
	{ { "taskset", "-c", "0-3", "vllm" }, "vllm", false },
	{ { "taskset", "-p", "1", "2" }, NULL, false },
	{ { "ionice", "-c", "2", "-n0", "-t", "vllm" }, "vllm", false },
	{ { "ionice", "-p", "1" }, NULL, false },
	{ { "numactl", "-N", "0", "--membind=0", "-l", "vllm" }, "vllm", false },
	{ { "numactl", "--hardware" }, NULL, false },
	{ { "choom", "-n", "5", "--", "vllm" }, "vllm", false },
	{ { "/usr/bin/tini", "-g", "-p", "SIGTERM", "--", "vllm" }, "vllm", false },
	{ { "dumb-init", "--rewrite", "15:3", "vllm" }, "vllm", false },
	{ { "gosu", "app:app", "vllm" }, "vllm", false },
	{ { "gosu", "app" }, NULL, false },
	{ { "su-exec", "app", "nice", "-n", "1", "setsid", "vllm" }, "vllm", false },
	{ { "uv", "run", "vllm", "serve" }, "vllm|serve", true },
	{ { "uv", "run", "--with", "x", "--frozen", "--python=3.12", "--", "vllm" }, "vllm", true },
	{ { "uv", "run", "--new-option", "vllm" }, NULL, false },
	{ { "uv", "run", "-m", "vllm" }, NULL, false },
	{ { "uv", "pip", "vllm" }, NULL, false },
	{ { "uv" }, NULL, false },
	{ { "uvx", "--from", "vllm", "vllm" }, "vllm", true },
	{ { "conda", "run", "-n", "x", "--no-capture-output", "vllm" }, "vllm", true },
	{ { "conda", "install", "vllm" }, NULL, false },
	{ { "nice", "poetry", "run", "python3", "-m", "vllm" }, "python3|-m|vllm", true },
	{ { "sh", "-c", "vllm" }, "vllm", false },
	{ { "sh", "-c", "exec vllm serve  m" }, "vllm|serve|m", false },
	{ { "/bin/bash", "-eu", "-c", " exec\tvllm serve m " }, "vllm|serve|m", false },
	{ { "sh", "-ec", "A=1 B='x y' vllm" }, "vllm", false },
	{ { "sh", "-c", "A=1 exec vllm" }, "vllm", false },
	{ { "sh", "-c", "exec nice -n 1 vllm" }, "vllm", false },
	{ { "sh", "-c", "vllm --x '{\"a\": [1, $x]}' \"b c\"" }, "vllm|--x|{\"a\": [1, $x]}|b c", false },
	{ { "sh", "-c", "vllm a''b\"\"'' ''" }, "vllm|ab|", false },
	{ { "sh", "-c", "vllm", "sh", "more" }, "vllm", false },
	{ { "sh", "-c", "vllm $ARGS" }, NULL, false },
	{ { "sh", "-c", "vllm \"$ARGS\"" }, NULL, false },
	{ { "sh", "-c", "exec \"$@\"", "sh", "vllm" }, NULL, false },
	{ { "sh", "-c", "vllm `x`" }, NULL, false },
	{ { "sh", "-c", "vllm; x" }, NULL, false },
	{ { "sh", "-c", "vllm && x" }, NULL, false },
	{ { "sh", "-c", "vllm | tee x" }, NULL, false },
	{ { "sh", "-c", "vllm >x" }, NULL, false },
	{ { "sh", "-c", "vllm\nx" }, NULL, false },
	{ { "sh", "-c", "vllm *" }, NULL, false },
	{ { "sh", "-c", "vllm ~/m" }, NULL, false },
	{ { "sh", "-c", "vllm \\x" }, NULL, false },
	{ { "sh", "-c", "vllm 'x" }, NULL, false },
	{ { "sh", "-c", "vllm \"x" }, NULL, false },
	{ { "sh", "-c", "vllm # x" }, NULL, false },
	{ { "sh", "-c", "cd /x" }, NULL, false },
	{ { "sh", "-c", "command vllm" }, NULL, false },
	{ { "sh", "-c", "exec -a x vllm" }, NULL, false },
	{ { "sh", "-c", "exec cd" }, NULL, false },
	{ { "sh", "-c", "PATH=/x vllm" }, NULL, false },
	{ { "sh", "-c", "exec" }, NULL, false },
	{ { "sh", "-c", "A=1" }, NULL, false },
	{ { "sh", "-c", "" }, NULL, false },
	{ { "sh", "-c", "''" }, NULL, false },
	{ { "sh", "-c" }, NULL, false },
	{ { "sh", "-lc", "vllm" }, NULL, false },
	{ { "sh", "-o", "pipefail", "-c", "vllm" }, NULL, false },
	{ { "sh", "script" }, NULL, false },
	{ { "sh" }, NULL, false },
	{ { "fish", "-c", "vllm" }, NULL, false },
	{ { "" }, NULL, false },
};

static const char *join(const char *const *argv)
{
	struct buffer text = { .m = &pool };

	for (size_t i = 0; argv[i]; i++)
		buffer_printf(&text, "%s%s", i ? "|" : "", argv[i]);
	return buffer_text(&text);
}

static void test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		const char *const *argv = commands[i].argv;
		const char *name = join(argv);
		struct wrapped wrapped;

		wrapper_look_behind(&pool, argv, &wrapped);
		if (commands[i].behind)
			assert_row_string(name, join(wrapped.argv), commands[i].behind);
		else
			assert_row_int(name, wrapped.argv == argv && wrapped.n_variables == 0, 1);
		assert_row_int(name, wrapped.is_elsewhere, commands[i].is_elsewhere);
	}
}

/* As far as it goes: the last that is understood. */
static void test_half(void **state)
{
	static const char *const argv[] = { "nice", "sh", "-c", "a; b", NULL };
	struct wrapped wrapped;

	(void)state;
	wrapper_look_behind(&pool, argv, &wrapped);
	assert_ptr_equal(wrapped.argv, argv + 1);
	wrapper_look_behind(&pool, NULL, &wrapped);
	assert_null(wrapped.argv);
}

static void test_many(void **state)
{
	const char *argv[101] = { NULL };
	struct wrapped wrapped;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		argv[i] = "nice";
	wrapper_look_behind(&pool, argv, &wrapped);
	assert_string_equal(*wrapped.argv, "nice");
}

static void test_environment(void **state)
{
	static const char *const argv[] = { "env", "A=1", "sh", "-c", "B=2 A=3 vllm", NULL };
	static const char *const environment[] = { "A=0", "C=4", NULL };
	const char *const *with;
	struct wrapped wrapped;

	(void)state;
	wrapper_look_behind(&pool, argv, &wrapped);
	with = wrapper_environment(&pool, &wrapped, environment);
	assert_string_equal(environment_get(with, "A"), "3");
	assert_string_equal(environment_get(with, "B"), "2");
	assert_string_equal(environment_get(with, "C"), "4");
	wrapper_look_behind(&pool, argv + 4, &wrapped);
	assert_ptr_equal(wrapper_environment(&pool, &wrapped, environment), environment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commands),
		TEST(test_half),
		TEST(test_many),
		TEST(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
