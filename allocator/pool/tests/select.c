/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction: select, commit, what to select by. */
#include "support.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static void test_missing_fields(void **state)
{
	(void)state;
	struct allocpool_config config = usual(64);
	config.fields = 0;
	struct allocpool *pool = make(config);
	uint64_t handle;
	uint32_t age, kept;
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found;
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE };
	assert_int_equal(allocpool_free(pool, take(pool, 1, 1)), 0);
	assert_int_equal(allocpool_handle_of_row(pool, 0, &handle), -ENOTSUP);
	assert_int_equal(allocpool_free_handle(pool, 0), -ENOTSUP);
	assert_int_equal(allocpool_free_key(pool, 0, 1), -ENOTSUP);
	assert_int_equal(allocpool_select(pool, &query, &cursor, &found, 1), -ENOTSUP);
	query.by = ALLOCPOOL_BY_COUNTER;
	assert_int_equal(allocpool_select(pool, &query, &cursor, &found, 1), -ENOTSUP);
	query.by = ALLOCPOOL_BY_SCORE;
	assert_int_equal(allocpool_select(pool, &query, &cursor, &found, 1), -EINVAL);
	query.by = ALLOCPOOL_BY_DIRTY;
	assert_int_equal(allocpool_select(pool, &query, &cursor, &found, 1), -ENOTSUP);
	assert_int_equal(allocpool_commit(pool, &query, &found, 1, NULL, NULL), -ENOTSUP);
	query.by = 4;
	assert_int_equal(allocpool_select(pool, &query, &cursor, &found, 1), -EINVAL);
	assert_int_equal(allocpool_cutoff(pool, 0, 1, &age, &kept), -ENOTSUP);
	assert_int_equal(allocpool_decay(pool, 1), -ENOTSUP);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static void note_erased(void *argument, const struct allocpool_found *batch, size_t count)
{
	uint64_t *sum = argument;
	for (size_t i = 0; i < count; i++)
		*sum += batch[i].key;
}

/* Stamps on both sides of the wrap, one of the future, one refreshed and one pinned after select. */
static void test_select_and_commit(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1000));
	const struct allocpool_view *view = view_of(pool);
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 5, .age = 10 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[8];
	uint64_t sum = 0;
	for (uint32_t i = 0; i < 300; i++)
		take(pool, i, i % 100 == 0 ? UINT32_MAX - 20 : i == 150 ? 9 : UINT32_MAX - 3);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 2), 2);
	assert_false(cursor.done);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found + 2, 6), 1);
	assert_true(cursor.done);
	assert_int_equal(found[2].row, 200);
	allocpool_touch(view, 100, 5);
	assert_int_equal(allocpool_commit(pool, &query, found, 3, note_erased, &sum), 2);
	assert_int_equal(sum, 200);
	assert_int_equal(found[1].row, 200);
	assert_int_equal(allocpool_free(pool, 100), 0);
	assert_int_equal(allocpool_free(pool, 200), -ENOENT);
	query.age = INT32_MAX + 1u;
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 8), -EINVAL);
	query = (struct allocpool_query){ .by = ALLOCPOOL_BY_COUNTER, .below = 1, .budget_ns = 1000000000 };
	for (uint32_t i = 0; i < 300; i++)
		if (i != 7 && i != 8)
			allocpool_touch(view, i, 5);
	allocpool_pin(view, 8);
	cursor = (struct allocpool_cursor){ 0 };
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 8), 1);
	assert_int_equal(found[0].key, 7);
	found[1] = found[0];
	assert_int_equal(allocpool_commit(pool, &query, found, 2, NULL, NULL), 1);
	assert_int_equal(allocpool_decay(pool, 32), -EINVAL);
	assert_int_equal(allocpool_decay(pool, 1), 0);
	assert_int_equal(view->counters[9], 0);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* Used within the same unit of time: the counter shows it where the stamp does not. Lists in any order, and rows named
 * twice, are erased once each. */
static void test_commit_sees_each_use_and_erases_once(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1000));
	const struct allocpool_view *view = view_of(pool);
	struct allocpool_query query = { .by = ALLOCPOOL_BY_COUNTER, .below = 5 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[600];
	uint64_t sum = 0;
	for (uint32_t i = 0; i < 600; i++)
		take(pool, 1, 7);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 600), 600);
	assert_int_equal(allocpool_touch(view, 3, 7), 0);
	for (unsigned i = 0; i < 300; i++) { /* backwards, and each of the second half twice */
		struct allocpool_found first = found[i];
		found[i] = found[599 - i];
		found[599 - i] = i < 150 ? first : found[i];
	}
	assert_int_equal(allocpool_commit(pool, &query, found, 600, note_erased, &sum), 449);
	assert_int_equal(sum, 449);
	assert_int_equal(allocpool_check_row(view, 3), 0);
	query = (struct allocpool_query){ .by = ALLOCPOOL_BY_DIRTY };
	cursor = (struct allocpool_cursor){ 0 };
	for (uint32_t row = 150; row < 153; row++)
		assert_int_equal(allocpool_mark_dirty(view, row), 0);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 600), 3);
	assert_int_equal(allocpool_touch(view, found[0].row, 7), 0);
	assert_int_equal(allocpool_touch(view, found[1].row, 8), 0);
	found[2].row = UINT32_MAX;
	assert_int_equal(allocpool_commit(pool, &query, found, 3, note_erased, &sum), 0);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* What found no room is looked at again when there is some. */
