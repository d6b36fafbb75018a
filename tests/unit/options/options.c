/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/resource.h>

#include "options/profiles.h"
#include "support/parse.h"

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("true")), 0);
	assert_int_equal(options.mode, MODE_LAUNCH);
	assert_false(options.is_off || options.is_quiet || options.is_verbose || options.is_json);
	assert_setting(KEY_PROFILE, "balanced", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_MEMLOCK, "hard", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_CORE, "inherit", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_OOM_SCORE_ADJ, "inherit", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_NUMA_STRICT, "no", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_NO_NEW_PRIVS, "no", ORIGIN_BUILT_IN, "built in");
	assert_setting(KEY_RECORD, "auto", ORIGIN_BUILT_IN, "built in");
	/* Those that a profile sets are not set here. */
	assert_null(options.settings[KEY_ALLOCATOR].text);
	assert_null(options.settings[KEY_NUMA].text);
	assert_null(options.settings[KEY_THP].text);
	assert_null(options.settings[KEY_USER].text);
	for (int s = 0; s < STEP_COUNT; s++)
		assert_int_equal(options.ladders[s].ladder, s == STEP_INTEGRITY ? LADDER_OFF :
							    s >= STEP_USER      ? LADDER_REQUIRE :
										  LADDER_PREFER);
	assert_int_equal(options.n_warnings, 0);
	assert_null(options.policy_problem);
}

static void test_precedence(void **state)
{
	static const char *const environment[] = {
		"ALLOCRUN_NUMA=gpu",        "ALLOCRUN_THP=advised", "ALLOCRUN_CONF=narenas:3",
		"ALLOCRUN_NUMA_STRICT=yes", "ALLOCRUN_CORE=",       NULL,
	};

	(void)state;
	tree_write(&tree, CONF,
		   "[launch]\nnuma = off\nthp = off\nmemlock = 64M\ncore = 0\n"
		   "conf = narenas:2\n");
	assert_int_equal(parse_below(environment,
				     WORDS("--thp", "on", "--conf=narenas:4", "--conf", "retain:true", "--", "true")),
			 0);
	assert_setting(KEY_THP, "on", ORIGIN_COMMAND_LINE, "--thp");
	assert_setting(KEY_NUMA, "gpu", ORIGIN_ENVIRONMENT, "ALLOCRUN_NUMA");
	assert_setting(KEY_NUMA_STRICT, "yes", ORIGIN_ENVIRONMENT, "ALLOCRUN_NUMA_STRICT");
	assert_setting(KEY_MEMLOCK, "64M", ORIGIN_POLICY_FILE, CONF ":4");
	/* Set but empty is not set. */
	assert_setting(KEY_CORE, "0", ORIGIN_POLICY_FILE, CONF ":5");
	assert_setting(KEY_RECORD, "auto", ORIGIN_BUILT_IN, "built in");
	assert_string_equal(options.confs[0][ORIGIN_POLICY_FILE].text, "narenas:2");
	assert_string_equal(options.confs[0][ORIGIN_ENVIRONMENT].text, "narenas:3");
	assert_string_equal(options.confs[0][ORIGIN_COMMAND_LINE].text, "narenas:4,retain:true");
	/* The same option twice: the later. */
	assert_int_equal(parse_below(environment, WORDS("--numa=off", "--numa=1", "true")), 0);
	assert_setting(KEY_NUMA, "1", ORIGIN_COMMAND_LINE, "--numa");
}

