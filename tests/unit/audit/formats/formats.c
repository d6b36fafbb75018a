/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "support/audit_case.h"

static int reset(void **state)
{
	(void)state;
	case_reset();
	return 0;
}

static struct audit_report report;

static const char *write_as(enum check_format format)
{
	case_run();
	report = (struct audit_report){ .request = &request, .facts = &facts, .result = &result };
	return format_audit(&pool, format, &report);
}

/* One of each status, one ignored; `name` is that of a process, and part of what is seen. */
static void make_all(const char *name)
{
	case_look_at_processes();
	processes[1].name = mem_strdup(&pool, name);
	processes[1].command = mem_printf(&pool, "/opt/%s --port 1", name);
	case_found[0] = case_finding(CHECK_FAIL, mem_printf(&pool, "defrag=%s", name));
	case_found[1] = case_finding(CHECK_UNKNOWN, mem_printf(&pool, "%s: Permission denied", name));
	case_found[1].expected = mem_printf(&pool, "better than %s", name);
	case_found[1].fix = mem_printf(&pool, "echo %s", name);
	case_found[2] = case_finding(CHECK_WARN, mem_printf(&pool, "/tmp/%s.so", name));
	case_found[3] = case_finding(CHECK_WARN, mem_printf(&pool, "options of %s", name));
	case_ignore("fourth", NULL, INT64_MAX);
	policy.ignores[0].reason = mem_printf(&pool, "because of %s", name);
	live.asked = mem_printf(&pool, "unit %s", name);
	request.policy_problem = mem_printf(&pool, "/etc/%s:1: bad", name);
	snprintf(machine.kernel, sizeof machine.kernel, "6.18-%s", name);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/*
 * Whatever a name has in it, there are as many lines as with a harmless one, no control
 * characters, and valid UTF-8.
 */
static void assert_same_shape(const char *row, const char *text, const char *harmless)
{
	if (count(text, "\n") != count(harmless, "\n"))
		fail_msg("%s: not the lines of\n%s\nbut\n%s", row, harmless, text);
	for (const char *c = text; *c; c++) {
		if (*c != '\n' && ((unsigned char)*c < 0x20 || *c == 0x7f))
			fail_msg("%s: control character %02x in: %s", row, *c, text);
	}
	if (strcmp(text, utf8_repair(&pool, text)) != 0)
		fail_msg("%s: not UTF-8: %s", row, text);
}

static void test_hostile(void **state)
{
	(void)state;
	for (int f = 0; f < CHECK_FORMAT_COUNT; f++) {
		const char *harmless, *name = check_format_names[f], *text;

		case_reset();
		make_all("worker");
		harmless = write_as((enum check_format)f);
		case_reset();
		make_all(HOSTILE);
		text = write_as((enum check_format)f);
		assert_same_shape(name, text, harmless);
		assert_null(strstr(text, "\xe2\x80\xae"));
	}
}

static void test_long(void **state)
{
	char *path = mem_alloc(&pool, 4097);

	(void)state;
	memset(path, 'a', 4096);
	for (int f = 0; f < CHECK_FORMAT_COUNT; f++) {
		const char *harmless;

		case_reset();
		make_all("worker");
		harmless = write_as((enum check_format)f);
		case_reset();
		make_all(path);
		assert_same_shape(check_format_names[f], write_as((enum check_format)f), harmless);
	}
}

/* No format without all of the findings; those of the wrong kind named in none but a summary. */
static void test_same_findings(void **state)
{
	static const char *const ids[] = { "first", "second", "third", "policy-file" };

	(void)state;
	for (int f = 0; f < CHECK_FORMAT_COUNT; f++) {
		const char *text;

		case_reset();
		make_all("worker");
		text = write_as((enum check_format)f);
		for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
			assert_row_contains(check_format_names[f], text, ids[i]);
		assert_row_contains(check_format_names[f], text, "100");
		assert_row_contains(check_format_names[f], text, "101");
	}
}

static void test_json(void **state)
{
	json_t *o, *finding;
	json_error_t error;

	(void)state;
	make_all(HOSTILE);
	o = json_loads(write_as(CHECK_FORMAT_JSON), 0, &error);
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "check")), 1);
	assert_string_equal(json_string_value(json_object_get(o, "time")), "2026-11-22T08:00:00Z");
	assert_int_equal(json_integer_value(json_object_get(o, "exit_code")), 2);
	assert_int_equal(json_array_size(json_object_get(o, "findings")), result.n_findings);
	finding = json_array_get(json_object_get(o, "findings"), 6);
	assert_string_equal(json_string_value(json_object_get(finding, "id")), "third");
	/* As it is: who reads JSON gets the name, and not what is made of it for a terminal. */
	assert_string_equal(json_string_value(json_object_get(json_object_get(finding, "process"), "name")),
			    utf8_repair(&pool, HOSTILE));
	json_decref(o);
}

