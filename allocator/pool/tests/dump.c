/* SPDX-License-Identifier: Apache-2.0 */
/* Dump and load: the same pool again, and no bit of a file may change. */
#include "support.h"

static FILE *dumped(struct allocpool *pool)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(allocpool_dump(pool, fileno(file)), 0);
	return file;
}

static int load(struct allocpool_config config, FILE *file, struct allocpool **ret_pool)
{
	lseek(fileno(file), 0, SEEK_SET);
	return allocpool_load(&config, fileno(file), ret_pool);
}

static void test_dump_and_load(void **state)
{
	(void)state;
	struct allocpool_config config = usual(100), other;
	struct allocpool *pool = make(config), *copy = NULL;
	for (uint32_t i = 0; i < 100; i++)
		memset(at(pool, take(pool, i, i)), (int)i, 256);
	assert_int_equal(allocpool_free(pool, 50), 0);
	FILE *file = dumped(pool);
	assert_int_equal(load(config, file, &copy), 0);
	assert_int_equal(*(char *)at(copy, 99), 99);
	assert_int_equal(view_of(copy)->keys[99], 99);
	assert_int_equal(take(copy, 7, 7), 50);
	assert_int_equal(allocpool_destroy(copy, 1), 0);
	other = config, other.fields = ALLOCPOOL_KEY;
	assert_int_equal(load(other, file, &copy), -EINVAL);
	other = config, other.max_rows = 99;
	assert_int_equal(load(other, file, &copy), -EINVAL);
	long size = lseek(fileno(file), 0, SEEK_END);
	for (long i = 0; i < size; i += i < 200 ? 1 : 97) { /* any bit, anywhere */
		unsigned char byte;
		assert_int_equal(pread(fileno(file), &byte, 1, i), 1);
		byte ^= (unsigned char)(1 << i % 8);
		assert_int_equal(pwrite(fileno(file), &byte, 1, i), 1);
		assert_true(load(config, file, &copy) < 0);
		byte ^= (unsigned char)(1 << i % 8);
		assert_int_equal(pwrite(fileno(file), &byte, 1, i), 1);
	}
	assert_int_equal(pwrite(fileno(file), "\2", 1, 8), 1);
	assert_int_equal(load(config, file, &copy), -EPROTO);
	assert_int_equal(pwrite(fileno(file), "\1", 1, 8), 1);
	assert_int_equal(ftruncate(fileno(file), size - 1), 0);
	assert_int_equal(load(config, file, &copy), -EBADMSG);
	fclose(file);
	assert_int_equal(allocpool_dump(pool, -1), -EBADF);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* What lies in a free row of a dump is no write after a free. */
static void test_load_to_verify(void **state)
{
	(void)state;
	struct allocpool_config config = usual(100);
	struct allocpool *pool = make(config), *copy = NULL;
	for (uint32_t i = 0; i < 100; i++)
		memset(at(pool, take(pool, i, i)), 7, 256);
	assert_int_equal(allocpool_free(pool, 50), 0);
	FILE *file = dumped(pool);
	config.debug = ALLOCPOOL_DEBUG_VERIFY;
	assert_int_equal(load(config, file, &copy), 0);
	assert_int_equal(take(copy, 1, 1), 50);
	fclose(file);
	assert_int_equal(allocpool_destroy(copy, 1), 0);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_and_load),
		cmocka_unit_test(test_load_to_verify),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