static void test_ladders(void **state)
{
	static const char *const environment[] = {
		"ALLOCRUN_REQUIRE=affinity,mempolicy,thp",
		"ALLOCRUN_OFF=thp,caps",
		NULL,
	};
	static const struct {
		enum step step;
		enum ladder ladder;
		const char *where;
	} expected[] = {
		{ STEP_AFFINITY, LADDER_REQUIRE, "ALLOCRUN_REQUIRE" },
		{ STEP_MEMPOLICY, LADDER_OFF, "--off" },
		{ STEP_THP, LADDER_OFF, "ALLOCRUN_OFF" },
		{ STEP_RLIMITS, LADDER_OFF, CONF ":3" },
		{ STEP_OOM_SCORE, LADDER_REQUIRE, "--require" },
		{ STEP_PRELOAD, LADDER_REQUIRE, CONF ":2" },
		{ STEP_INTEGRITY, LADDER_OFF, "built in" },
		{ STEP_OPTIONS, LADDER_PREFER, "--prefer" },
		{ STEP_USER, LADDER_REQUIRE, "built in" },
		{ STEP_CAPS, LADDER_REQUIRE, "--require" },
		{ STEP_NO_NEW_PRIVS, LADDER_REQUIRE, "built in" },
	};

	(void)state;
	tree_write(&tree, CONF, "[launch]\nrequire = preload,options,affinity\noff = rlimits\n");
	assert_int_equal(parse_below(environment, WORDS("--prefer", "options", "--off=mempolicy", "--require=caps",
							"--require=oom-score", "true")),
			 0);
	for (size_t i = 0; i < STEP_COUNT; i++) {
		assert_row_int(step_name(expected[i].step), options.ladders[expected[i].step].ladder,
			       expected[i].ladder);
		assert_row_string(step_name(expected[i].step), options.ladders[expected[i].step].where,
				  expected[i].where);
	}
	/* Of two on the command line the later. */
	assert_int_equal(parse_below(NO_ENVIRONMENT, WORDS("--require=thp", "--off=thp", "--prefer=thp", "true")), 0);
	assert_int_equal(options.ladders[STEP_THP].ladder, LADDER_PREFER);
}

static void test_command(void **state)
{
	(void)state;
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("vllm", "serve", "--numa", "off", "-q", "--", "x")), 0);
	assert_argv("vllm|serve|--numa|off|-q|--|x");
	assert_null(options.settings[KEY_NUMA].text);
	assert_false(options.is_quiet);
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("-q", "-v", "--", "--numa", "", "a b")), 0);
	assert_argv("--numa||a b");
	assert_true(options.is_quiet && options.is_verbose);
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--numa-strict", "--no-new-privs=yes", "true")), 0);
	assert_setting(KEY_NUMA_STRICT, "yes", ORIGIN_COMMAND_LINE, "--numa-strict");
	assert_setting(KEY_NO_NEW_PRIVS, "yes", ORIGIN_COMMAND_LINE, "--no-new-privs");
	assert_argv("true");
	/* An optional value stands behind "=" only. */
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--numa-strict", "no", "true")), 0);
	assert_argv("no|true");
}

/* The number behind --stat is a process, wherever it stands among the options; nothing else is. */
static void test_stat(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{ "--stat", "4711", "--classes" },
		{ "--stat", "--classes", "4711" },
		{ "--stat=4711", "--classes" },
		{ "--classes", "--pid", "4711", "--stat" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(parse(NO_ENVIRONMENT, lines[i]), 0);
		assert_int_equal(options.mode, MODE_STAT);
		assert_int_equal(options.check.selector, LIVE_PID);
		assert_string_equal(options.check.selector_text, "4711");
		assert_true(options.check.has_classes);
		assert_null(options.argv);
	}
	/* A command may have any name. */
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("4711", "--stat")), 0);
	assert_int_equal(options.mode, MODE_LAUNCH);
	assert_argv("4711|--stat");
}

static void test_modes(void **state)
{
	static const struct {
		const char *word;
		enum mode mode;
	} modes[] = {
		{ "--explain", MODE_EXPLAIN }, { "--list", MODE_LIST }, { "--check", MODE_CHECK },
		{ "--tune", MODE_TUNE },       { "--help", MODE_HELP }, { "-h", MODE_HELP },
		{ "--version", MODE_VERSION }, { "-V", MODE_VERSION },  { "--vers", MODE_VERSION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_row_int(modes[i].word, parse(NO_ENVIRONMENT, WORDS(modes[i].word)), 0);
		assert_row_int(modes[i].word, options.mode, modes[i].mode);
		assert_null(options.argv);
	}
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--explain", "--format", "json", "--", "vllm", "x")), 0);
	assert_true(options.is_json);
	assert_argv("vllm|x");
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--format=json", "--format=text", "--list", "--list")), 0);
	assert_false(options.is_json);
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--capture", "folder")), 0);
	assert_int_equal(options.mode, MODE_CAPTURE);
	assert_string_equal(options.folder, "folder");
	assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--tune", "--dry-run", "--atomic", "--format", "json")), 0);
	assert_int_equal(options.mode, MODE_TUNE);
	assert_true(options.is_json && options.tune.is_dry && options.tune.is_atomic && !options.tune.is_revert);
	/* --help and --version ask nothing of the policy and the environment. */
	assert_int_equal(parse_words(WORDS("--policy=/nonexistent", "--version"),
				     (const char *const[]){ "ALLOCRUN_NUMA=bad", NULL }),
			 0);
}

static void test_repeated_calls(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parse(NO_ENVIRONMENT, WORDS("-qv", "--numa=off", "true", "x")), 0);
		assert_argv("true|x");
		assert_int_equal(parse(NO_ENVIRONMENT, WORDS("--nmua=off", "true")), -EINVAL);
		assert_int_equal(parse(NO_ENVIRONMENT, WORDS("-vz", "true")), -EINVAL);
	}
}