static void test_tap(void **state)
{
	const char *text;

	(void)state;
	make_all("worker");
	text = write_as(CHECK_FORMAT_TAP);
	assert_memory_equal(text,
			    "TAP version 13\n1..9\nnot ok 1 - node: first\n  ---\n  status: \"fail\"\n"
			    "  observed: \"defrag=worker\"\n  expected: \"good\"\n  why: \"because\"\n"
			    "  fix: \"do this\"\n  ...\nnot ok 2 - node: second\n",
			    170);
	assert_int_equal(count(text, "\nok "), 4);
	assert_int_equal(count(text, "\nnot ok "), 5);
	assert_non_null(strstr(text, "\nok 5 - process 100 server: third\n"));
	assert_non_null(strstr(text, "\nnot ok 8 - process 101 worker: fourth # TODO ignored: because of worker\n"));
	/* Warnings at the threshold fail. */
	request.fail_on = CHECK_WARN;
	assert_non_null(strstr(write_as(CHECK_FORMAT_TAP), "\nnot ok 5 - process 100 server: third\n"));
	/* A name is no directive. */
	processes[0].name = mem_strdup(&pool, "x # SKIP y");
	assert_non_null(strstr(write_as(CHECK_FORMAT_TAP), "\nnot ok 5 - process 100 x \\# SKIP y: third\n"));
}

static void test_junit(void **state)
{
	const char *text;

	(void)state;
	make_all("a<b");
	text = write_as(CHECK_FORMAT_JUNIT);
	assert_non_null(strstr(text, "<testsuites name=\"allocrun --check\" tests=\"9\" failures=\"2\" errors=\"1\" "
				     "skipped=\"2\" time=\"0\">\n"));
	assert_non_null(strstr(text, " <testsuite name=\"node\" tests=\"5\" failures=\"2\" errors=\"1\" skipped=\"0\" "
				     "time=\"0\" timestamp=\"2026-11-22T08:00:00\">\n"));
	assert_non_null(strstr(text, "<testsuite name=\"process 101 a&lt;b\" tests=\"2\" failures=\"0\" "));
	assert_int_equal(count(text, "<failure "), 2);
	assert_int_equal(count(text, "<error "), 1);
	assert_int_equal(count(text, "<skipped "), 2);
	request.fail_on = CHECK_WARN;
	assert_int_equal(count(write_as(CHECK_FORMAT_JUNIT), "<failure "), 4);
}

static void test_prometheus(void **state)
{
	const char *text;

	(void)state;
	make_all("a\"\\|");
	case_found[0] = case_finding(CHECK_SKIP, "one node");
	text = write_as(CHECK_FORMAT_PROMETHEUS);
	assert_non_null(
		strstr(text, "\nallocrun_check_status{id=\"first\",scope=\"node\",pid=\"\",process=\"\"} -1\n"));
	assert_non_null(
		strstr(text, "\nallocrun_check_status{id=\"second\",scope=\"node\",pid=\"\",process=\"\"} 3\n"));
	assert_non_null(strstr(text, "\nallocrun_check_status{id=\"third\",scope=\"process\",pid=\"101\","
				     "process=\"a\\\"\\\\|\"} 1\n"));
	assert_non_null(strstr(text, "\nallocrun_check_ignored{id=\"fourth\",scope=\"process\",pid=\"100\","
				     "process=\"server\"} 1\n"));
	assert_non_null(strstr(text, "\nallocrun_check_findings{status=\"ignored\"} 2\n"));
	assert_non_null(strstr(text, "\nallocrun_check_timestamp_seconds 1795334400\n"));
	assert_non_null(strstr(text, "\nallocrun_check_exit_code 2\n"));
	assert_non_null(strstr(text, "\nallocrun_check_processes 2\n"));
}

/* What the two node checks find, and Nagios' own code for it, whatever --fail-on says. */
static const struct {
	enum check_status first, second;
	int code;
	const char *start;
} nagios_rows[] = {
	{ CHECK_OK, CHECK_SKIP, 0,
	  "ALLOCRUN OK - 1 ok, 3 not applicable | fail=0;;0;0 warn=0;0;;0 unknown=0;;;0 "
	  "ok=1;;;0 skip=3;;;0 ignored=0;;;0\n" },
	{ CHECK_WARN, CHECK_OK, 1,
	  "ALLOCRUN WARNING - 1 warning, 1 ok, 2 not applicable; first: a\\x7cb | fail=0;;0;0 warn=1;" },
	{ CHECK_WARN, CHECK_UNKNOWN, 1,
	  "ALLOCRUN WARNING - 1 warning, 1 unknown, 2 not applicable; first: a\\x7cb | " },
	{ CHECK_FAIL, CHECK_UNKNOWN, 2,
	  "ALLOCRUN CRITICAL - 1 failure, 1 unknown, 2 not applicable; first: a\\x7cb | " },
	{ CHECK_OK, CHECK_UNKNOWN, 3, "ALLOCRUN UNKNOWN - 1 unknown, 1 ok, 2 not applicable; second: a\\x7cb | " },
};

