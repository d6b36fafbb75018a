/* SPDX-License-Identifier: Apache-2.0 */
/* What options_parse() refuses, what it only warns about, and the kill switch. */
#include <errno.h>
#include <string.h>

#include "support/parse.h"

#define NO_COMMAND "no command; write: allocrun [OPTION]... -- COMMAND [ARG]..."

static const struct {
	const char *words[WORDS_MAX];
	const char *error;
} bad_lines[] = {
	{ { NULL }, NO_COMMAND },
	{ { "--" }, NO_COMMAND },
	{ { "-q", "--numa=off" }, NO_COMMAND },
	{ { "--numb=1", "true" }, "unknown option '--numb' (did you mean '--numa'?)" },
	{ { "--speed", "true" }, "unknown option '--speed'; see allocrun --help" },
	{ { "--polcy=x", "true" }, "unknown option '--polcy' (did you mean '--policy'?)" },
	{ { "--explian", "true" }, "unknown option '--explian' (did you mean '--explain'?)" },
	{ { "-x", "true" }, "unknown option '-x'; see allocrun --help" },
	{ { "-qx", "true" }, "unknown option '-x'; see allocrun --help" },
	{ { "--num=off", "true" }, "unknown option '--num' (did you mean '--numa'?)" },
	{ { "--numa" }, "option '--numa' wants a value; see allocrun --help" },
	{ { "--policy" }, "option '--policy' wants a value; see allocrun --help" },
	{ { "--numa", "--", "true" },
	  "--numa: bad value '--' for numa (one of: auto, off, gpu, interleave), or nodes as in 0,2-3" },
	{ { "--thp=", "true" }, "--thp: bad value '' for thp (one of: inherit, off, advised, on)" },
	{ { "--numa-strict=maybe", "true" },
	  "--numa-strict: bad value 'maybe' for numa-strict (one of: yes, true, on, 1, no, false, off, 0)" },
	{ { "--conf=narenas=4", "true" },
	  "--conf: bad value 'narenas=4' for conf ('narenas=4' is not of the form key:value)" },
	{ { "--require=preloda", "true" }, "--require: bad value 'preloda' for require (did you mean 'preload'?)" },
	{ { "--off=thp,thpp", "true" }, "--off: bad value 'thp,thpp' for off 'thpp' (did you mean 'thp'?)" },
	{ { "--profile=balancd", "true" }, "--profile: no profile 'balancd' (did you mean 'balanced'?)" },
	{ { "--profile=speed", "true" },
	  "--profile: no profile 'speed' (one of: balanced, memory, latency, throughput, embedding, debug)" },
	{ { "--allocator=jemaloc", "true" },
	  "--allocator: bad value 'jemaloc' for allocator (did you mean 'jemalloc'?), or NAME-VERSION "
	  "as --list shows it, or /PATH.so" },
	{ { "--format=yaml", "--explain" }, "--format: bad value 'yaml' (text or json)" },
	{ { "--explain", "--list" }, "--explain and --list exclude each other" },
	{ { "-h", "-V" }, "--help and --version exclude each other" },
	{ { "--tune", "--pid", "1" }, "--pid goes with --check" },
	{ { "--tune", "--numa=off" }, "--numa goes with a launch, not with --tune" },
	{ { "--tune", "--", "true" }, "--tune takes no command ('true')" },
	{ { "--tune", "--format=tap" }, "--format: bad value 'tap' (text or json)" },
	{ { "--tune", "--revert", "--atomic" }, "--revert and --atomic exclude each other" },
	{ { "--tune", "--dry", "--check" }, "--tune and --check exclude each other" },
	{ { "--tune", "--sysroot=/" }, "--sysroot only looks: with --tune it wants --dry-run" },
	{ { "--tune", "--sysroot=/", "--revert" }, "--sysroot only looks: with --tune it wants --dry-run" },
	{ { "--explain", "--dry-run" }, "--dry-run goes with --tune" },
	{ { "--revert", "true" }, "--revert goes with --tune" },
	{ { "--check", "--atomic" }, "--atomic goes with --tune" },
	{ { "--capture" }, "option '--capture' wants a value; see allocrun --help" },
	{ { "--capture=" }, "--capture: the folder's name is empty" },
	{ { "--capture=x", "--dry-run" }, "--dry-run goes with --tune" },
	{ { "--capture=x", "--format=json" }, "--format does not go with --capture" },
	{ { "--capture=x", "--sysroot=/" }, "--sysroot does not go with --capture" },
	{ { "--capture=x", "true" }, "--capture takes no command ('true')" },
	{ { "--capture=x", "--tune" }, "--capture and --tune exclude each other" },
	{ { "--shims=" }, "--shims: the folder's name is empty" },
	{ { "--check", "--here", "--all" }, "--here and --all exclude each other" },
	{ { "--check", "--here", "--sysroot=/" },
	  "--here: the check is in no container of a captured machine (--sysroot)" },
	{ { "--here", "true" }, "--here goes with --check" },
	{ { "--copy-to=" }, "--copy-to: the folder's name is empty" },
	{ { "--copy-to=x", "true" }, "--copy-to takes no command ('true')" },
	{ { "--shims=x", "--numa=off" }, "--numa goes with a launch, not with --shims" },
	{ { "--shims=x", "--capture=y" }, "--shims and --capture exclude each other" },
	{ { "--remove", "true" }, "--remove goes with --shims" },
	/* The first of two, in the order of the line. */
	{ { "--thp=x", "--numa=y", "true" }, "--thp: bad value 'x' for thp (one of: inherit, off, advised, on)" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
		assert_row_int(bad_lines[i].error, parse(NO_ENVIRONMENT, bad_lines[i].words), -EINVAL);
		assert_row_string(bad_lines[i].error, error, bad_lines[i].error);
	}
}

