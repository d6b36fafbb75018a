/* SPDX-License-Identifier: Apache-2.0 */
/* Whose process is looked at next. */
#include "live/turns.h"
#include "support/pool.h"

#define N(array) (sizeof(array) / sizeof *(array))

/* What has much on his account waits for all who have less. */
static void test_order(void **state)
{
	struct turn items[] = { { .owner = 0 }, { .owner = 0 }, { .owner = 1 }, { .owner = 1 }, { .owner = 2 } };
	int64_t accounts[] = { 0, 0, 0 };
	struct turns turns = { items, N(items), accounts, N(accounts) };

	(void)state;
	assert_int_equal(turns_next(&turns), 0);
	items[0].state = TURN_SILENT;
	turns_charge(&turns, 0, 2000);
	assert_int_equal(turns_next(&turns), 2);
	items[2].state = TURN_DONE;
	turns_charge(&turns, 2, 1);
	assert_int_equal(turns_next(&turns), 4);
	items[4].state = TURN_DONE;
	turns_charge(&turns, 4, 1);
	assert_int_equal(turns_next(&turns), 3);
	items[3].state = TURN_DONE;
	assert_int_equal(turns_next(&turns), 1);
	items[1].state = TURN_DONE;
	assert_int_equal(turns_next(&turns), N(items));
}

/* One that was put off comes behind the others of its owner, and makes room for those that were as often. */
static void test_put_off(void **state)
{
	struct turn items[] = { { .owner = 0, .tries = 1 }, { .owner = 0 } };
	int64_t accounts[] = { 0 };
	struct turns turns = { items, N(items), accounts, N(accounts) };

	(void)state;
	assert_int_equal(turns_next(&turns), 1);
	assert_true(turns_has_rival(&turns, 0));
	assert_false(turns_has_rival(&turns, 1));
	items[1].tries = 2;
	assert_int_equal(turns_next(&turns), 0);
	assert_false(turns_has_rival(&turns, 0));
	items[1].state = TURN_DONE;
	assert_false(turns_has_rival(&turns, 0));
}

static void test_end(void **state)
{
	struct turn items[] = { { .owner = 0 }, { .owner = 1 }, { .owner = 0, .state = TURN_DONE }, { .owner = 0 } };
	int64_t accounts[] = { 0, 0 };
	struct turns turns = { items, N(items), accounts, N(accounts) };

	(void)state;
	turns_end(&turns, 0, TURN_FORSAKEN);
	assert_int_equal(items[0].state, TURN_FORSAKEN);
	assert_int_equal(items[1].state, TURN_WAITS);
	assert_int_equal(items[2].state, TURN_DONE);
	assert_int_equal(items[3].state, TURN_FORSAKEN);
	turns_end(&turns, SIZE_MAX, TURN_LATE);
	assert_int_equal(items[1].state, TURN_LATE);
	/* A sum that would overflow stays. */
	turns_charge(&turns, 0, INT64_MAX - 1);
	turns_charge(&turns, 0, 2);
	assert_true(accounts[0] == INT64_MAX - 1);
}

static void test_share(void **state)
{
	static const struct {
		size_t counts[4], room, expected;
	} cases[] = {
		{ { 1, 2, 3, 4 }, 10, 10 }, { { 1, 2, 3, 4 }, 9, 3 }, { { 1, 2, 3, 4 }, 8, 2 },
		{ { 1, 2, 3, 4 }, 0, 0 },   { { 0, 0, 0, 9 }, 4, 4 }, { { 3000, 3000, 5, 0 }, 3072, 1533 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(turns_share(cases[i].counts, 4, cases[i].room), cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_put_off),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