static void test_policy_option(void **state)
{
	char *mine = tree_outside(&tree, "/mine.conf"), *other = tree_outside(&tree, "/other.conf");
	const char *const environment[] = { mem_printf(&pool, "ALLOCRUN_POLICY=%s", other), NULL };

	(void)state;
	tree_write(&tree, CONF, "[launch]\nnuma = off\n");
	tree_write(&tree, "/mine.conf", "[launch]\nnuma = gpu\n[profile own]\nbase = memory\n");
	tree_write(&tree, "/other.conf", "[launch]\nnuma = 1\n");
	assert_int_equal(parse_below(NO_ENVIRONMENT, WORDS("true")), 0);
	assert_setting(KEY_NUMA, "off", ORIGIN_POLICY_FILE, CONF ":2");
	assert_int_equal(parse_below(environment, WORDS("true")), 0);
	assert_setting(KEY_NUMA, "1", ORIGIN_POLICY_FILE, mem_printf(&pool, "%s:2", other));
	assert_int_equal(parse_below(environment, WORDS("--policy", mine, "--profile=own", "true")), 0);
	assert_setting(KEY_NUMA, "gpu", ORIGIN_POLICY_FILE, mem_printf(&pool, "%s:2", mine));
	assert_setting(KEY_PROFILE, "own", ORIGIN_COMMAND_LINE, "--profile");
	assert_string_equal(options.policy, mine);
	assert_int_equal(options.n_policy_files, 1);
}

/* As with the other variables: set but empty is how a Compose file says "not set". */
static void test_empty_policy_variable(void **state)
{
	static const char *const environment[] = { "ALLOCRUN_POLICY=", NULL };

	(void)state;
	tree_write(&tree, CONF, "[launch]\nnuma = off\n");
	assert_int_equal(parse_below(environment, WORDS("true")), 0);
	assert_setting(KEY_NUMA, "off", ORIGIN_POLICY_FILE, CONF ":2");
}

static void test_broken_default_policy_stops_nothing(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "[launch]\nnumb = off\n", CONF ":2: no key 'numb' in [launch] (did you mean 'numa'?)" },
		{ "[launch]\nnuma = of\n",
		  CONF ":2: bad value 'of' for numa (did you mean 'off'?), or nodes as in 0,2-3" },
		{ "[launch]\nmemlock = 1X\n",
		  CONF ":2: bad value '1X' for memlock (inherit, hard, unlimited, or a size as in 64M)" },
		{ "\n[launch]\nprofile = balancd\n", CONF ":3: no profile 'balancd' (did you mean 'balanced'?)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tree_write(&tree, CONF, cases[i].text);
		assert_row_int(cases[i].text, parse_below(NO_ENVIRONMENT, WORDS("true")), 0);
		assert_row_string(cases[i].text, options.policy_problem, cases[i].problem);
		assert_setting(KEY_PROFILE, "balanced", ORIGIN_BUILT_IN, "built in");
		assert_null(options.settings[KEY_NUMA].text);
	}
}

/* A unit that asks for a profile of that file must start all the same. */
static void test_profile_of_a_broken_default_policy(void **state)
{
	(void)state;
	tree_write(&tree, CONF, "[profile own]\nnuma = off\n[launch]\nnumb = off\n");
	assert_int_equal(parse_below(NO_ENVIRONMENT, WORDS("--profile=own", "true")), 0);
	assert_non_null(options.policy_problem);
	assert_non_null(profile_find(options.settings[KEY_PROFILE].text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARSE_TEST(test_defaults),
		PARSE_TEST(test_precedence),
		PARSE_TEST(test_ladders),
		PARSE_TEST(test_command),
		PARSE_TEST(test_modes),
		PARSE_TEST(test_stat),
		PARSE_TEST(test_repeated_calls),
		PARSE_TEST(test_policy_option),
		PARSE_TEST(test_empty_policy_variable),
		PARSE_TEST(test_broken_default_policy_stops_nothing),
		PARSE_TEST(test_profile_of_a_broken_default_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
