/* SPDX-License-Identifier: Apache-2.0 */
/* --stat: what is not known is said or left out, and no number is too large. */
#include "report/stat.h"
#include "support/pool.h"

static struct live_heap_class classes[2];
static struct live_heap heap;
static struct live_purge purge;
static struct live_process process;
static struct live_facts live;

static int open_process(void **state)
{
	(void)state;
	classes[0] = (struct live_heap_class){ 64, 10, 640, 1, 0, 4096 };
	classes[1] = (struct live_heap_class){ 1024, 4, 4096, 4, 4, 16384 };
	heap = (struct live_heap){ .allocated = 4736,
				   .active = 20480,
				   .dirty = 8192,
				   .muzzy = FACT_UNKNOWN,
				   .retained = FACT_UNKNOWN,
				   .metadata = FACT_UNKNOWN,
				   .resident = 30000,
				   .arenas = 2,
				   .purges = FACT_UNKNOWN,
				   .purged = FACT_UNKNOWN,
				   .classes = classes,
				   .n_classes = 2 };
	purge = (struct live_purge){ .state = PURGE_THREAD_RUNS, .pid = 7, .idle = { 2, 3 << 20, 1 } };
	process = (struct live_process){ .pid = 4711,
					 .status.inner_pid = 7,
					 .status.rss_anon = 40960,
					 .status.n_threads = 3,
					 .name = "na\"me\n",
					 .heap = &heap,
					 .purge = &purge,
					 .purge_threads = FACT_UNKNOWN };
	live = (struct live_facts){ .processes = &process, .n_processes = 1 };
	return 0;
}

#define STAT_TEST(function) cmocka_unit_test_setup_teardown(function, open_process, pool_free)

static void assert_has(const char *text, const char *part)
{
	assert_row_contains(part, text, part);
}

static void test_text(void **state)
{
	const struct stat_report report = { &live, "PID 4711", true, false };
	const char *text = report_stat_text(&pool, &report);

	(void)state;
	assert_has(text, "PID 4711: 1 process\n");
	assert_has(text, "active      20 KiB      pages with something in use; 15 KiB of them between blocks");
	assert_has(text, "retained    unknown ");
	assert_has(text, "purge       runs: 3 MiB in 2 by idleness (1 too early)\n");
	/* The most wasteful first. */
	assert_has(strstr(text, "    1024 "), "      64 ");
	assert_null(strstr(text, "purged"));
	purge.pid = 8;
	assert_has(report_stat_text(&pool, &report), "purge       lost");
	process.heap = NULL;
	assert_has(report_stat_text(&pool, &report), "heap        unknown: no loaded object defines malloc\n");
}

static void test_prometheus(void **state)
{
	const struct stat_report report = { &live, "PID 4711", true, false };
	const char *text = report_stat_prometheus(&pool, &report);

	(void)state;
	assert_has(text, "allocrun_heap_bytes{pid=\"4711\",process=\"na\\\"me");
	assert_has(text, ",kind=\"dirty\"} 8192\n");
	assert_has(text, ",size=\"1024\",kind=\"used\"} 4096\n");
	assert_has(text, ",reason=\"idle\"} 2\n");
	assert_null(strstr(text, "retained"));
	process.heap = NULL;
	text = report_stat_prometheus(&pool, &report);
	assert_has(text, "allocrun_heap_known{pid=\"4711\",process=\"na\\\"me");
	assert_null(strstr(text, "allocrun_heap_bytes{"));
	/* The kernel's figures are there for every allocator. */
	assert_has(text, ",kind=\"anonymous\"} 40960\n");
}

static void test_json(void **state)
{
	const struct stat_report report = { &live, "PID 4711", false, false };
	const char *text = report_stat_json(&pool, &report);

	(void)state;
	assert_has(text, "\"asked\": \"PID 4711\"");
	assert_has(text, "\"retained\": null");
	assert_has(text, "\"state\": \"runs\"");
	assert_null(strstr(text, "classes"));
}

/* Counters that were read while they changed, or were made up. */
static void test_huge(void **state)
{
	const struct stat_report report = { &live, "PID 4711", true, false };

	(void)state;
	heap.allocated = INT64_MAX;
	heap.active = 0;
	classes[0] = (struct live_heap_class){ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 0 };
	purge.error = purge.idle.bytes = INT64_MAX - 1;
	purge.state = PURGE_THREAD_FAILED;
	assert_has(report_stat_text(&pool, &report), "; 0 B of them between blocks");
	assert_has(report_stat_json(&pool, &report), "9223372036854775806");
	assert_has(report_stat_prometheus(&pool, &report), "9223372036854775806");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAT_TEST(test_text),
		STAT_TEST(test_prometheus),
		STAT_TEST(test_json),
		STAT_TEST(test_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
