/* SPDX-License-Identifier: Apache-2.0 */
/* guard_run(): looks that end, that stand still, that take too long or too much, and that end their helper. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "live/guard.h"
#include "support/pool.h"
#include "util/clock.h"

/* Longer than a virtual machine's CPU is taken away for, most of the time. */
#define PATIENCE_MS 1500
#define SLICE_MS 2000
#define TURNS 8

enum look { QUICK, STANDS_STILL, BUSY, PAUSES, HUNGRY, CRASHES };

/* What helpers leave to the test, in the memory that they share with it. */
struct seen {
	enum look looks[TURNS];
	int n[TURNS]; /* looks that were begun */
	char *texts[TURNS];
	pid_t helpers[TURNS];
	bool is_open; /* a descriptor of the test's */
	struct turn items[TURNS];
	int64_t accounts[TURNS];
	struct mem found;
};

static struct guard *guard;
static struct mem_shared *shared;
static struct seen *seen;
static int descriptor;

static void begin(int64_t timeout_ms)
{
	const struct guard_budget budget = { PATIENCE_MS, SLICE_MS, timeout_ms, INT64_MAX, 1 << 20, 64 << 10 };
	struct mem found;

	guard = guard_new(&pool, &budget);
	assert_non_null(guard);
	shared = guard_begin(guard, &pool);
	assert_non_null(shared);
	found = mem_of_shared(shared);
	seen = mem_alloc(&found, sizeof *seen);
	seen->found = found;
}

static void look(void *user, size_t at)
{
	static const struct timespec long_time = { 60, 0 }, moment = { 0, 5000000 };
	int64_t start = clock_now_ms();
	volatile int zero = 0;

	(void)user;
	seen->n[at]++;
	seen->helpers[at] = getpid();
	seen->is_open |= fcntl(descriptor, F_GETFD) >= 0;
	switch (seen->looks[at]) {
	case QUICK:
		break;
	case STANDS_STILL:
		/* As whoever reads a file that never comes. */
		nanosleep(&long_time, NULL);
		break;
	case BUSY:
		while (clock_now_ms() - start < 60000)
			zero = 0;
		break;
	case PAUSES:
		while (clock_now_ms() - start < 2 * PATIENCE_MS)
			nanosleep(&moment, NULL);
		break;
	case HUNGRY:
		for (;;)
			memset(mem_alloc(&seen->found, 1000), zero, 1000);
	case CRASHES:
		kill(getpid(), SIGKILL);
	}
	seen->texts[at] = mem_printf(&seen->found, "text %zu", at);
}

static struct turns turns;

/* `n` turns, of which each is an owner's of its own, or with `is_one` all are one's. */
static void run(size_t n, bool is_one)
{
	for (size_t i = 0; i < n; i++)
		seen->items[i].owner = is_one ? 0 : (uint32_t)i;
	turns = (struct turns){ seen->items, n, seen->accounts, is_one ? 1 : n };
	guard_run(guard, shared, &turns, look, NULL);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(seen->items[i].state == TURN_DONE, seen->texts[i] != NULL);
}

static void test_all_well(void **state)
{
	(void)state;
	begin(60000);
	descriptor = open("/", O_RDONLY);
	run(TURNS, false);
	close(descriptor);
	for (size_t i = 0; i < TURNS; i++) {
		assert_int_equal(seen->n[i], 1);
		assert_string_equal(seen->texts[i], mem_printf(&pool, "text %zu", i));
		/* One helper for all of them, which has none of our descriptors. */
		assert_int_equal(seen->helpers[i], seen->helpers[0]);
		assert_int_equal(seen->items[i].state, TURN_DONE);
	}
	assert_false(seen->is_open);
	assert_true(seen->helpers[0] != getpid());
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_true(guard_is_audit(guard, getpid()));
	assert_false(guard_is_audit(guard, seen->helpers[0]));
}

/* Without a guard the looks are done all the same. */
static void test_unguarded(void **state)
{
	(void)state;
	begin(60000);
	turns = (struct turns){ seen->items, 2, seen->accounts, 1 };
	guard_run(NULL, NULL, &turns, look, NULL);
	assert_int_equal(seen->helpers[1], getpid());
	assert_int_equal(seen->items[1].state, TURN_DONE);
}

/* One that stands still, takes all memory or ends the helper is the only one that is not looked at. */
static void test_one_is_bad(void **state)
{
	static const struct {
		enum look look;
		enum turn_state state;
	} cases[] = { { STANDS_STILL, TURN_SILENT }, { HUNGRY, TURN_TOO_BIG }, { CRASHES, TURN_FATAL } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(60000);
		seen->looks[1] = cases[i].look;
		run(4, true);
		for (size_t k = 0; k < 4; k++) {
			assert_int_equal(seen->items[k].state, k == 1 ? cases[i].state : TURN_DONE);
			assert_int_equal(seen->n[k], 1);
		}
		/* What it took is free again. */
		assert_true(mem_shared_used(shared) < sizeof *seen + 4096);
	}
}

/* Who has such processes waits for who has none. */
static void test_owners(void **state)
{
	(void)state;
	begin(3 * PATIENCE_MS);
	for (size_t i = 0; i < TURNS - 1; i++) {
		seen->looks[i] = STANDS_STILL;
		seen->items[i].owner = 0;
	}
	seen->items[TURNS - 1].owner = 1;
	turns = (struct turns){ seen->items, TURNS, seen->accounts, 2 };
	guard_run(guard, shared, &turns, look, NULL);
	assert_int_equal(seen->items[0].state, TURN_SILENT);
	assert_int_equal(seen->items[TURNS - 1].state, TURN_DONE);
	assert_int_equal(seen->items[TURNS - 2].state, TURN_LATE);
	assert_int_equal(seen->n[TURNS - 2], 0);
}

/* A look that works, or wakes up now and then, may last: until others wait, and the time is over. */
static void test_long_looks(void **state)
{
	int64_t start;

	(void)state;
	begin(60000);
	seen->looks[0] = PAUSES;
	run(1, true);
	assert_int_equal(seen->n[0], 1);
	assert_int_equal(seen->items[0].state, TURN_DONE);
	begin(3 * SLICE_MS);
	seen->looks[0] = BUSY;
	start = clock_now_ms();
	run(3, true);
	assert_int_equal(seen->items[0].state, TURN_LATE);
	assert_int_equal(seen->items[1].state, TURN_DONE);
	assert_int_equal(seen->items[2].state, TURN_DONE);
	/* Put off once, for the others. */
	assert_int_equal(seen->n[0], 2);
	assert_true(clock_now_ms() - start >= 3 * SLICE_MS);
}

static void test_silent_ones_are_known(void **state)
{
	(void)state;
	begin(60000);
	assert_false(guard_is_silent(guard, 7));
	guard_note_silent(guard, 7);
	for (int64_t pid = 100; pid < 100 + 2 * GUARD_SILENT_MAX; pid++)
		guard_note_silent(guard, pid);
	assert_true(guard_is_silent(guard, 7));
	assert_false(guard_is_silent(guard, 8));
	assert_false(guard_is_silent(NULL, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_all_well, pool_free),
		cmocka_unit_test_teardown(test_unguarded, pool_free),
		cmocka_unit_test_teardown(test_one_is_bad, pool_free),
		cmocka_unit_test_teardown(test_owners, pool_free),
		cmocka_unit_test_teardown(test_long_looks, pool_free),
		cmocka_unit_test_teardown(test_silent_ones_are_known, pool_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
