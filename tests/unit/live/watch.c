/* SPDX-License-Identifier: Apache-2.0 */
#include "live/watch.h"
#include "support/pool.h"

/* A machine whose clock moves only as a look or a wait moves it. */
struct clockwork {
	int64_t now, look_costs;
	int64_t interrupted_at; /* FACT_UNLIMITED: never */
	size_t n_looks, n_thorough;
	bool was_last_thorough;
	size_t n_processes;
	size_t n_living_looks; /* 0: all of them; else those behind them find nobody */
	bool leaves_zombie;
};

static void look(void *user, struct mem *m, bool thorough, struct live_facts *ret)
{
	struct clockwork *c = user;

	c->now += c->look_costs;
	c->n_looks++;
	c->n_thorough += thorough;
	c->was_last_thorough = thorough;
	*ret = (struct live_facts){ .processes = mem_alloc(m, 2 * sizeof(struct live_process)),
				    .n_processes = c->n_processes };
	if (c->n_living_looks && c->n_looks > c->n_living_looks && !c->leaves_zombie)
		*ret = (struct live_facts){ .problem = mem_strdup(m, "there is no process 1") };
	for (size_t i = 0; i < ret->n_processes; i++)
		ret->processes[i] = (struct live_process){ .pid = (int64_t)i + 1,
							   .start_time = 7,
							   .status.rss_anon = 1000 * (int64_t)c->n_looks };
	for (size_t i = 0; i < ret->n_processes && c->n_living_looks && c->n_looks > c->n_living_looks; i++)
		ret->processes[i] = (struct live_process){
			.pid = (int64_t)i + 1, .start_time = 7, .state = LIVE_ZOMBIE, .status.rss_anon = FACT_UNKNOWN
		};
}

static int64_t now_ms(void *user)
{
	return ((struct clockwork *)user)->now;
}

static bool wait_until_ms(void *user, int64_t deadline)
{
	struct clockwork *c = user;

	if (c->interrupted_at < deadline) {
		c->now = c->now > c->interrupted_at ? c->now : c->interrupted_at;
		return false;
	}
	if (deadline > c->now)
		c->now = deadline;
	return true;
}

static struct live_samples watch(struct clockwork *c, int64_t seconds, struct live_facts *ret_live)
{
	const struct watch_hooks hooks = { c, look, now_ms, wait_until_ms };

	return watch_processes(&pool, &hooks, seconds, ret_live);
}

static void test_every_second(void **state)
{
	struct clockwork c = { .now = 5000, .interrupted_at = FACT_UNLIMITED, .n_processes = 2 };
	struct live_facts live;
	struct live_samples s = watch(&c, 3, &live);

	(void)state;
	assert_int_equal(s.n, 4);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(s.items[i].after_ms, 1000 * i);
		assert_int_equal(s.items[i].n_points, 2);
		assert_int_equal(s.items[i].points[0].rss_anon, 1000 * (i + 1));
	}
	/* The costly looks are the first one and the last one, whose processes are kept. */
	assert_int_equal(c.n_thorough, 2);
	assert_true(c.was_last_thorough);
	assert_int_equal(live.processes[1].status.rss_anon, 4000);
}

static void test_one_second(void **state)
{
	struct clockwork c = { .interrupted_at = FACT_UNLIMITED, .n_processes = 1 };
	struct live_facts live;
	struct live_samples s = watch(&c, 1, &live);

	(void)state;
	assert_int_equal(s.n, 2);
	assert_int_equal(s.items[1].after_ms, 1000);
}

/* A day of samples is no more than an hour of them. */
static void test_bounded(void **state)
{
	static const int64_t seconds[] = { 59, 60, 61, 119, 120, 3600, 86399, 86400 };

	(void)state;
	for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
		struct clockwork c = { .interrupted_at = FACT_UNLIMITED, .n_processes = 1 };
		const char *row = mem_printf(&pool, "%lld s", (long long)seconds[i]);
		struct live_facts live;
		struct live_samples s = watch(&c, seconds[i], &live);

		assert_true(s.n >= 31 && s.n <= WATCH_SAMPLES_MAX);
		assert_row_int(row, s.items[s.n - 1].after_ms, 1000 * seconds[i]);
	}
}

/* Looks that take longer than a second leave samples out; the watch ends in time. */
static void test_slow_looks(void **state)
{
	struct clockwork c = { .interrupted_at = FACT_UNLIMITED, .look_costs = 2500, .n_processes = 1 };
	struct live_facts live;
	struct live_samples s = watch(&c, 5, &live);

	(void)state;
	assert_int_equal(s.n, 3);
	assert_int_equal(s.items[1].after_ms, 3000);
	/* The last look begins at most one look behind the end. */
	assert_int_equal(s.items[2].after_ms, 5500);
}

/* Whoever interrupts gets what there is, up to now. */
static void test_interrupted(void **state)
{
	struct clockwork c = { .interrupted_at = 1500, .n_processes = 1 };
	struct live_facts live;
	struct live_samples s = watch(&c, 60, &live);

	(void)state;
	assert_int_equal(s.n, 3);
	assert_int_equal(s.items[2].after_ms, 1500);
	assert_true(c.was_last_thorough);
	/* Before the first second is over. */
	c = (struct clockwork){ .interrupted_at = 10, .n_processes = 1 };
	s = watch(&c, 60, &live);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.items[1].after_ms, 10);
}

/* Nobody is there: there is nothing to wait for. */
static void test_nobody(void **state)
{
	struct clockwork c = { .interrupted_at = FACT_UNLIMITED, .n_processes = 0 };
	struct live_facts live;
	struct live_samples s = watch(&c, 86400, &live);

	(void)state;
	assert_int_equal(c.n_looks, 1);
	assert_int_equal(c.now, 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(live.n_processes, 0);
}

/* They end while they are watched: what was seen up to then is told of them. */
static void test_all_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct clockwork c = {
			.interrupted_at = FACT_UNLIMITED, .n_processes = 2, .n_living_looks = 4, .leaves_zombie = i
		};
		struct live_facts live;
		struct live_samples s = watch(&c, 3600, &live);

		assert_int_equal(c.n_looks, 5);
		assert_int_equal(s.n, 4);
		assert_null(live.problem);
		assert_int_equal(live.n_processes, 2);
		for (size_t k = 0; k < 2; k++) {
			const struct live_point *last = samples_find(&s.items[3], &live.processes[k]);

			assert_non_null(last);
			assert_int_equal(last->rss_anon, 4000);
			assert_int_equal(live.processes[k].state, LIVE_GONE);
			assert_row_contains("problem", live.processes[k].problem, "ended 240 s into the watch");
			assert_row_contains("problem", live.processes[k].problem, "from 1000 B to 3.9 KiB");
		}
	}
}

static void test_find(void **state)
{
	struct clockwork c = { .interrupted_at = FACT_UNLIMITED, .n_processes = 2 };
	struct live_facts live;
	struct live_samples s = watch(&c, 1, &live);
	struct live_process reused = { .pid = 2, .start_time = 8 };

	(void)state;
	assert_ptr_equal(samples_find(&s.items[0], &live.processes[1]), &s.items[0].points[1]);
	/* The same PID, another process. */
	assert_null(samples_find(&s.items[0], &reused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_second), TEST(test_one_second), TEST(test_bounded), TEST(test_slow_looks),
		TEST(test_interrupted),  TEST(test_nobody),     TEST(test_all_end), TEST(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
