/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of allocrun-node, and what its gate takes for proved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/node.h"

static int parse(struct mem *m, const char *text, struct journal *ret, const char **ret_problem)
{
	return journal_parse(m, text, strlen(text), ret, ret_problem);
}

#define JOURNAL(more) "{\"journal\": 1, \"state\": \"applied\", " more "}"
#define LISTS(files, units) "\"files\": [" files "], \"units\": [" units "]"

static void test_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"[",
		"[]",
		"null",
		"{}",
		"{\"journal\": 1}",
		"{\"journal\": 1, \"journal\": 1}",
		JOURNAL("\"version\": \"1\""),
		JOURNAL(LISTS("", "")),
		JOURNAL("\"version\": \"../1\", " LISTS("", "")),
		JOURNAL("\"version\": \"1\", \"before\": \"-x\", " LISTS("", "")),
		JOURNAL("\"version\": \"1\", " LISTS("1", "")),
		JOURNAL("\"version\": \"1\", " LISTS("{\"path\": \"etc\"}", "")),
		JOURNAL("\"version\": \"1\", " LISTS("{\"path\": \"/a/../b\"}", "")),
		JOURNAL("\"version\": \"1\", " LISTS("{\"path\": \"/a\", \"backup\": \"../b\"}", "")),
		JOURNAL("\"version\": \"1\", " LISTS("{\"path\": \"/a\", \"mode\": 65536}", "")),
		JOURNAL("\"version\": \"1\", " LISTS("{\"path\": \"/a\", \"uid\": -1}", "")),
		JOURNAL("\"version\": \"1\", " LISTS("", "{\"name\": \"-H\"}")),
		JOURNAL("\"version\": \"1\", " LISTS("", "{}")),
		JOURNAL("\"version\": \"1\", " LISTS("",
						     "") ", \"settings\": [{\"path\": \"/etc/x\", \"value\": \"1\"}]"),
		JOURNAL("\"version\": \"1\", " LISTS(
			"", "") ", \"settings\": [{\"path\": \"/sys/../etc/x\", \"value\": \"1\"}]"),
		JOURNAL("\"version\": \"1\", " LISTS("", "") ", \"settings\": [{\"path\": \"/sys/x\"}]"),
	};
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mem m = MEM_INIT;
		struct journal j = { .deadline = 7 };
		const char *problem = NULL;

		if (parse(&m, bad[i], &j, &problem) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(problem);
		assert_int_equal(j.deadline, 7);
		mem_free_all(&m);
	}
}

static void test_round(void **state)
{
	static const char text[] = JOURNAL("\"version\": \"1\", \"whole\": true, \"deadline\": 5, " LISTS(
		"{\"path\": \"/a\", \"backup\": \"0-a\", \"mode\": 416, \"uid\": 1, \"gid\": 2}, {\"path\": \"/l\", \"link\": \"x\"}",
		"{\"name\": \"srv.service\", \"was_active\": true, \"rss\": 9}"));
	struct mem m = MEM_INIT;
	struct journal j, again;
	const char *problem = NULL;
	char *printed;
	(void)state;

	assert_int_equal(parse(&m, text, &j, &problem), 0);
	printed = journal_print(&m, &j);
	assert_int_equal(parse(&m, printed, &again, &problem), 0);
	assert_string_equal(journal_print(&m, &again), printed);
	assert_int_equal(again.state, NODE_APPLIED);
	assert_true(again.is_whole);
	assert_int_equal(again.files[0].mode, 0640);
	assert_string_equal(again.files[1].link, "x");
	assert_true(again.units[0].was_active);
	assert_int_equal(again.units[0].latency_us, NODE_NOTHING);
	mem_free_all(&m);
}

#define FINDING(id, status) "{\"id\": \"" id "\", \"status\": \"" status "\", \"process\": {\"pid\": 1}}"
#define CHECK(findings, library) \
	"{\"findings\": [" findings "], \"processes\": {\"list\": [{\"library\": \"" library "\"}]}}"
#define OK FINDING("preload-effective", "ok")

static void test_gate(void **state)
{
	struct mem m = MEM_INIT;
	(void)state;

	assert_null(gate_check_json(&m, CHECK(OK ", " FINDING("options-in-force", "ok"), "/v/1/x"), "/v/1/"));
	assert_non_null(gate_check_json(&m, CHECK(OK ", " FINDING("options-in-force", "ok"), "/v/10/x"), "/v/1/"));
	assert_non_null(gate_check_json(&m, CHECK(OK ", " FINDING("options-in-force", "skip"), "/v/1/x"), "/v/1/"));
	assert_non_null(gate_check_json(&m, CHECK(OK ", " FINDING("options-in-force", "unknown"), "/v/1/x"), "/v/1/"));
	assert_non_null(gate_check_json(&m, CHECK(OK, "/v/1/x"), "/v/1/"));
	assert_non_null(gate_check_json(&m, "{\"findings\": [], \"processes\": {\"list\": []}}", "/v/1/"));
	assert_non_null(gate_check_json(&m, "x", "/v/1/"));
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
