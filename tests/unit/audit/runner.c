/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "audit/runner.h"
#include "support/audit_case.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define FOR_EVER INT64_MAX

static int reset(void **state)
{
	(void)state;
	case_reset();
	return 0;
}

/* fail_on, what the two node checks find, and what the run ends with. */
static const struct {
	const char *name;
	enum check_status fail_on, first, second;
	int exit_code;
	enum check_status worst;
} exits[] = {
	{ "all well", CHECK_FAIL, CHECK_OK, CHECK_OK, 0, CHECK_OK },
	{ "nothing applies", CHECK_FAIL, CHECK_SKIP, CHECK_SKIP, 0, CHECK_OK },
	{ "a warning is below", CHECK_FAIL, CHECK_WARN, CHECK_OK, 0, CHECK_WARN },
	{ "a warning counts", CHECK_WARN, CHECK_WARN, CHECK_OK, 1, CHECK_WARN },
	{ "a failure", CHECK_FAIL, CHECK_FAIL, CHECK_OK, 2, CHECK_FAIL },
	{ "a failure, warnings count", CHECK_WARN, CHECK_WARN, CHECK_FAIL, 2, CHECK_FAIL },
	{ "unknown alone", CHECK_FAIL, CHECK_UNKNOWN, CHECK_OK, 3, CHECK_UNKNOWN },
	{ "unknown, and a warning below", CHECK_FAIL, CHECK_UNKNOWN, CHECK_WARN, 3, CHECK_WARN },
	{ "unknown, and a warning that counts", CHECK_WARN, CHECK_UNKNOWN, CHECK_WARN, 1, CHECK_WARN },
	{ "unknown, and a failure", CHECK_FAIL, CHECK_UNKNOWN, CHECK_FAIL, 2, CHECK_FAIL },
};

static void test_exit_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
		case_reset();
		request.fail_on = exits[i].fail_on;
		case_found[0] = case_finding(exits[i].first, "x");
		case_found[1] = case_finding(exits[i].second, "x");
		case_run();
		assert_row_int(exits[i].name, result.exit_code, exits[i].exit_code);
		assert_row_int(exits[i].name, result.worst, exits[i].worst);
	}
}

/* The node alone, in the order of the table; nobody asked for processes. */
static void test_node(void **state)
{
	(void)state;
	case_found[1] = case_finding(CHECK_WARN, "odd");
	case_run();
	assert_int_equal(result.n_findings, 4);
	assert_string_equal(result.findings[0].check->id, "first");
	assert_string_equal(result.findings[1].check->id, "second");
	assert_string_equal(result.findings[1].observed, "odd");
	assert_int_equal(case_of("policy-file", NULL)->status, CHECK_SKIP);
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_SKIP);
	assert_false(case_has("process-found") || case_has("third"));
	assert_int_equal(result.counts[CHECK_OK], 1);
	assert_int_equal(result.counts[CHECK_WARN], 1);
	assert_int_equal(result.counts[CHECK_SKIP], 2);
}

static void test_processes(void **state)
{
	(void)state;
	case_look_at_processes();
	case_found[2] = case_finding(CHECK_FAIL, "glibc serves malloc");
	case_run();
	assert_int_equal(case_of("third", &processes[0])->status, CHECK_FAIL);
	assert_int_equal(case_of("third", &processes[1])->status, CHECK_FAIL);
	assert_int_equal(case_of("fourth", &processes[1])->status, CHECK_OK);
	assert_int_equal(case_of("process-found", NULL)->status, CHECK_OK);
	assert_string_equal(case_of("process-found", NULL)->observed, "PID 100: 2 processes");
	assert_int_equal(result.counts[CHECK_FAIL], 2);
}

/* "No such process" is never "all is well", whatever was selected. */
static void test_no_process(void **state)
{
	(void)state;
	case_look_at_processes();
	live = (struct live_facts){ .asked = "PID 9", .problem = "there is no such process" };
	request.selection.only = WORDS("third");
	case_run();
	assert_int_equal(result.n_findings, 1);
	assert_string_equal(case_of("process-found", NULL)->observed, "PID 9: there is no such process");
	assert_int_equal(result.exit_code, 3);
	/* Nobody there, and no reason given. */
	live.problem = NULL;
	case_run();
	assert_string_equal(case_of("process-found", NULL)->observed, "PID 9: nobody was found");
	assert_int_equal(result.exit_code, 3);
	/* Left out on purpose: still nothing was looked at. */
	request.selection.skip = WORDS("process-found");
	case_run();
	assert_int_equal(result.n_findings, 0);
	assert_int_equal(result.exit_code, 3);
}

