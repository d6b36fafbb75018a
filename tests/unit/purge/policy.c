/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purge thread's decisions (allocator/purge/policy.c) over played lives of a process: it is
 * pure, so a minute takes no time. Each life is a part with a demand; what is freed is kept until
 * the plan gives it back.
 */
#include "support/pool.h"

/* Compiled into libraries, and static there: declared for an allocator that is not here. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "purge/options.c"
#include "purge/policy.c"

#define MIB ((size_t)1 << 20)

static struct life {
	struct purge_options options;
	struct purge_state state;
	struct purge_look look;
	struct purge_plan plan;
	size_t given; /* all that went back */
	unsigned purges[PURGE_WHYS];
	bool stops[PURGE_WHYS]; /* when work returns, the last one would have */
} life;

static void life_begin(const char *options)
{
	memset(&life, 0, sizeof life);
	life.options = purge_options_read(options);
	life.look.count = 1;
	life.look.parts[0].is_held = true;
	life.look.limit = life.look.left = UINT64_MAX;
	life.look.wall_ns = ms_to_ns(1000);
	life.state.slot_ns = life.look.wall_ns;
	purge_state_begin(&life.state, &life.look);
}

/* The demand of the part, from now on: what it frees is kept, what it takes comes from that first. */
static void life_use(size_t mib)
{
	struct purge_part *part = &life.look.parts[0];
	size_t used = mib * MIB;

	if (used > part->used)
		part->kept -= used - part->used < part->kept ? used - part->used : part->kept;
	else
		part->kept += part->used - used;
	part->used = used;
	if (used > life.look.peaks[0])
		life.look.peaks[0] = used;
}

static void life_look(void)
{
	bool takes_peaks = purge_wants_peaks(&life.state, &life.options, life.look.wall_ns);
	struct purge_part *part = &life.look.parts[0];
	size_t bytes = 0;

	purge_decide(&life.state, &life.options, &life.look, &life.plan);
	if (takes_peaks)
		life.look.peaks[0] = part->used;
	if (life.plan.why == PURGE_NOTHING)
		return;
	if (life.plan.keep[0] < part->kept) {
		bytes = part->kept - life.plan.keep[0];
		part->kept = life.plan.keep[0];
		life.given += bytes;
	}
	life.purges[life.plan.why]++;
	life.stops[life.plan.why] = life.plan.stops_when_busy;
	purge_done(&life.state, &life.plan, bytes, &life.look);
}

/* So long, at `percent` of a core. */
static void life_pass(unsigned ms, unsigned percent)
{
	for (unsigned passed = 0; passed < ms; passed += 250) {
		life.look.wall_ns += ms_to_ns(250);
		life.look.cpu_ns += ms_to_ns(250) * percent / 100;
		life_look();
	}
}

static size_t kept_mib(void)
{
	return life.look.parts[0].kept / MIB;
}

static void test_idle(void **state)
{
	(void)state;
	life_begin("on");
	life_use(400);
	life_pass(6000, 150);
	life_use(10);
	life_pass(1000, 1);
	assert_int_equal(kept_mib(), 390);
	life_pass(1000, 1);
	assert_int_equal(kept_mib(), 0);
	assert_int_equal(life.purges[PURGE_IDLE], 1);
	assert_true(life.stops[PURGE_IDLE]);
	/* Nothing is left to look after. */
	life_pass(250, 1);
	assert_int_equal(life.plan.sleep_ms, PURGE_SLEEP);
}

/* A server whose loop spins while it idles never looks idle: its demand does. */
static void test_spinning(void **state)
{
	(void)state;
	life_begin("on");
	life_use(400);
	life_pass(6000, 100);
	life_use(10);
	life_pass(4000, 100);
	assert_int_equal(kept_mib(), 390);
	life_pass(3000, 100);
	assert_in_range(kept_mib(), 0, 1);
	assert_int_equal(life.purges[PURGE_IDLE], 0);
	assert_int_not_equal(life.purges[PURGE_DEMAND], 0);
}

/* Bursts within the window: what each needs is kept for the next. */
static void test_bursts_within_the_window(void **state)
{
	(void)state;
	life_begin("on");
	for (int i = 0; i < 60; i++) {
		life_use(300);
		life_pass(500, 150);
		life_use(10);
		life_pass(500, 20);
	}
	assert_int_equal(life.given, 0);
}