static void test_nagios(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof nagios_rows / sizeof *nagios_rows; i++) {
		const char *text;

		case_reset();
		case_found[0] = case_finding(nagios_rows[i].first, "a|b");
		case_found[1] = case_finding(nagios_rows[i].second, "a|b");
		text = write_as(CHECK_FORMAT_NAGIOS);
		assert_row_int(nagios_rows[i].start, format_exit_code(CHECK_FORMAT_NAGIOS, &result),
			       nagios_rows[i].code);
		if (strncmp(text, nagios_rows[i].start, strlen(nagios_rows[i].start)) != 0)
			fail_msg("expected: %s\ngot: %s", nagios_rows[i].start, text);
		/* The one that performance data stand behind. */
		assert_int_equal(count(text, "|"), 1);
	}
	assert_int_equal(format_exit_code(CHECK_FORMAT_JSON, &result), result.exit_code);
}

/* All findings and the sum, as entries of the journal. */
static const char *write_journal(const char *name)
{
	char *text;

	case_reset();
	make_all(name);
	write_as(CHECK_FORMAT_TEXT);
	text = format_journal_summary(&pool, &report);
	for (size_t i = 0; i < result.n_findings; i++)
		text = mem_printf(&pool, "%s%s", text, format_journal_finding(&pool, &result.findings[i]));
	return text;
}

static void test_journal(void **state)
{
	const char *text = write_journal("worker");

	(void)state;
	assert_non_null(strstr(text,
			       "MESSAGE=fail first, node: defrag=worker; fix: do this\n"
			       "PRIORITY=3\nSYSLOG_IDENTIFIER=allocrun\nALLOCRUN_CHECK=first\nALLOCRUN_STATUS=fail\n"
			       "ALLOCRUN_OBSERVED=defrag=worker\n"));
	assert_int_equal(count(text, "PRIORITY=3\n"), count(text, "ALLOCRUN_STATUS=fail\n") + 1);
	assert_int_equal(count(text, "ALLOCRUN_PID="), 4);
	assert_non_null(strstr(text, "ALLOCRUN_COUNT_FAIL="));
	/* A line of an entry is a field: nobody adds one. */
	assert_same_shape("journal", write_journal(HOSTILE), text);
}

static void test_text(void **state)
{
	const char *text;

	(void)state;
	make_all("worker");
	request.policy_problem = NULL;
	text = write_as(CHECK_FORMAT_TEXT);
	assert_string_equal(text, "Machine    Linux 6.18-worker, x86_64, 2 CPUs, 1 GiB, 0 NUMA nodes, 0 GPUs\n"
				  "Processes  2 of unit worker\n"
				  "\nNode\n"
				  "  FAIL     first: defrag=worker\n"
				  "           expected  good\n"
				  "           why       because\n"
				  "           fix       do this\n"
				  "  unknown  second: worker: Permission denied\n"
				  "           expected  better than worker\n"
				  "           fix       echo worker\n"
				  "  ok       2: process-found policy-ignores\n"
				  "  -        1 that do not apply here: policy-file\n"
				  "\nProcess 100 server\n"
				  "  warn     third: /tmp/worker.so\n"
				  "           expected  fine\n"
				  "           why       as\n"
				  "           fix       do it\n"
				  "  ignored  fourth: options of worker\n"
				  "           ignored   because of worker\n"
				  "\nProcess 101 worker\n"
				  "  warn     third: /tmp/worker.so\n"
				  "           expected  fine\n"
				  "  ignored  fourth: options of worker\n"
				  "           ignored   because of worker\n"
				  "\n1 failure, 2 warnings, 1 unknown, 2 ok, 1 not applicable, 2 ignored\n");
	report.has_color = true;
	assert_non_null(strstr(format_text(&pool, &report), "\033[31mFAIL    \033[0m first"));
	report.has_color = false;
	report.is_quiet = true;
	assert_string_equal(format_text(&pool, &report),
			    "fail: 1 failure, 2 warnings, 1 unknown, 2 ok, 1 not applicable, 2 ignored; "
			    "first: defrag=worker\n");
	/* The word and the names are those of the exit code. */
	case_found[0].status = CHECK_OK;
	write_as(CHECK_FORMAT_TEXT);
	report.is_quiet = true;
	assert_string_equal(format_text(&pool, &report),
			    "unknown: 2 warnings, 1 unknown, 3 ok, 1 not applicable, 2 ignored; "
			    "second: worker: Permission denied\n");
	case_found[1].status = CHECK_OK;
	write_as(CHECK_FORMAT_TEXT);
	report.is_quiet = true;
	assert_string_equal(format_text(&pool, &report),
			    "ok: 2 warnings, 4 ok, 1 not applicable, 2 ignored; third (process 100 server): "
			    "/tmp/worker.so; third (process 101 worker): /tmp/worker.so\n");
	report.is_quiet = false;
	report.is_verbose = true;
	facts.samples = &(const struct live_samples){ (struct live_sample[]){ { 0, NULL, 0 }, { 2499, NULL, 0 } }, 2 };
	assert_non_null(strstr(format_text(&pool, &report), "Processes  2 of unit worker, watched for 2 s\n"));
	assert_non_null(strstr(format_text(&pool, &report), "  ok       process-found: unit worker: 2 processes\n"));
}

