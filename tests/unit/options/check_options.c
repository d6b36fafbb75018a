/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of --check. */
#include <errno.h>

#include "audit/runner.h"
#include "support/parse.h"

/* A node check and a process check that any version has. */
#define NODE_ID "policy-file"
#define PROCESS_ID "process-found"

static void assert_check_words(const char *const *words, const char *expected_error)
{
	const char *name = mem_strdup(&pool, "");

	for (const char *const *w = words; *w; w++)
		name = mem_printf(&pool, "%s %s", name, *w);
	assert_row_int(name, parse(NO_ENVIRONMENT, words), expected_error ? -EINVAL : 0);
	assert_row_string(name, error, expected_error);
}

static void test_defaults(void **state)
{
	const struct check_options *c = &options.check;

	(void)state;
	assert_check_words(WORDS("--check"), NULL);
	assert_int_equal(options.mode, MODE_CHECK);
	assert_int_equal(c->selector, LIVE_NONE);
	assert_int_equal(c->format, CHECK_FORMAT_TEXT);
	assert_false(c->fails_on_warn || c->output || c->watch_seconds || c->lists_checks || c->explained);
	assert_null(runner_select(&pool, checks, &options.check).only);
	assert_null(*runner_select(&pool, checks, &options.check).skip);
}

/* Before --check or behind it, as with every other mode. */
static void test_order(void **state)
{
	(void)state;
	assert_check_words(WORDS("--pid", "17", "--format=tap", "--fail-on", "warn", "--check", "--quiet",
				 "--output=/x", "--watch", "3"),
			   NULL);
	assert_int_equal(options.check.selector, LIVE_PID);
	assert_string_equal(options.check.selector_text, "17");
	assert_int_equal(options.check.format, CHECK_FORMAT_TAP);
	assert_true(options.check.fails_on_warn && options.is_quiet);
	assert_string_equal(options.check.output, "/x");
	assert_int_equal(options.check.watch_seconds, 3);
}

static void test_selectors(void **state)
{
	(void)state;
	assert_check_words(WORDS("--check", "--unit", "vllm@0.service"), NULL);
	assert_int_equal(options.check.selector, LIVE_UNIT);
	assert_string_equal(options.check.selector_text, "vllm@0.service");
	assert_check_words(WORDS("--check", "--cgroup", "/system.slice/a..b"), NULL);
	assert_int_equal(options.check.selector, LIVE_CGROUP);
	assert_check_words(WORDS("--check", "--all"), NULL);
	assert_int_equal(options.check.selector, LIVE_ALL);
	assert_null(options.check.selector_text);
	assert_true(runner_select(&pool, checks, &options.check).has_processes);
}

static void test_lists(void **state)
{
	struct audit_selection s;

	(void)state;
	assert_check_words(WORDS("--check", "--all", "--only", NODE_ID "," PROCESS_ID, "--only=policy-ignores",
				 "--skip", PROCESS_ID),
			   NULL);
	s = runner_select(&pool, checks, &options.check);
	assert_string_equal(s.only[0], NODE_ID);
	assert_string_equal(s.only[1], PROCESS_ID);
	assert_string_equal(s.only[2], "policy-ignores");
	assert_null(s.only[3]);
	assert_string_equal(s.skip[0], PROCESS_ID);
	assert_null(s.skip[1]);
}

#define PROCESSES "(add --pid PID, --unit NAME, --cgroup PATH or --all)"

