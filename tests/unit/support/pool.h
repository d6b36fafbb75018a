/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_POOL_H
#define ALLOCRUN_TEST_POOL_H

#include <string.h>

#include "support/support.h"

/* The memory of the test that runs; dropped after each, so that a leak is the launcher's. */
extern struct mem pool;

int pool_free(void **state);

/* A folder for each test of those that want one; it goes with what is in it. */
extern struct tree tree;

int tree_set_up(void **state);
int tree_tear_down(void **state);

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, tree_set_up, tree_tear_down)
#define TEST(function) cmocka_unit_test_teardown(function, pool_free)

/* Fails with the name of the table's row. */
#define assert_row_string(row, actual, expected) \
	do { \
		const char *actual_ = (actual), *expected_ = (expected); \
		if (!actual_ != !expected_ || (actual_ && strcmp(actual_, expected_) != 0)) \
			fail_msg("%s: got '%s', expected '%s'", (row), actual_ ? actual_ : "(null)", \
				 expected_ ? expected_ : "(null)"); \
	} while (0)
/* `part` NULL: there must be no text at all. */
#define assert_row_contains(row, actual, part) \
	do { \
		const char *actual_ = (actual), *part_ = (part); \
		if (!actual_ != !part_ || (actual_ && !strstr(actual_, part_))) \
			fail_msg("%s: got '%s', expected '...%s...'", (row), actual_ ? actual_ : "(null)", \
				 part_ ? part_ : "(null)"); \
	} while (0)
#define assert_row_int(row, actual, expected) \
	do { \
		long long actual_ = (actual), expected_ = (expected); \
		if (actual_ != expected_) \
			fail_msg("%s: got %lld, expected %lld", (row), actual_, expected_); \
	} while (0)

#endif