static void test_selection(void **state)
{
	(void)state;
	request.selection.only = WORDS("second");
	case_run();
	assert_int_equal(result.n_findings, 1);
	assert_true(case_has("second"));
	request.selection.only = NULL;
	request.selection.skip = WORDS("second", "policy-file");
	case_run();
	assert_false(case_has("second") || case_has("policy-file"));
	assert_true(case_has("first"));
	request.selection.only = WORDS("first", "second");
	case_run();
	assert_int_equal(result.n_findings, 1);
	assert_true(case_has("first"));
}

static void test_needs(void **state)
{
	struct audit_selection s = { .table = case_table };

	(void)state;
	s.only = WORDS("second");
	assert_int_equal(runner_collect_needs(&s), NEEDS_LITTLE);
	s.only = WORDS("first");
	assert_int_equal(runner_collect_needs(&s), NEEDS_LITTLE | NEEDS_NODE);
	s.only = WORDS("third");
	s.has_processes = true;
	assert_int_equal(runner_collect_needs(&s), NEEDS_LITTLE | NEEDS_THOROUGH);
	/* A row that says nothing needs all. */
	s.only = WORDS("fourth");
	assert_int_equal(runner_collect_needs(&s), ~0U);
	s.only = NULL;
	s.has_processes = false;
	assert_int_equal(runner_collect_needs(&s), NEEDS_LITTLE | NEEDS_NODE);
}

static const struct {
	const char *only[3], *skip[3];
	bool has_processes;
	const char *error; /* NULL: it is good */
} selections[] = {
	{ { "first" }, { NULL }, false, NULL },
	{ { "policy-file" }, { NULL }, false, NULL },
	{ { "third" }, { NULL }, true, NULL },
	{ { "frist" }, { NULL }, false, "--only: no check 'frist' (did you mean 'first'?)" },
	{ { "first", "xyz" }, { NULL }, false, "--only: no check 'xyz'; see allocrun --check --list-checks" },
	{ { NULL }, { "secnd" }, false, "--skip: no check 'secnd' (did you mean 'second'?)" },
	{ { "first", "third" },
	  { NULL },
	  false,
	  "--only third: it looks at processes (add --pid PID, --unit NAME, --cgroup PATH or --all)" },
	{ { "process-found" },
	  { NULL },
	  false,
	  "--only process-found: it looks at processes (add --pid PID, --unit NAME, --cgroup PATH or --all)" },
	{ { "first" }, { "first" }, false, "--only and --skip leave no check to run" },
	/* Whoever skips a check of processes need not ask for them. */
	{ { NULL }, { "third" }, false, NULL },
};

static void test_verify_selection(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof selections / sizeof *selections; i++) {
		const char *name = mem_printf(&pool, "row %zu", i), *error = NULL;
		struct check_options o = { .selector = selections[i].has_processes ? LIVE_ALL : LIVE_NONE };

		for (const char *const *id = selections[i].only; *id; id++)
			*MEM_PUSH(&pool, o.only, o.n_only) = *id;
		for (const char *const *id = selections[i].skip; *id; id++)
			*MEM_PUSH(&pool, o.skip, o.n_skip) = *id;
		assert_row_int(name, runner_verify(&pool, case_table, &o, &error), selections[i].error ? -EINVAL : 0);
		assert_row_string(name, error, selections[i].error);
	}
}

static void test_ignores(void **state)
{
	(void)state;
	case_found[0] = case_finding(CHECK_FAIL, "bad");
	case_found[1] = case_finding(CHECK_UNKNOWN, "not readable");
	case_ignore("first", NULL, FOR_EVER);
	case_ignore("second", "2026-11-22", request.now + 1);
	case_run();
	assert_string_equal(case_of("first", NULL)->ignored, "known");
	assert_int_equal(case_of("first", NULL)->status, CHECK_FAIL);
	assert_string_equal(case_of("second", NULL)->ignored, "known");
	assert_int_equal(result.n_ignored, 2);
	assert_int_equal(result.counts[CHECK_FAIL] + result.counts[CHECK_UNKNOWN], 0);
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_OK);
}

static void test_expired_ignore(void **state)
{
	(void)state;
	case_found[0] = case_finding(CHECK_FAIL, "bad");
	case_ignore("first", "2026-11-21", request.now);
	case_run();
	assert_null(case_of("first", NULL)->ignored);
	assert_int_equal(result.exit_code, 2);
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_WARN);
	assert_string_equal(case_of("policy-ignores", NULL)->observed, "first has expired on 2026-11-21 (p.conf:3)");
}

