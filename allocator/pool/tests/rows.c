/* SPDX-License-Identifier: Apache-2.0 */
/* Rows come and go: every function and every error. */
#include "support.h"

static void on_low(void *argument, uint32_t prepared_free)
{
	*(uint32_t *)argument = prepared_free + 1;
}

#define REFUSED(error, ...) \
	do { \
		struct allocpool_config c = usual(100); \
		__VA_ARGS__; \
		assert_int_equal(allocpool_create(&c, &pool), error); \
		assert_null(pool); \
	} while (0)

static void test_configurations(void **state)
{
	(void)state;
	struct allocpool *pool = NULL;
	REFUSED(-EINVAL, c.size = 0);
	REFUSED(-EINVAL, c.size -= 1);
	REFUSED(-EINVAL, c.row_bytes = 0);
	REFUSED(-EINVAL, c.row_bytes = SIZE_MAX);
	REFUSED(-EINVAL, c.row_bytes = ALLOCPOOL_MAX_ROW_BYTES + 1ul);
	REFUSED(-EINVAL, c.max_rows = 0);
	REFUSED(-EINVAL, c.max_rows = UINT32_MAX);
	REFUSED(-ENOMEM, c.max_rows = ALLOCPOOL_MAX_ROWS; c.row_bytes = ALLOCPOOL_MAX_ROW_BYTES);
	REFUSED(-EINVAL, c.alignment = 48);
	REFUSED(-EINVAL, c.alignment = 4u << 20);
	REFUSED(-EINVAL, c.fields = 64);
	REFUSED(-EINVAL, c.pages = 5);
	REFUSED(-EINVAL, c.numa = 4; c.nodes = 1);
	REFUSED(-EINVAL, c.nodes = 1);
	REFUSED(-EINVAL, c.numa = ALLOCPOOL_NUMA_BIND);
	REFUSED(-EINVAL, c.numa = ALLOCPOOL_NUMA_PREFER; c.nodes = 3);
	REFUSED(-EINVAL, c.simd = 5);
	REFUSED(-EINVAL, c.debug = 3);
	REFUSED(-EINVAL, c.low_water = 1);
	REFUSED(-EINVAL, c.on_low = on_low);
	REFUSED(-EINVAL, c.low_water = 101; c.on_low = on_low);
	REFUSED(-EINVAL, c.reserved = 1);
	assert_int_equal(allocpool_create(NULL, &pool), -EINVAL);
	struct allocpool_config good = usual(1);
	assert_int_equal(allocpool_create(&good, NULL), -EINVAL);
	assert_int_equal(allocpool_destroy(NULL, 0), 0);
}