/* What is not known need not be bad: no format tells the remedy for what is. */
static void test_unknown_has_no_remedy(void **state)
{
	(void)state;
	for (int f = 0; f < CHECK_FORMAT_COUNT; f++) {
		case_reset();
		case_found[0] = case_finding(CHECK_WARN, "bad");
		if (f != CHECK_FORMAT_PROMETHEUS)
			assert_row_contains(check_format_names[f], write_as((enum check_format)f), "do this");
		case_found[0] = case_finding(CHECK_UNKNOWN, "unreadable");
		assert_null(strstr(write_as((enum check_format)f), "do this"));
	}
}

/* What somebody has switched off on purpose does not go unseen. */
static void test_text_told(void **state)
{
	(void)state;
	case_look_at_processes();
	live.n_processes = 1;
	case_found[2] = case_finding(CHECK_SKIP, "switched off");
	case_found[3] = case_finding(CHECK_SKIP, "not here");
	case_found[2].is_told = true;
	assert_non_null(strstr(write_as(CHECK_FORMAT_TEXT), "\nProcess 100 server\n  -        third: switched off\n"
							    "  -        1 that do not apply here: fourth\n"));
	report.is_quiet = true;
	assert_string_equal(format_text(&pool, &report),
			    "ok: 3 ok, 4 not applicable; third (process 100 server): switched off\n");
}

/* The worst process first; those that are fine are counted once there are many. */
static void test_text_order(void **state)
{
	struct live_process *many = mem_alloc(&pool, 40 * sizeof *many);
	struct finding *findings;
	const char *text;

	(void)state;
	case_look_at_processes();
	for (int i = 0; i < 40; i++)
		many[i] = (struct live_process){ .pid = 100 + i, .name = mem_strdup(&pool, "w") };
	live.processes = many;
	live.n_processes = 40;
	case_run();
	findings = result.findings;
	for (size_t i = 0; i < result.n_findings; i++) {
		if (findings[i].process == &many[30] && strcmp(findings[i].check->id, "third") == 0)
			findings[i].status = CHECK_WARN;
		if (findings[i].process == &many[35] && strcmp(findings[i].check->id, "third") == 0)
			findings[i].status = CHECK_FAIL;
	}
	report = (struct audit_report){ .request = &request, .facts = &facts, .result = &result };
	text = format_text(&pool, &report);
	assert_true(strstr(text, "Process 135 w") < strstr(text, "Process 130 w"));
	assert_true(strstr(text, "Process 130 w") < strstr(text, "Process 100 w"));
	assert_non_null(strstr(text, "Process 115 w"));
	assert_null(strstr(text, "Process 116 w"));
	assert_non_null(strstr(text, "\n22 more processes with nothing to say about\n"));
}

static void test_describe(void **state)
{
	const char *text = format_checks_text(&pool, case_table, NULL);
	json_t *o;

	(void)state;
	assert_int_equal(count(text, "\n"), 7);
	assert_non_null(strstr(text, "third                process  of a process\n"));
	assert_non_null(strstr(format_checks_text(&pool, case_table, &case_table[0]), "Fix        do this\n"));
	o = json_loads(format_checks_json(&pool, case_table, &case_table[1]), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(o, "checks")), 1);
	json_decref(o);
	o = json_loads(format_checks_json(&pool, case_table, NULL), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(o, "checks")), 7);
	json_decref(o);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, pool_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_hostile),       CASE(test_long),
		CASE(test_same_findings), CASE(test_json),
		CASE(test_tap),           CASE(test_junit),
		CASE(test_prometheus),    CASE(test_nagios),
		CASE(test_text),          CASE(test_unknown_has_no_remedy),
		CASE(test_text_told),     CASE(test_text_order),
		CASE(test_describe),      CASE(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