static void test_useless_ignore(void **state)
{
	(void)state;
	/* It is well; the other does not apply on this machine, and may on the next. */
	case_found[1] = case_finding(CHECK_SKIP, "one node");
	case_ignore("first", NULL, FOR_EVER);
	case_ignore("second", NULL, FOR_EVER);
	/* Nobody asked for processes. */
	case_ignore("third", NULL, FOR_EVER);
	case_run();
	assert_null(case_of("first", NULL)->ignored);
	assert_string_equal(case_of("policy-ignores", NULL)->observed, "first matches nothing (p.conf:3)");
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_WARN);
	/* One of two processes needs it. */
	case_reset();
	case_look_at_processes();
	case_found[2] = case_finding(CHECK_WARN, "odd");
	case_ignore("third", NULL, FOR_EVER);
	case_run();
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_OK);
	/* Not selected: nothing is known about it. */
	case_reset();
	case_ignore("first", NULL, FOR_EVER);
	request.selection.only = WORDS("second", "policy-ignores");
	case_run();
	assert_int_equal(case_of("policy-ignores", NULL)->status, CHECK_OK);
}

/* One policy for a fleet: who wants that says so, and is not told of it again. */
static void test_ignored_ignores(void **state)
{
	(void)state;
	case_ignore("first", NULL, FOR_EVER);
	case_ignore("policy-ignores", NULL, FOR_EVER);
	case_run();
	assert_string_equal(case_of("policy-ignores", NULL)->ignored, "known");
	assert_string_equal(case_of("policy-ignores", NULL)->observed, "first matches nothing (p.conf:3)");
}

static void test_policy_file(void **state)
{
	static const char *const files[] = { "/etc/allocrun/policy.conf", "/etc/allocrun/policy.d/a.conf" };

	(void)state;
	request.policy_files = files;
	request.n_policy_files = 2;
	case_run();
	assert_int_equal(case_of("policy-file", NULL)->status, CHECK_OK);
	assert_string_equal(case_of("policy-file", NULL)->observed,
			    "/etc/allocrun/policy.conf, /etc/allocrun/policy.d/a.conf");
	request.policy_problem = "/etc/allocrun/policy.conf:3: no key 'x'";
	case_run();
	assert_int_equal(case_of("policy-file", NULL)->status, CHECK_FAIL);
	assert_string_equal(case_of("policy-file", NULL)->observed, request.policy_problem);
	assert_int_equal(result.exit_code, 2);
}

/* The real table and the runner's own rows have no id in common, and all texts. */
static void test_table(void **state)
{
	const char **ids = runner_list_ids(&pool, checks);
	struct thresholds built_in = thresholds_default();

	(void)state;
	for (size_t i = 0; ids[i]; i++) {
		const struct check *check = runner_find(checks, ids[i]);

		assert_non_null(check->title && check->expected && check->why && check->fix && check->section);
		assert_null(strchr(thresholds_expand(&pool, &built_in, check->expected), '{'));
		if (ids[i][strspn(ids[i], "abcdefghijklmnopqrstuvwxyz0123456789-")])
			fail_msg("%s is no word", ids[i]);
		for (size_t other = 0; other < i; other++) {
			if (strcmp(ids[i], ids[other]) == 0)
				fail_msg("two checks are called %s", ids[i]);
		}
	}
}

/* What is expected is what the policy makes of it. */
static void test_expected(void **state)
{
	struct check table[] = {
		{ "first", "the first", SCOPE_NODE, case_table[0].assess,
		  "from {page-cache-warn} to {maps-warn} %, {x}", "", "", "", NEEDS_NODE },
		{ "second", "the second", SCOPE_NODE, case_table[1].assess, "{maps-warn", "", "", "", NEEDS_NODE },
		{ .id = NULL },
	};

	(void)state;
	request.selection.table = table;
	policy.thresholds[THRESHOLD_MAPS_WARN].value = 77;
	policy.thresholds[THRESHOLD_MAPS_WARN].where = "p.conf:1";
	case_run();
	assert_string_equal(case_of("first", NULL)->expected, "from 10 to 77 %, {x}");
	assert_string_equal(case_of("second", NULL)->expected, "{maps-warn");
	case_found[0].expected = "its own {maps-warn}";
	case_run();
	assert_string_equal(case_of("first", NULL)->expected, "its own {maps-warn}");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, pool_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_exit_codes),
		CASE(test_node),
		CASE(test_processes),
		CASE(test_no_process),
		CASE(test_selection),
		CASE(test_needs),
		CASE(test_verify_selection),
		CASE(test_ignores),
		CASE(test_expired_ignore),
		CASE(test_useless_ignore),
		CASE(test_ignored_ignores),
		CASE(test_policy_file),
		CASE(test_table),
		CASE(test_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