static const struct {
	const char *words[6], *error;
} bad_lines[] = {
	{ { "--check", "--onyl", "x" }, "unknown option '--onyl' (did you mean '--only'?)" },
	{ { "--check", "--xyzzy" }, "unknown option '--xyzzy'; see allocrun --help" },
	{ { "--check", "--pid" }, "option '--pid' wants a value; see allocrun --help" },
	{ { "--check", "--all=yes" }, "option '--all' takes no value" },
	{ { "--check", "--explain" }, "--check and --explain exclude each other" },
	{ { "--check", "vllm" }, "--check takes no command ('vllm'); a running one is looked at with --pid PID" },
	{ { "--check", "--", "vllm" }, "--check takes no command ('vllm'); a running one is looked at with --pid PID" },
	{ { "--only", NODE_ID, "--", "true" }, "--only goes with --check" },
	{ { "--explain", "--pid", "1" }, "--pid goes with --check" },
	{ { "--purge" }, "--purge: of which process? --purge PID, --unit NAME, --cgroup PATH, --all or --here" },
	{ { "--purge", "1", "--watch", "2" },
	  "--purge takes --pid, --unit, --cgroup, --all, --here, --timeout, --format and --output; the rest goes with --check" },
	{ { "--purge", "1", "--format=tap" }, "--format tap: --purge is printed as text or json" },
	{ { "--purge", "1", "--sysroot=/" }, "--purge: a captured machine (--sysroot) has no process to ask" },
	{ { "--heap-profile", "1" }, "--heap-profile: what? --heap-profile PID start, dump or stop" },
	{ { "--heap-profile", "1", "begin" }, "--heap-profile: no action 'begin' (start, dump, stop)" },
	{ { "--heap-profile", "start", "--all" },
	  "--heap-profile: of which process? --heap-profile PID start, dump or stop" },
	{ { "--heap-profile", "1", "start", "--classes" },
	  "--heap-profile takes --pid, --timeout and --output; the rest goes with --check" },
	{ { "--check", "--classes" }, "--classes goes with --stat" },
	{ { "--stat" }, "--stat: of which process? --stat PID, --unit NAME, --cgroup PATH, --all or --here" },
	{ { "--stat", "12", "13" }, "--pid may be given once" },
	{ { "--stat", "0" }, "--pid: bad value '0' (a process ID)" },
	{ { "--stat", "12x" }, "--stat takes no command ('12x'); a running one is looked at with --pid PID" },
	{ { "--stat", "12", "--only", NODE_ID },
	  "--stat takes --pid, --unit, --cgroup, --all, --here, --watch, --classes, --format and --output; the rest goes with --check" },
	{ { "--stat", "12", "--format", "tap" }, "--format tap: --stat is printed as text, json or prometheus" },
	{ { "--list", "--list-checks" }, "--list-checks goes with --check" },
	{ { "--check", "--pid", "0" }, "--pid: bad value '0' (a process ID)" },
	{ { "--check", "--pid", "-1" }, "--pid: bad value '-1' (a process ID)" },
	{ { "--check", "--pid", "1x" }, "--pid: bad value '1x' (a process ID)" },
	{ { "--check", "--pid", "" }, "--pid: bad value '' (a process ID)" },
	{ { "--check", "--pid", "4294967297" }, "--pid: bad value '4294967297' (a process ID)" },
	{ { "--check", "--pid", "99999999999999999999" }, "--pid: bad value '99999999999999999999' (a process ID)" },
	{ { "--check", "--pid=1", "--pid=2" }, "--pid may be given once" },
	{ { "--check", "--all", "--unit", "a" }, "--all and --unit exclude each other" },
	{ { "--check", "--unit", "a/b" }, "--unit: bad value 'a/b' (a unit's name, as in vllm.service)" },
	{ { "--check", "--unit", ".." }, "--unit: bad value '..' (a unit's name, as in vllm.service)" },
	{ { "--check", "--cgroup", "a/../b" },
	  "--cgroup: bad value 'a/../b' (a path below the cgroup's mount, without ..)" },
	{ { "--check", "--cgroup", "" }, "--cgroup: bad value '' (a path below the cgroup's mount, without ..)" },
	{ { "--check", "--only", "policy-fil" }, "--only: no check 'policy-fil' (did you mean 'policy-file'?)" },
	{ { "--check", "--skip", "zzz" }, "--skip: no check 'zzz'; see allocrun --check --list-checks" },
	{ { "--check", "--only", "" }, "--only: an id is empty" },
	{ { "--check", "--skip", NODE_ID "," }, "--skip: an id is empty" },
	{ { "--check", "--only", PROCESS_ID }, "--only " PROCESS_ID ": it looks at processes " PROCESSES },
	{ { "--check", "--only", NODE_ID, "--skip", NODE_ID }, "--only and --skip leave no check to run" },
	{ { "--check", "--fail-on", "ok" }, "--fail-on: bad value 'ok' (one of: warn, fail)" },
	{ { "--check", "--format", "junti" }, "--format: bad value 'junti' (did you mean 'junit'?)" },
	{ { "--check", "--format", "" },
	  "--format: bad value '' (one of: text, json, junit, tap, prometheus, nagios)" },
	{ { "--format", "tap", "--", "true" }, "--format: bad value 'tap' (text or json)" },
	{ { "--check", "--output", "" }, "--output: the file's name is empty" },
	{ { "--check", "--watch", "3" },
	  "--watch looks at processes: add --pid PID, --unit NAME, --cgroup PATH, --all or --here" },
	{ { "--check", "--every", "0" }, "--every: bad value '0' (seconds from 1 to 86400)" },
	{ { "--check", "--every", "5", "--list-checks" },
	  "--every repeats an audit: without --list-checks and --explain-check" },
	{ { "--check", "--list-checks", "--journal" },
	  "--journal takes an audit: without --list-checks and --explain-check" },
	{ { "--check", "--all", "--watch", "0" }, "--watch: bad value '0' (seconds from 1 to 86400)" },
	{ { "--check", "--all", "--watch", "86401" }, "--watch: bad value '86401' (seconds from 1 to 86400)" },
	{ { "--check", "--all", "--watch", "1.5" }, "--watch: bad value '1.5' (seconds from 1 to 86400)" },
	{ { "--check", "--all", "--watch", "2", "--sysroot=/" },
	  "--watch: nothing grows on a captured machine (--sysroot)" },
	{ { "--check", "--explain-check", "polcy-file" },
	  "--explain-check: no check 'polcy-file' (did you mean 'policy-file'?)" },
	{ { "--check", "--list-checks", "--explain-check", NODE_ID },
	  "--list-checks and --explain-check exclude each other" },
	{ { "--check", "--list-checks", "--format=tap" }, "--format tap: --list-checks is printed as text or json" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++)
		assert_check_words(bad_lines[i].words, bad_lines[i].error);
}

