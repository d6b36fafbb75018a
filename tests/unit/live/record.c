/* SPDX-License-Identifier: Apache-2.0 */
/* Launch records: true ones, and whatever else may lie in their place. */
#include <stdio.h>
#include <string.h>

#include "live/context.h"
#include "support/pool.h"

#define HEAD "{\"record\": 1, \"pid\": 1, \"start_time\": 8765"

/* As it is seen from the host: PID 4711, which is 1 in its own namespace. */
static const struct live_process process = { .pid = 4711, .status.inner_pid = 1, .start_time = 8765 };

static struct live_record parse(const char *text)
{
	struct live_record record = { .path = NULL };

	live_record_parse(&pool, text, strlen(text), &process, &record);
	return record;
}

static void test_record(void **state)
{
	struct live_record r = parse(
		HEAD
		", \"allocrun\": \"0.1\", \"profile\": \"balanced\","
		" \"build\": {\"build_id\": \"abcd\", \"path\": \"/opt/lib.so\"},"
		" \"plan\": ["
		"{\"step\": \"affinity\", \"name\": \"CPU affinity\", \"value\": \"CPUs 0-1\", \"outcome\": \"done\"},"
		"{\"step\": \"mempolicy\", \"name\": \"memory policy\", \"value\": null, \"outcome\": \"nothing to do\"},"
		"{\"step\": \"options\", \"name\": \"MALLOC_CONF\", \"value\": \"narenas:2,dirty_decay_ms:-1\", \"outcome\": \"done\"}"
		"]}");

	(void)state;
	assert_null(r.problem);
	assert_false(r.is_stale);
	assert_string_equal(r.version, "0.1");
	assert_string_equal(r.profile, "balanced");
	assert_string_equal(r.build_id, "abcd");
	assert_string_equal(r.library, "/opt/lib.so");
	assert_int_equal(r.n_steps, 3);
	assert_string_equal(r.steps[0].step, "affinity");
	assert_string_equal(r.steps[0].value, "CPUs 0-1");
	assert_null(r.steps[1].value);
	assert_string_equal(r.steps[1].outcome, "nothing to do");
	assert_int_equal(r.options.n, 2);
	assert_string_equal(conf_find(&r.options, "narenas")->value, "2");
	assert_string_equal(conf_find(&r.options, "dirty_decay_ms")->value, "-1");
}

/* Numbers can be compared with its table in memory; words and sizes stand there as other numbers. */
static void test_mimalloc(void **state)
{
	struct live_record r = parse(
		HEAD
		", \"plan\": ["
		"{\"step\": \"options\", \"name\": \"MIMALLOC_PURGE_DELAY\", \"value\": \"0\", \"outcome\": \"done\"},"
		"{\"step\": \"options\", \"name\": \"MIMALLOC_ALLOW_THP\", \"value\": \"yes\", \"outcome\": \"done\"},"
		"{\"step\": \"options\", \"name\": \"MIMALLOC_ARENA_RESERVE\", \"value\": \"1GiB\", \"outcome\": \"done\"},"
		"{\"step\": \"options\", \"name\": \"MIMALLOC_USE_NUMA_NODES\", \"value\": \"2\", \"outcome\": \"refused\"},"
		"{\"step\": \"options\", \"name\": \"MIMALLOC_NO_SUCH\", \"value\": \"2\", \"outcome\": \"done\"}]}");

	(void)state;
	assert_int_equal(r.options.n, 1);
	assert_string_equal(conf_find(&r.options, "purge_delay")->value, "0");
}