static void test_pending_rows_are_looked_at_again(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1000));
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 100, .age = 10 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[16];
	for (uint32_t i = 0; i < 10; i++)
		take(pool, i, 1);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 2), 2);
	assert_int_equal(allocpool_touch(view_of(pool), 4, 100), 0);
	assert_int_equal(allocpool_free(pool, 5), 0);
	assert_int_equal(allocpool_pin(view_of(pool), 6), 0);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found + 2, 14), 5);
	assert_true(cursor.done);
	assert_int_equal(found[3].row, 3);
	assert_int_equal(found[4].row, 7);
	assert_int_equal(allocpool_commit(pool, &query, found, 7, NULL, NULL), 7);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

static void test_budget_pauses(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(100000));
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 1, .age = 1, .budget_ns = 1 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[4];
	unsigned pauses = 0;
	for (uint32_t i = 0; i < 100000; i++)
		take(pool, i, 1);
	for (; !cursor.done; pauses++)
		assert_int_equal(allocpool_select(pool, &query, &cursor, found, 4), 0);
	assert_int_equal(pauses, 7); /* 1563 words, 256 at a time */
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* More time than there will be is no limit. */
static void test_budget_without_end(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(100000));
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 1, .age = 1, .budget_ns = UINT64_MAX };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[4];
	for (uint32_t i = 0; i < 100000; i++)
		take(pool, i, 1);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 4), 0);
	assert_true(cursor.done);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

static double count_looks(void *argument, const struct allocpool_view *view, uint32_t row)
{
	(void)view, (void)row;
	++*(uint32_t *)argument;
	return 1;
}

/* The caller's own score may be slow: the clock is looked at after each 64 rows. */
static void test_budget_of_a_score(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(10000));
	uint32_t looks = 0;
	struct allocpool_query query = {
		.by = ALLOCPOOL_BY_SCORE, .score = count_looks, .argument = &looks, .budget_ns = 1
	};
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[4];
	for (uint32_t i = 0; i < 10000; i++)
		take(pool, i, 1);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 4), 0);
	assert_int_equal(looks, 64);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

static void pin_all(void *argument, const struct allocpool_found *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(allocpool_pin(argument, batch[i].row), 0);
}

/* A row that goes takes its bits along: the next one in its place begins without. */
static void test_pins_end_with_the_row(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(100));
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 100, .age = 10 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[2];
	take(pool, 1, 1);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 2), 1);
	assert_int_equal(allocpool_commit(pool, &query, found, 1, pin_all, (void *)(uintptr_t)view_of(pool)), 1);
	assert_int_equal(take(pool, 2, 2), 0);
	assert_int_equal(allocpool_free(pool, 0), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static double by_key(void *argument, const struct allocpool_view *view, uint32_t row)
{
	(void)argument;
	return (double)view->keys[row];
}

static void test_score_and_cutoff(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1000));
	struct allocpool_query query = { .by = ALLOCPOOL_BY_SCORE, .score = by_key, .score_below = 3 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[8];
	uint32_t age, kept;
	for (uint32_t i = 0; i < 1000; i++)
		take(pool, i, 1000000 - i / 2 * 1000);
	assert_int_equal(allocpool_select(pool, &query, &cursor, found, 8), 3);
	assert_int_equal(allocpool_cutoff(pool, 1000000, 101, &age, &kept), 0);
	assert_int_equal(age, 50000);
	assert_int_equal(kept, 102);
	assert_int_equal(allocpool_cutoff(pool, 1000000, 1001, &age, &kept), 0);
	assert_int_equal(age, INT32_MAX);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

#define MOVING 20000u

static atomic_bool over;

/* Uses all rows, and lets them age again, as fast as it can. */
static void *toggle(void *argument)
{
	const struct allocpool_view *view = argument;
	for (uint32_t round = 0; !over; round++)
		for (uint32_t row = 0; row < MOVING; row++)
			__atomic_store_n(&view->stamps[row], round % 2 ? 1000000 : 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Its passes see different ages, and yet there are enough rows that are no older than all. */
static void test_cutoff_while_rows_are_used(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(MOVING));
	pthread_t thread;
	uint32_t age = 0, kept;
	for (uint32_t i = 0; i < MOVING; i++)
		take(pool, i, 1);
	over = false;
	assert_int_equal(pthread_create(&thread, NULL, toggle, (void *)(uintptr_t)view_of(pool)), 0);
	for (unsigned round = 0; round < 300 && age < 2000000; round++)
		assert_int_equal(allocpool_cutoff(pool, 1000000, MOVING, &age, &kept), 0);
	over = true;
	pthread_join(thread, NULL);
	assert_true(age < 2000000);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_fields),
		cmocka_unit_test(test_select_and_commit),
		cmocka_unit_test(test_commit_sees_each_use_and_erases_once),
		cmocka_unit_test(test_pending_rows_are_looked_at_again),
		cmocka_unit_test(test_budget_pauses),
		cmocka_unit_test(test_score_and_cutoff),
		cmocka_unit_test(test_budget_without_end),
		cmocka_unit_test(test_budget_of_a_score),
		cmocka_unit_test(test_pins_end_with_the_row),
		cmocka_unit_test(test_cutoff_while_rows_are_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