/* The switch is for launches: an audit that it silenced would say that all is well. */
static void test_switched_off(void **state)
{
	(void)state;
	assert_int_equal(parse(WORDS("ALLOCRUN=off"), WORDS("--check", "--onyl", "x")), -EINVAL);
	assert_string_equal(error, "unknown option '--onyl' (did you mean '--only'?)");
	assert_int_equal(parse(WORDS("ALLOCRUN=off"), WORDS("--check", "--pid", "3")), 0);
	assert_int_equal(options.check.selector, LIVE_PID);
	/* A launch with it stays as it is. */
	assert_int_equal(parse(WORDS("ALLOCRUN=off"), WORDS("--only", "x", "--", "true")), 0);
	assert_argv("true");
}

static void test_policy(void **state)
{
	(void)state;
	tree_write(&tree, CONF, "[check]\noom-headroom-warn = 70\nignore." NODE_ID " = known\n");
	assert_check_words(WORDS("--check", "--sysroot", tree.path, "--policy", tree_outside(&tree, CONF)), NULL);
	assert_int_equal(check_policy_thresholds(&options.check_policy).values[THRESHOLD_OOM_HEADROOM_WARN], 70);
	assert_string_equal(options.check_policy.ignores[0].id, NODE_ID);
	/* A launch reads the same file, and the section does not concern it. */
	assert_int_equal(parse_below(NO_ENVIRONMENT, WORDS("true")), 0);
	assert_null(options.policy_problem);
	assert_int_equal(options.check_policy.n_ignores, 1);
	/* The default files are ignored as a whole. */
	tree_write(&tree, CONF, "[check]\nignore." NODE_ID " = known\n[launch]\nnumb = 1\n");
	assert_int_equal(parse_below(NO_ENVIRONMENT, WORDS("true")), 0);
	assert_int_equal(options.check_policy.n_ignores, 0);
	assert_string_equal(options.policy_problem, CONF ":4: no key 'numb' in [launch] (did you mean 'numa'?)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARSE_TEST(test_defaults), PARSE_TEST(test_order),  PARSE_TEST(test_selectors),
		PARSE_TEST(test_lists),    PARSE_TEST(test_errors), PARSE_TEST(test_switched_off),
		PARSE_TEST(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