/* At 6 s an idle timer purges in every gap: here it learns, and gives up within a few. */
static void test_bursts_with_gaps(void **state)
{
	(void)state;
	life_begin("on");
	for (int i = 0; i < 40; i++) {
		life_use(300);
		life_pass(500, 150);
		life_use(10);
		life_pass(6000, 0);
	}
	assert_in_range(life.purges[PURGE_IDLE], 1, 4);
	assert_in_range(life.state.regrets[PURGE_IDLE], 1, 4);
	assert_int_equal(life.state.patience[PURGE_DEMAND].factor, 1);
	/* It does not wait for ever: sixteen times at most. */
	life_pass(30000, 0);
	assert_int_equal(kept_mib(), 0);
}

/* Regret of one reason is none of the other's: shared, it kept 600 MB. */
static void test_patience_is_apart(void **state)
{
	(void)state;
	life_begin("on");
	for (int i = 0; i < 10; i++) {
		life_use(300);
		life_pass(500, 150);
		life_use(10);
		life_pass(6000, 0);
	}
	assert_in_range(life.state.patience[PURGE_IDLE].factor, 2, 16);
	life_use(300);
	life_pass(6000, 100);
	life_use(10);
	life_pass(7000, 100);
	assert_in_range(kept_mib(), 0, 1);
}

/* What was right once makes it bolder again. */
static void test_patience_comes_back(void **state)
{
	(void)state;
	life_begin("on");
	life.state.patience[PURGE_IDLE].factor = 16;
	life_use(300);
	life_pass(1000, 100);
	life_use(10);
	life_pass(25000, 0);
	assert_int_equal(kept_mib(), 0);
	life_pass(16 * 8 * 1500, 0);
	life_use(300);
	life_pass(250, 100);
	assert_int_equal(life.state.patience[PURGE_IDLE].factor, 8);
	assert_int_equal(life.state.regrets[PURGE_IDLE], 0);
}

/* The peak counts, not what an arena happens to use when it is looked at. */
static void test_exact_peaks(void **state)
{
	(void)state;
	life_begin("on");
	for (int i = 0; i < 200; i++) {
		life_use(200);
		life_use(5);
		life_pass(250, 80);
	}
	assert_int_equal(life.given, 0);
	assert_in_range(kept_mib(), 195, 195);
}

static void test_pressure(void **state)
{
	(void)state;
	life_begin("on");
	life.look.limit = 512 * MIB;
	life.look.left = 300 * MIB;
	life_use(400);
	life_pass(1000, 100);
	life_use(100);
	life_pass(1000, 100);
	assert_int_equal(life.given, 0);
	life.look.left = 60 * MIB;
	life_pass(250, 100);
	assert_int_equal(life.purges[PURGE_PRESSURE], 1);
	assert_false(life.stops[PURGE_PRESSURE]);
	assert_int_equal(kept_mib(), 0);
	/* Nothing came back to give: not for ever. */
	life_pass(60000, 100);
	assert_int_equal(life.purges[PURGE_PRESSURE], 1);
	/* And it is no regret: memory was needed elsewhere. */
	assert_int_equal(life.state.last, PURGE_NOTHING);
}

static void test_small_change(void **state)
{
	(void)state;
	life_begin("on");
	life_use(103);
	life_pass(6000, 100);
	life_use(100);
	/* Three MiB of a busy process are no garbage: the thread sleeps. */
	life_pass(10000, 100);
	assert_int_equal(life.given, 0);
	assert_int_equal(life.plan.sleep_ms, PURGE_SLEEP);
	/* Of an idle one they go, once. */
	life_pass(20000, 0);
	assert_int_equal(kept_mib(), 0);
	assert_int_equal(life.purges[PURGE_IDLE], 1);
}

/* Less than a sixteenth of a heap is not worth the faults while it works. */
static void test_small_share(void **state)
{
	(void)state;
	life_begin("on");
	life_use(2000);
	life_pass(6000, 100);
	/* A tenth more than the peak is kept, and of the rest less than 125 MiB. */
	life_use(1710);
	life_pass(20000, 100);
	assert_int_equal(life.given, 0);
	life_use(1690);
	life_pass(20000, 100);
	assert_int_equal(life.purges[PURGE_DEMAND], 1);
	assert_in_range(life.given / MIB, 125, 145);
	life_pass(2000, 0);
	assert_int_equal(kept_mib(), 0);
}

/* What was quiet before a sleep says nothing of what woke the thread. */
static void test_sleep(void **state)
{
	(void)state;
	life_begin("on");
	life_use(300);
	life_pass(1000, 100);
	life_pass(1250, 0);
	life.look.wall_ns += ms_to_ns(30000);
	life.look.cpu_ns += ms_to_ns(300);
	purge_state_begin(&life.state, &life.look);
	life_use(10);
	life_pass(1250, 0);
	assert_int_equal(life.given, 0);
	life_pass(250, 0);
	assert_int_equal(kept_mib(), 0);
}