static void test_lowest_row_first_until_full(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(200));
	uint32_t row = 7;
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(take(pool, i, 1), i);
	assert_int_equal(allocpool_alloc(pool, 0, 0, &row), -ENOSPC);
	assert_int_equal(row, 7);
	assert_int_equal(allocpool_free(pool, 150), 0);
	assert_int_equal(allocpool_free(pool, 3), 0);
	assert_int_equal(take(pool, 1, 1), 3);
	assert_int_equal(take(pool, 1, 1), 150);
	assert_int_equal(allocpool_destroy(pool, 0), -EBUSY);
	assert_int_equal(allocpool_free_mask(pool, 0, UINT64_MAX), 0);
	assert_int_equal(allocpool_free_mask(pool, 1, UINT64_MAX), 0);
	assert_int_equal(allocpool_free_mask(pool, 2, UINT64_MAX), 0);
	assert_int_equal(allocpool_free_mask(pool, 3, UINT64_MAX), -ERANGE);
	assert_int_equal(allocpool_free_mask(pool, 3, 0xff), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static void test_wrong_frees_are_refused(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(200));
	struct allocpool_stats stats;
	uint32_t row = take(pool, 42, 1), other = take(pool, 43, 1), bulk[] = { row, row }, odd[] = { row, 199 };
	uint64_t handle, fresh;
	char foreign;
	assert_int_equal(allocpool_free(pool, 200), -ERANGE);
	assert_int_equal(allocpool_free(pool, UINT32_MAX), -ERANGE);
	assert_int_equal(allocpool_free(pool, 199), -ENOENT);
	assert_int_equal(allocpool_free_pointer(pool, &foreign), -ERANGE);
	assert_int_equal(allocpool_free_pointer(pool, (char *)at(pool, row) + 8), -EINVAL);
	assert_int_equal(allocpool_free_pointer(pool, at(pool, 200)), -ERANGE);
	assert_int_equal(allocpool_free_pointer(pool, NULL), -ERANGE);
	assert_int_equal(allocpool_free_key(pool, row, 43), -ESTALE);
	assert_int_equal(allocpool_free_bulk(pool, bulk, 2), -EEXIST);
	assert_int_equal(allocpool_free_bulk(pool, odd, 2), -ENOENT);
	assert_int_equal(allocpool_free_mask(pool, 0, 7), -ENOENT);
	assert_int_equal(allocpool_handle_of_row(pool, row, &handle), 0);
	allocpool_pin(view_of(pool), row);
	assert_int_equal(allocpool_free(pool, row), -EBUSY);
	assert_int_equal(allocpool_free_bulk(pool, &row, 1), -EBUSY);
	allocpool_unpin(view_of(pool), row);
	assert_int_equal(allocpool_free_pointer(pool, at(pool, row)), 0);
	assert_int_equal(allocpool_free_pointer(pool, at(pool, row)), -ENOENT);
	assert_int_equal(take(pool, 44, 1), row);
	assert_int_equal(allocpool_free_handle(pool, handle), -ESTALE);
	assert_int_equal(allocpool_handle_of_row(pool, row, &fresh), 0);
	assert_int_equal(allocpool_free_handle(pool, fresh), 0);
	assert_int_equal(allocpool_free_handle(pool, fresh), -ESTALE);
	assert_int_equal(allocpool_free_handle(pool, 200), -ERANGE);
	assert_int_equal(allocpool_handle_of_row(pool, row, &fresh), -ENOENT);
	assert_int_equal(allocpool_get_stats(pool, &stats), 0);
	assert_int_equal(stats.live, 1);
	assert_int_equal(stats.refused, 17);
	assert_int_equal(allocpool_free_key(pool, other, 43), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static void test_bulk_is_all_or_nothing(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(100));
	uint64_t keys[100];
	uint32_t rows[101];
	for (uint64_t i = 0; i < 100; i++)
		keys[i] = i * 7;
	assert_int_equal(allocpool_alloc_bulk(pool, keys, 5, 101, rows), -ENOSPC);
	assert_int_equal(allocpool_alloc_bulk(pool, keys, 5, 100, rows), 0);
	assert_int_equal(view_of(pool)->keys[rows[99]], 693);
	assert_int_equal(allocpool_free_bulk(pool, rows, 100), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static void test_masks(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(100));
	uint32_t word = 9;
	uint64_t mask = 9;
	assert_int_equal(allocpool_alloc_mask(pool, 5, 0, &word, &mask), -EINVAL);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 65, &word, &mask), -EINVAL);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 64, NULL, &mask), -EINVAL);
	assert_true(word == 9 && mask == 9);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 3, &word, &mask), 3);
	assert_true(word == 0 && mask == 7);
	assert_int_equal(view_of(pool)->stamps[2], 5);
	assert_int_equal(allocpool_free(pool, 1), 0);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 64, &word, &mask), 62);
	assert_true(word == 0 && mask == ~5ull);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 64, &word, &mask), 36);
	assert_true(word == 1 && mask == (1ull << 36) - 1);
	assert_int_equal(allocpool_alloc_mask(pool, 5, 64, &word, &mask), -ENOSPC);
	assert_int_equal(allocpool_free_mask(pool, 1, 1ull << 36), -ERANGE);
	assert_int_equal(allocpool_free_mask(pool, 2, 1), -ERANGE);
	assert_int_equal(allocpool_free_mask(pool, 1, mask), 0);
	assert_int_equal(allocpool_free_mask(pool, 1, 0), 0);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* Touch, the dirty bit, pins: of rows in use alone. */