static void test_rejected(void **state)
{
	static const struct {
		const char *text, *problem;
		bool is_stale;
	} cases[] = {
		{ "", "it is damaged", false },
		{ "{", "it is damaged", false },
		{ HEAD ", \"plan\": [{\"step\": \"aff", "it is damaged", false },
		{ "[]", "no launch record", false },
		{ "null", "it is damaged", false },
		{ "{}", "no launch record", false },
		{ "{\"record\": 0}", "no launch record", false },
		{ "{\"record\": -1}", "no launch record", false },
		{ "{\"record\": \"1\"}", "no launch record", false },
		{ "{\"record\": 1.5}", "no launch record", false },
		{ "{\"record\": 3}", "version 3, this allocrun reads 2", false },
		{ "{\"record\": 9223372036854775807}", "version 9223372036854775807", false },
		{ "{\"record\": 92233720368547758070}", "it is damaged", false },
		{ "{\"record\": 1, \"pid\": 1, \"start_time\": 8764}", "earlier process 4711", true },
		{ "{\"record\": 1, \"pid\": 2, \"start_time\": 8765}", "another process", false },
		/* The PID of the host is not that which the launcher saw. */
		{ "{\"record\": 1, \"pid\": 4711, \"start_time\": 8765}", "another process", false },
		{ "{\"record\": 1, \"start_time\": 8765}", "another process", false },
		{ HEAD ", \"not_started\": \"exec: No such file\"}", "not started", false },
		{ HEAD ", \"pid\": 1}", "it is damaged", false }, /* a key twice: which one is true? */
		{ HEAD "} trailing", "it is damaged", false },
		{ HEAD ", \"profile\": \"\xff\xfe\"}", "it is damaged", false },
		{ HEAD ", \"profile\": \"\\u0000\"}", "it is damaged", false },
		{ HEAD ", \"plan\": []}", NULL, false },
		/* Nothing that it says was done, or was done to this process. */
		{ HEAD "}", "no plan", false },
		{ HEAD ", \"plan\": {}}", "no plan", false },
		{ HEAD ", \"plan\": null}", "no plan", false },
		{ "{\"record\": 1, \"pid\": 1, \"plan\": []}", "no start_time", false },
		{ "{\"record\": 1, \"pid\": 1, \"start_time\": null, \"plan\": []}", "no start_time", false },
		{ "{\"record\": 1, \"pid\": 1, \"start_time\": 8765.0, \"plan\": []}", "no start_time", false },
		{ "{\"record\": 1, \"pid\": 1, \"start_time\": \"8765\", \"plan\": []}", "no start_time", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct live_record r = parse(cases[i].text);

		assert_row_contains(cases[i].text, r.problem, cases[i].problem);
		assert_row_int(cases[i].text, r.is_stale, cases[i].is_stale);
		assert_row_int(cases[i].text, (long long)r.n_steps, 0);
	}
}

/* Fields of another type than they should have are absent ones. */
static void test_wrong_types(void **state)
{
	static const char *const texts[] = {
		HEAD ", \"plan\": [], \"build\": [], \"profile\": 7, \"allocrun\": null}",
		HEAD ", \"plan\": [3], \"build\": null}",
		HEAD
		", \"plan\": [1, null, \"x\", [], {}, {\"step\": \"a\"}, {\"step\": 1, \"name\": 2, \"outcome\": 3},"
		"{\"step\": \"a\", \"name\": \"b\", \"outcome\": null}]}",
		HEAD ", \"plan\": [], \"build\": {\"build_id\": {}, \"path\": []}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct live_record r = parse(texts[i]);

		assert_row_string(texts[i], r.problem, NULL);
		assert_row_int(texts[i], (long long)r.n_steps, 0);
		assert_row_string(texts[i], r.profile, NULL);
		assert_row_string(texts[i], r.build_id, NULL);
		assert_row_string(texts[i], r.library, NULL);
	}
}

/* What is in a record is shown to an operator: kept as it is, escaped where it is shown. */
static void test_hostile_strings(void **state)
{
	struct live_record r = parse(
		HEAD
		", \"profile\": \"\\u001b[2J\\n|'`\", \"plan\": ["
		"{\"step\": \"options\", \"name\": \"MALLOC_CONF\", \"value\": \"narenas:0,no:such,:::,narenas\", \"outcome\": \"done\"}]}");

	(void)state;
	assert_null(r.problem);
	assert_string_equal(r.profile, "\x1b[2J\n|'`");
	assert_int_equal(r.options.n, 0);
	assert_int_equal(r.n_steps, 1);
}

static void test_deep_nesting(void **state)
{
	static const size_t depth = 400000;
	char *text = mem_alloc(&pool, 2 * depth + 64);
	struct live_record r;

	(void)state;
	memset(text, '[', depth);
	r = parse(text);
	assert_non_null(r.problem);
	/* And well-formed. */
	memset(text, ']', 2 * depth);
	memset(text, '[', depth);
	r = parse(text);
	assert_non_null(r.problem);
}

/* Cut off behind each of its bytes: damaged, never half a record. */
static void test_truncated(void **state)
{
	static const char text[] = HEAD
		", \"allocrun\": \"0.1\", \"build\": {\"path\": \"/x\"}, \"plan\": ["
		"{\"step\": \"affinity\", \"name\": \"n\", \"value\": \"CPUs 0\", \"outcome\": \"done\"}]}";

	(void)state;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		/* Of the exact size, for the sanitizer. */
		char *part = mem_dup(&pool, text, n ? n : 1);
		struct live_record r = { .path = NULL };

		live_record_parse(&pool, part, n, &process, &r);
		assert_non_null(r.problem);
		assert_int_equal(r.n_steps, 0);
	}
	assert_null(parse(text).problem);
}

static void test_many_steps(void **state)
{
	static const char step[] = "{\"step\": \"a\", \"name\": \"b\", \"outcome\": \"done\"},";
	char *text = mem_alloc(&pool, 1024 * 1024 + 256);
	size_t at = (size_t)sprintf(text, HEAD ", \"plan\": ["), n = 0;

	(void)state;
	for (; at + sizeof step < 1024 * 1024; n++)
		at += (size_t)sprintf(text + at, "%s", step);
	sprintf(text + at - 1, "]}");
	assert_int_equal(parse(text).n_steps, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_record),          TEST(test_mimalloc),     TEST(test_rejected),  TEST(test_wrong_types),
		TEST(test_hostile_strings), TEST(test_deep_nesting), TEST(test_truncated), TEST(test_many_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