/* Two clocks that are read one after the other: used for less than nothing is quiet, not busy for ever. */
static void test_clocks(void **state)
{
	(void)state;
	life_begin("on");
	life_use(300);
	life_pass(1000, 100);
	life_use(10);
	life_pass(1250, 0);
	assert_int_equal(life.given, 0);
	life.look.cpu_ns -= ms_to_ns(50);
	life_pass(250, 0);
	assert_int_equal(kept_mib(), 0);
	/* Nor does a clock that stood still end it. */
	life.look.wall_ns -= ms_to_ns(100);
	life_pass(250, 0);
}

static void test_parts(void **state)
{
	(void)state;
	life_begin("on");
	life.look.count = PURGE_PARTS;
	for (unsigned i = 0; i < PURGE_PARTS; i++)
		life.look.parts[i] = (struct purge_part){ .is_held = i % 2 == 0, .kept = 2 * MIB };
	life.look.wall_ns += ms_to_ns(5000);
	purge_decide(&life.state, &life.options, &life.look, &life.plan);
	assert_int_equal(life.plan.why, PURGE_IDLE);
	for (unsigned i = 0; i < PURGE_PARTS; i++)
		assert_true(life.plan.keep[i] == (i % 2 == 0 ? 0 : SIZE_MAX));
}

struct option_case {
	const char *text;
	bool is_on;
	unsigned window_ms, idle_ms, busy_percent, heap_mb;
};

static void test_options(void **state)
{
	static const struct option_case cases[] = {
		{ NULL, false, 5000, 1500, 5, 32 },
		{ "", false, 5000, 1500, 5, 32 },
		{ "on", true, 5000, 1500, 5, 32 },
		{ "window_ms:15000,idle_ms:500,busy_percent:9,heap_mb:1", true, 15000, 500, 9, 1 },
		{ "idle_ms:50,idle_ms:60", true, 5000, 60, 5, 32 },
		{ "window_ms:99,idle_ms:49,busy_percent:0,heap_mb:0", true, 5000, 1500, 5, 32 },
		{ "window_ms:3600001,idle_ms:4294967297,busy_percent:101,heap_mb:1048577", true, 5000, 1500, 5, 32 },
		{ "window_ms:-1,idle_ms:5x,busy_percent:,heap_mb", true, 5000, 1500, 5, 32 },
		{ ",,:,:5,window:7,window_ms_:8,xwindow_ms:9,window_ms=700", true, 5000, 1500, 5, 32 },
		{ "window_ms:99999999999999999999999,idle_ms:70", true, 5000, 70, 5, 32 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct option_case *c = &cases[i];
		const struct purge_options o = purge_options_read(c->text);

		assert_int_equal(o.is_on, c->is_on);
		assert_row_int(c->text ? c->text : "none", (int)o.window_ms, (int)c->window_ms);
		assert_row_int(c->text ? c->text : "none", (int)o.idle_ms, (int)c->idle_ms);
		assert_row_int(c->text ? c->text : "none", (int)o.busy_percent, (int)c->busy_percent);
		assert_row_int(c->text ? c->text : "none", (int)o.heap_mb, (int)c->heap_mb);
	}
}

static void test_options_change(void **state)
{
	struct purge_options o = purge_options_read("window_ms:700,idle_ms:800");

	(void)state;
	assert_true(options_change(&o, (const uint64_t[]){ 0, 0, 0, 0 }));
	assert_true(options_change(&o, (const uint64_t[]){ 100, 0, 100, 0 }));
	assert_int_equal(o.window_ms, 100);
	assert_int_equal(o.idle_ms, 800);
	assert_int_equal(o.busy_percent, 100);
	assert_int_equal(o.heap_mb, 32);
	/* All or none. */
	assert_false(options_change(&o, (const uint64_t[]){ 200, 0, 101, 0 }));
	assert_false(options_change(&o, (const uint64_t[]){ 200, 49, 0, 0 }));
	assert_false(options_change(&o, (const uint64_t[]){ 200, 0, 0, UINT64_C(1) << 32 | 1 }));
	assert_int_equal(o.window_ms, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_spinning),
		cmocka_unit_test(test_bursts_within_the_window),
		cmocka_unit_test(test_bursts_with_gaps),
		cmocka_unit_test(test_patience_is_apart),
		cmocka_unit_test(test_patience_comes_back),
		cmocka_unit_test(test_exact_peaks),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_small_change),
		cmocka_unit_test(test_small_share),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