static void test_bits(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(70));
	const struct allocpool_view *view = view_of(pool);
	struct allocpool_config without = usual(70);
	uint32_t row = take(pool, 1, 1), wrong[] = { 1, 69, 70, 127, 128, UINT32_MAX };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int error = wrong[i] < 70 ? -ENOENT : -ERANGE;
		assert_int_equal(allocpool_touch(view, wrong[i], 9), error);
		assert_int_equal(allocpool_mark_dirty(view, wrong[i]), error);
		assert_int_equal(allocpool_mark_dirty_exclusive(view, wrong[i]), error);
		assert_int_equal(allocpool_is_dirty(view, wrong[i]), error);
		assert_int_equal(allocpool_clear_dirty(view, wrong[i]), error);
		assert_int_equal(allocpool_pin(view, wrong[i]), error);
		assert_int_equal(allocpool_unpin(view, wrong[i]), error);
		assert_null(allocpool_pointer(view, wrong[i]));
	}
	assert_int_equal(allocpool_touch(view, row, 9), 0);
	assert_int_equal(view->stamps[row], 9);
	assert_int_equal(view->counters[row], 1);
	view->counters[row] = UINT32_MAX;
	assert_int_equal(allocpool_touch(view, row, 9), 0);
	assert_int_equal(view->counters[row], UINT32_MAX);
	assert_int_equal(allocpool_mark_dirty(view, row), 0);
	assert_int_equal(allocpool_mark_dirty(view, row), 1);
	assert_int_equal(allocpool_is_dirty(view, row), 1);
	assert_int_equal(allocpool_clear_dirty(view, row), 1);
	assert_int_equal(allocpool_clear_dirty(view, row), 0);
	assert_int_equal(allocpool_mark_dirty_exclusive(view, row), 0);
	assert_int_equal(allocpool_mark_dirty_exclusive(view, row), 1);
	assert_int_equal(allocpool_unpin(view, row), 0);
	assert_int_equal(allocpool_pin(view, row), 0);
	assert_int_equal(allocpool_pin(view, row), 1);
	assert_int_equal(allocpool_free(pool, row), -EBUSY);
	assert_int_equal(allocpool_unpin(view, row), 1);
	assert_int_equal(allocpool_free(pool, row), 0);
	assert_int_equal(take(pool, 2, 2), row);
	assert_int_equal(allocpool_is_dirty(view, row), 0);
	assert_int_equal(view->counters[row], 0);
	assert_int_equal(allocpool_destroy(pool, 1), 0);

	without.fields = 0;
	pool = make(without);
	row = take(pool, 1, 1);
	assert_int_equal(allocpool_touch(view_of(pool), row, 9), 0);
	assert_int_equal(allocpool_mark_dirty(view_of(pool), row), -ENOTSUP);
	assert_int_equal(allocpool_pin(view_of(pool), row), -ENOTSUP);
	assert_int_equal(allocpool_free(pool, row), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

/* With rows that are no multiple of 64, and with such a number. */
static void test_dirty_masks(void **state)
{
	(void)state;
	struct allocpool_config without = usual(64);
	for (uint32_t rows = 100; rows <= 128; rows += 28) {
		struct allocpool *pool = make(usual(rows));
		const struct allocpool_view *view = view_of(pool);
		uint32_t last = (rows - 1) % 64;
		for (uint32_t i = 0; i < rows; i++)
			take(pool, i, 1);
		assert_int_equal(allocpool_free(pool, 70), 0);
		assert_int_equal(allocpool_mark_dirty_mask(view, 2, 1), -ERANGE);
		assert_int_equal(allocpool_mark_dirty_mask(view, UINT32_MAX, 1), -ERANGE);
		if (last < 63)
			assert_int_equal(allocpool_mark_dirty_mask(view, 1, 2ull << last), -ERANGE);
		assert_int_equal(allocpool_mark_dirty_mask(view, 1, 3ull << 5), -ENOENT);
		assert_int_equal(allocpool_is_dirty(view, 69), 0);
		assert_int_equal(allocpool_mark_dirty_mask(view, 0, UINT64_MAX), 0);
		assert_int_equal(allocpool_mark_dirty_mask(view, 1, 1ull << last | 2), 0);
		assert_true(view->dirty[0] == UINT64_MAX && view->dirty[1] == (1ull << last | 2));
		assert_int_equal(allocpool_destroy(pool, 1), 0);
	}
	without.fields = 0;
	struct allocpool *pool = make(without);
	assert_int_equal(allocpool_mark_dirty_mask(view_of(pool), 0, 0), -ENOTSUP);
	assert_int_equal(allocpool_mark_dirty_mask(NULL, 0, 0), -EINVAL);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

/* A NULL is refused wherever the header allows none. */
static void test_views_of_nothing(void **state)
{
	(void)state;
	struct allocpool_stats stats;
	uint32_t row = 0;
	uint64_t word = 0;
	assert_null(allocpool_get_view(NULL));
	assert_null(allocpool_pointer(NULL, 0));
	assert_int_equal(allocpool_check_row(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_touch(NULL, 0, 1), -EINVAL);
	assert_int_equal(allocpool_mark_dirty(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_mark_dirty_exclusive(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_is_dirty(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_clear_dirty(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_pin(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_unpin(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_alloc(NULL, 0, 0, &row), -EINVAL);
	assert_int_equal(allocpool_alloc_bulk(NULL, NULL, 0, 1, &row), -EINVAL);
	assert_int_equal(allocpool_alloc_mask(NULL, 0, 1, &row, &word), -EINVAL);
	assert_int_equal(allocpool_free(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_free_pointer(NULL, &row), -EINVAL);
	assert_int_equal(allocpool_free_handle(NULL, 0), -EINVAL);
	assert_int_equal(allocpool_free_key(NULL, 0, 0), -EINVAL);
	assert_int_equal(allocpool_free_bulk(NULL, &row, 1), -EINVAL);
	assert_int_equal(allocpool_free_mask(NULL, 0, 1), -EINVAL);
	assert_int_equal(allocpool_handle_of_row(NULL, 0, &word), -EINVAL);
	assert_int_equal(allocpool_row_of_handle(NULL, 0, &row), -EINVAL);
	assert_int_equal(allocpool_select(NULL, NULL, NULL, NULL, 1), -EINVAL);
	assert_int_equal(allocpool_commit(NULL, NULL, NULL, 0, NULL, NULL), -EINVAL);
	assert_int_equal(allocpool_cutoff(NULL, 0, 0, &row, &row), -EINVAL);
	assert_int_equal(allocpool_decay(NULL, 1), -EINVAL);
	assert_int_equal(allocpool_prepare(NULL, 1), -EINVAL);
	assert_int_equal(allocpool_trim(NULL, &word), -EINVAL);
	assert_int_equal(allocpool_compact(NULL, 1, NULL, NULL), -EINVAL);
	assert_int_equal(allocpool_get_stats(NULL, &stats), -EINVAL);
	assert_int_equal(allocpool_dump(NULL, 1), -EINVAL);
	assert_int_equal(allocpool_load(NULL, 0, NULL), -EINVAL);
}

static void test_metadata_and_stats(void **state)
{
	(void)state;
	struct allocpool_config config = usual(6400);
	struct allocpool_stats stats;
	config.fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP | ALLOCPOOL_COUNTER;
	struct allocpool *pool = make(config);
	assert_int_equal(allocpool_get_stats(pool, &stats), 0);
	assert_true(stats.metadata_bytes <= 16.2);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
	config.fields = ALLOCPOOL_STAMP;
	pool = make(config);
	assert_int_equal(allocpool_get_stats(pool, &stats), 0);
	assert_true(stats.metadata_bytes <= 4.2);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

static void test_debug_sees_a_write_after_free(void **state)
{
	(void)state;
	struct allocpool_config config = usual(10);
	config.debug = ALLOCPOOL_DEBUG_VERIFY;
	struct allocpool *pool = make(config);
	uint32_t row = take(pool, 1, 1);
	char *bytes = at(pool, row);
	assert_int_equal(allocpool_free(pool, row), 0);
	bytes[100] = 1;
	assert_int_equal(allocpool_alloc(pool, 1, 1, &row), -EUCLEAN);
	assert_int_equal(take(pool, 1, 1), 0);
	/* In the middle of a mask, too; nothing is taken then. */
	uint32_t rows[3], word;
	uint64_t mask;
	assert_int_equal(allocpool_alloc_bulk(pool, NULL, 1, 3, rows), 0);
	assert_int_equal(allocpool_free_bulk(pool, rows, 3), 0);
	((char *)at(pool, rows[1]))[255] = 1;
	assert_int_equal(allocpool_alloc_mask(pool, 1, 3, &word, &mask), -EUCLEAN);
	assert_int_equal(allocpool_check_row(view_of(pool), rows[0]), -ENOENT);
	assert_int_equal(allocpool_alloc_mask(pool, 1, 3, &word, &mask), 3);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configurations),
		cmocka_unit_test(test_lowest_row_first_until_full),
		cmocka_unit_test(test_wrong_frees_are_refused),
		cmocka_unit_test(test_bulk_is_all_or_nothing),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_dirty_masks),
		cmocka_unit_test(test_views_of_nothing),
		cmocka_unit_test(test_metadata_and_stats),
		cmocka_unit_test(test_debug_sees_a_write_after_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
