/* SPDX-License-Identifier: Apache-2.0 */
/* What the purge thread says of itself, from the memory of a process that need not be honest. */
#include <errno.h>

#include "live/purge.h"
#include "support/live_own.h"

static struct purge_figures figures;
static struct symtab_entry entry = { "allocrun_purge_figures", 0, sizeof figures };
static const struct symtab table = { .entries = &entry, .n = 1 };

static int open_figures(void **state)
{
	figures = (struct purge_figures){ .version = PURGE_FIGURES_VERSION,
					  .state = PURGE_THREAD_RUNS,
					  .pid = 12,
					  .error = 11,
					  .looks = 3,
					  .look_ns = 4000000000,
					  .purges = { 9, 1, 2, 3 },
					  .bytes = { 9, 10, 20, 30 },
					  .regrets = { 9, 4, 5, 6 },
					  .window_ms = 5000,
					  .idle_ms = 1500,
					  .busy_percent = 5,
					  .heap_mb = 32,
					  .limit = UINT64_MAX };
	entry = (struct symtab_entry){ "allocrun_purge_figures", AT(&figures), sizeof figures };
	return open_memory(state);
}

static int read_figures(int64_t now_ns, struct live_purge *ret)
{
	memory_forget(&memory);
	return purge_read(&memory, &table, 0, now_ns, ret);
}

static void assert_purged(const struct live_purged *purged, int64_t times, int64_t bytes, int64_t regrets)
{
	assert_int_equal(purged->times, times);
	assert_int_equal(purged->bytes, bytes);
	assert_int_equal(purged->regrets, regrets);
}

static void test_figures(void **state)
{
	struct live_purge purge;
	struct conf options = { NULL, 0 };

	(void)state;
	assert_int_equal(read_figures(INT64_C(6500000000), &purge), 0);
	assert_int_equal(purge.state, PURGE_THREAD_RUNS);
	assert_int_equal(purge.pid, 12);
	assert_int_equal(purge.error, 11);
	assert_int_equal(purge.look_age_ms, 2500);
	assert_purged(&purge.idle, 1, 10, 4);
	assert_purged(&purge.demand, 2, 20, 5);
	assert_purged(&purge.pressure, 3, 30, 6);
	assert_int_equal(purge.limit, FACT_UNLIMITED);
	purge_list_options(&pool, &purge, &options);
	assert_int_equal(options.n, 4);
	assert_string_equal(conf_find(&options, "window_ms")->value, "5000");
	assert_string_equal(conf_find(&options, "heap_mb")->value, "32");
	options = (struct conf){ NULL, 0 };
	purge.state = PURGE_THREAD_OFF;
	purge_list_options(&pool, &purge, &options);
	assert_int_equal(options.n, 0);
}

static void test_no_age(void **state)
{
	struct live_purge purge;

	(void)state;
	/* A clock that is not its own, one that is behind, and a look that never was. */
	assert_int_equal(read_figures(FACT_UNKNOWN, &purge), 0);
	assert_int_equal(purge.look_age_ms, FACT_UNKNOWN);
	assert_int_equal(read_figures(3999999999, &purge), 0);
	assert_int_equal(purge.look_age_ms, FACT_UNKNOWN);
	figures.looks = 0;
	assert_int_equal(read_figures(INT64_C(6500000000), &purge), 0);
	assert_int_equal(purge.look_age_ms, FACT_UNKNOWN);
}

/* Nothing rather than half, and no number that is none. */
static void test_hostile(void **state)
{
	struct live_purge purge = { .pid = 7 };

	(void)state;
	figures.version = 0;
	assert_int_equal(read_figures(0, &purge), -EAGAIN);
	figures.version = PURGE_FIGURES_VERSION + 1;
	assert_int_equal(read_figures(0, &purge), -ENODATA);
	figures.version = PURGE_FIGURES_VERSION;
	figures.state = PURGE_THREAD_FAILED + 1;
	assert_int_equal(read_figures(0, &purge), -ENODATA);
	figures.state = UINT64_C(1) << 32;
	assert_int_equal(read_figures(0, &purge), -ENODATA);
	figures.state = PURGE_THREAD_FAILED;
	entry.size -= 8;
	assert_int_equal(read_figures(0, &purge), -ENODATA);
	entry.size += 8;
	entry.value = 16;
	assert_int_equal(read_figures(0, &purge), -EFAULT);
	assert_int_equal(purge.pid, 7);
	entry.value = AT(&figures);
	figures.pid = figures.bytes[1] = figures.look_ns = UINT64_MAX;
	figures.limit = INT64_MAX;
	assert_int_equal(read_figures(INT64_MAX, &purge), 0);
	assert_int_equal(purge.pid, INT64_MAX - 1);
	assert_int_equal(purge.idle.bytes, INT64_MAX - 1);
	assert_int_equal(purge.look_age_ms, FACT_UNKNOWN);
	assert_int_equal(purge.limit, INT64_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_figures, open_figures, close_memory),
		cmocka_unit_test_setup_teardown(test_no_age, open_figures, close_memory),
		cmocka_unit_test_setup_teardown(test_hostile, open_figures, close_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