/* These exist; what is wrong with them is the value. */
static void test_value_for_an_option_without(void **state)
{
	static const char *const words[] = { "--explain=yes", "--quiet=1", "--list=json" };

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		assert_int_equal(parse(NO_ENVIRONMENT, WORDS(words[i], "true")), -EINVAL);
		if (strstr(error, "unknown"))
			fail_msg("%s: %s", words[i], error);
	}
}

static void test_environment_errors(void **state)
{
	static const struct {
		const char *variable, *error;
		bool is_refused; /* what would have stopped a start */
	} cases[] = {
		{ "ALLOCRUN_NUMA=gpus",
		  "ALLOCRUN_NUMA: bad value 'gpus' for numa (did you mean 'gpu'?), or nodes as in 0,2-3; not heeded",
		  false },
		{ "ALLOCRUN_PROFILE=latncy",
		  "ALLOCRUN_PROFILE: no profile 'latncy' (did you mean 'latency'?); balanced is used", false },
		{ "ALLOCRUN_OOM_SCORE_ADJ=5000",
		  "ALLOCRUN_OOM_SCORE_ADJ: bad value '5000' for oom-score-adj (inherit, or a number from -1000 to 1000); not heeded",
		  false },
		{ "ALLOCRUN_NO_NEW_PRIVS=maybe",
		  "ALLOCRUN_NO_NEW_PRIVS: bad value 'maybe' for no-new-privs (one of: yes, true, on, 1, no, false, off, 0)",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const environment[] = { cases[i].variable, NULL };

		assert_row_int(cases[i].variable, parse(environment, WORDS("true")), cases[i].is_refused ? -EINVAL : 0);
		assert_row_string(cases[i].variable, cases[i].is_refused ? error : options.warnings[0], cases[i].error);
	}
	assert_int_equal(parse_words(WORDS("true"),
				     (const char *const[]){ "ALLOCRUN_POLICY=/nonexistent/p.conf", NULL }),
			 0);
	assert_string_equal(options.policy_problem,
			    "ALLOCRUN_POLICY: /nonexistent/p.conf: cannot be read: No such file or directory");
}

static void test_sysroot_error(void **state)
{
	(void)state;
	assert_int_equal(parse_words(WORDS("--sysroot=/nonexistent", "--explain"), NO_ENVIRONMENT), -EINVAL);
	assert_string_equal(error, "--sysroot: cannot open '/nonexistent': No such file or directory");
}

/* What another machine's facts say must not be done to this one. */
static void test_sysroot_only_looks(void **state)
{
	(void)state;
	assert_int_equal(parse_words(WORDS("--sysroot", tree.path, "--explain", "true"), NO_ENVIRONMENT), 0);
	assert_false(options.root.live);
	assert_int_equal(parse_words(WORDS("--sysroot", tree.path, "--list"), NO_ENVIRONMENT), 0);
	assert_int_equal(parse_words(WORDS("--sysroot", tree.path, "true"), NO_ENVIRONMENT), -EINVAL);
}

static void assert_warnings(const char *joined)
{
	char *text = mem_strdup(&pool, "");

	for (size_t i = 0; i < options.n_warnings; i++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? "|" : "", options.warnings[i]);
	assert_string_equal(text, joined);
}

static void test_warnings(void **state)
{
	static const struct {
		const char *variable, *warning;
	} cases[] = {
		{ "ALLOCRUN_NUAM=off", "ALLOCRUN_NUAM means nothing to allocrun (did you mean ALLOCRUN_NUMA?)" },
		{ "ALLOCRUN_PROFIL=x", "ALLOCRUN_PROFIL means nothing to allocrun (did you mean ALLOCRUN_PROFILE?)" },
		{ "ALLOCRUN_POLCY=x", "ALLOCRUN_POLCY means nothing to allocrun (did you mean ALLOCRUN_POLICY?)" },
		{ "ALLOCRUN_NUMA_STRCIT=1",
		  "ALLOCRUN_NUMA_STRCIT means nothing to allocrun (did you mean ALLOCRUN_NUMA_STRICT?)" },
		/* Kubernetes' variables for a service of that name, and the right ones. */
		{ "ALLOCRUN_SERVICE_HOST=10.0.0.1", "" },
		{ "ALLOCRUN_PORT=tcp://10.0.0.1:80", "" },
		{ "ALLOCRUN_PORT_80_TCP_PROTO=tcp", "" },
		{ "ALLOCRUN_NUMA=off", "" },
		{ "ALLOCRUN_NUMA=", "" },
		{ "ALLOCRUNX=1", "" },
		{ "ALLOCRUN=on", "" },
		{ "ALLOCRUN=", "" },
		{ "ALLOCRUN=of", "ALLOCRUN=of means nothing (ALLOCRUN=off switches allocrun off)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const environment[] = { "PATH=/bin", cases[i].variable, NULL };

		assert_row_int(cases[i].variable, parse(environment, WORDS("true")), 0);
		assert_warnings(cases[i].warning);
		assert_false(options.is_off);
	}
}

static void test_kill_switch(void **state)
{
	static const char *const values[] = {
		"ALLOCRUN=off", "ALLOCRUN=OFF", "ALLOCRUN=no", "ALLOCRUN=false", "ALLOCRUN=0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		const char *const environment[] = { values[i], NULL };

		assert_row_int(values[i], parse_words(WORDS("--numa=off", "--", "vllm", "--numa"), environment), 0);
		assert_true(options.is_off);
		assert_argv("vllm|--numa");
		/* Nothing is taken over. */
		assert_null(options.settings[KEY_NUMA].text);
	}
	/* The last one counts, as for the loader. */
	assert_int_equal(parse((const char *const[]){ "ALLOCRUN=off", "ALLOCRUN=on", NULL },
			       WORDS("--numa=off", "true")),
			 0);
	assert_false(options.is_off);
}

/* Whatever else is broken, the command is found and nothing is refused. */
static void test_kill_switch_with_broken_options(void **state)
{
	static const char *const environment[] = {
		"ALLOCRUN=off", "ALLOCRUN_NUMA=bad", "ALLOCRUN_POLICY=/nonexistent", "ALLOCRUN_PROFILE=bad", NULL,
	};
	static const struct {
		const char *words[WORDS_MAX];
	} lines[] = {
		{ { "--numa=bad", "--", "vllm", "serve" } },
		{ { "--unknown", "--", "vllm", "serve" } },
		{ { "-z", "vllm", "serve" } },
		{ { "--profile=bad", "--policy=/nonexistent", "vllm", "serve" } },
		{ { "--format=yaml", "vllm", "serve" } },
		{ { "--require=bad", "--conf=bad", "--", "vllm", "serve" } },
		{ { "--numa-strict=bad", "vllm", "serve" } },
		{ { "--quiet=1", "--", "vllm", "serve" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_row_int(lines[i].words[0], parse_words(lines[i].words, environment), 0);
		assert_true(options.is_off);
		assert_argv("vllm|serve");
		assert_null(options.policy_problem);
	}
	/* There is nothing to run: that is refused even so. */
	assert_int_equal(parse_words(WORDS("--numa=off"), environment), -EINVAL);
	assert_string_equal(error, NO_COMMAND);
}

static void test_kill_switch_with_a_missing_sysroot(void **state)
{
	static const char *const environment[] = { "ALLOCRUN=off", NULL };

	(void)state;
	assert_int_equal(parse_words(WORDS("--sysroot=/nonexistent", "--", "vllm"), environment), 0);
	assert_argv("vllm");
}

static void test_help(void **state)
{
	char *text = options_help(&pool);

	(void)state;
	for (int k = 0; k < KEY_COUNT; k++)
		assert_non_null(strstr(text, mem_printf(&pool, "  --%s", key_name((enum key)k))));
	for (const char *const *name = step_names; *name; name++)
		assert_non_null(strstr(text, *name));
	assert_non_null(strstr(text, "Usage: allocrun [OPTION]... [--] COMMAND [ARG]...\n"));
	assert_non_null(strstr(text, "  --explain "));
	assert_non_null(strstr(text, "  --help, -h "));
	assert_non_null(strstr(text, "ALLOCRUN=off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARSE_TEST(test_errors),
		PARSE_TEST(test_value_for_an_option_without),
		PARSE_TEST(test_environment_errors),
		PARSE_TEST(test_sysroot_error),
		PARSE_TEST(test_sysroot_only_looks),
		PARSE_TEST(test_warnings),
		PARSE_TEST(test_kill_switch),
		PARSE_TEST(test_kill_switch_with_broken_options),
		PARSE_TEST(test_kill_switch_with_a_missing_sysroot),
		PARSE_TEST(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
