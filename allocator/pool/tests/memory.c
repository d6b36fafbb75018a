/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: moved together, given back, made ready; limits, page and node policies, fork. */
#include "support.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>

static void on_low(void *argument, uint32_t prepared_free)
{
	*(uint32_t *)argument = prepared_free + 1;
}

static void note_move(void *argument, uint32_t from, uint32_t to, uint64_t key)
{
	uint32_t *where = argument;
	assert_int_equal(where[key], from);
	where[key] = to;
}

static void test_compact_and_trim(void **state)
{
	(void)state;
	enum { ROWS = 16000 };
	struct allocpool *pool = make(usual(ROWS));
	uint32_t where[ROWS];
	uint64_t handle, bytes;
	for (uint32_t i = 0; i < ROWS; i++) {
		where[i] = take(pool, i, i);
		memset(at(pool, i), (int)(i % 251), 256);
	}
	assert_int_equal(allocpool_handle_of_row(pool, ROWS - 2, &handle), 0);
	for (uint32_t i = 1; i < ROWS; i += 2)
		assert_int_equal(allocpool_free(pool, i), 0);
	assert_int_equal(allocpool_mark_dirty(view_of(pool), ROWS - 2), 0);
	assert_int_equal(allocpool_compact(pool, 10, note_move, where), 10);
	assert_true(allocpool_is_dirty(view_of(pool), 1));
	assert_int_equal(allocpool_free_handle(pool, handle), -ESTALE);
	assert_int_equal(allocpool_compact(pool, SIZE_MAX, note_move, where), ROWS / 4 - 10);
	for (uint32_t i = 0; i < ROWS; i += 2) {
		assert_int_equal(view_of(pool)->keys[where[i]], i);
		assert_int_equal(view_of(pool)->stamps[where[i]], i);
		assert_int_equal(*((unsigned char *)at(pool, where[i]) + 255), i % 251);
	}
	assert_int_equal(resident(pool, ROWS), ROWS * 256);
	assert_int_equal(allocpool_trim(pool, &bytes), 0);
	assert_int_equal(bytes, ROWS / 2 * 256 + 32 * 4096); /* of each field whole pages */
	assert_int_equal(resident(pool, ROWS), ROWS / 2 * 256);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

static void test_trim_of_holes(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1600));
	uint64_t bytes;
	for (uint32_t i = 0; i < 1600; i++)
		memset(at(pool, take(pool, i, 0)), 1, 256);
	for (uint32_t i = 60; i < 400; i++)
		assert_int_equal(allocpool_free(pool, i), 0);
	assert_int_equal(allocpool_trim(pool, &bytes), 0);
	assert_int_equal(bytes, 21 * 4096); /* rows 64 to 399 */
	assert_int_equal(*(char *)at(pool, 59), 1);
	assert_int_equal(*(char *)at(pool, 400), 1);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

static void test_prepare_and_low_water(void **state)
{
	(void)state;
	struct allocpool_config config = usual(1600);
	uint32_t low = 0;
	config.low_water = 10, config.on_low = on_low, config.argument = &low;
	struct allocpool *pool = make(config);
	struct allocpool_stats stats;
	assert_int_equal(allocpool_prepare(pool, 1601), -ERANGE);
	assert_int_equal(allocpool_prepare(pool, 160), 0);
	assert_int_equal(resident(pool, 1600), 160 * 256);
	for (uint32_t i = 0; i < 150; i++)
		take(pool, i, 0);
	assert_int_equal(low, 0);
	take(pool, 0, 0);
	assert_int_equal(low, 10);
	low = 0;
	take(pool, 0, 0);
	assert_int_equal(low, 0);
	assert_int_equal(allocpool_prepare(pool, 1600), 0);
	assert_int_equal(allocpool_get_stats(pool, &stats), 0);
	assert_int_equal(stats.prepared, 1600);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* What a prepare that failed has made ready goes back with the rest. */
static void test_trim_after_a_failed_prepare(void **state)
{
	(void)state;
	struct allocpool *pool = make(usual(1600));
	char *hole = at(pool, 1584);
	uint64_t bytes;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	assert_int_equal(munmap(hole, 4096), 0);
	assert_int_equal(allocpool_prepare(pool, 1600), -ENOMEM);
	assert_ptr_equal(mmap(hole, 4096, PROT_READ | PROT_WRITE, flags, -1, 0), hole);
	assert_true(resident(pool, 1600) > 0);
	assert_int_equal(allocpool_trim(pool, &bytes), 0);
	assert_int_equal(resident(pool, 1600), 0);
	assert_int_equal(allocpool_destroy(pool, 0), 0);
}

#define MANY 4000000u

static atomic_bool over;

/* Whether an address of ARGUMENT's pool was given to somebody else. */
static void *take_holes(void *argument)
{
	const char *rows = ((const struct allocpool_view *)argument)->rows, *end = rows + (size_t)MANY * 256;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	bool is_taken = false;
	while (!over && (char *)mmap(NULL, 1 << 20, PROT_NONE, flags, -1, 0) > rows) /* so no place above is left */
		;
	while (!over) {
		char *area = mmap(NULL, 1 << 20, PROT_NONE, flags, -1, 0);
		is_taken = is_taken || (area >= rows && area < end);
		munmap(area, 1 << 20);
	}
	return (void *)is_taken;
}

/* Where the kernel has no hugepage, or no more, the pool's addresses stay its own all the time. */
static void test_no_hole_without_hugepages(void **state)
{
	(void)state;
	struct allocpool_config config = usual(MANY);
	config.pages = ALLOCPOOL_PAGES_HUGETLB;
	struct allocpool *pool = make(config);
	pthread_t thread;
	void *is_taken;
	over = false;
	assert_int_equal(pthread_create(&thread, NULL, take_holes, (void *)(uintptr_t)view_of(pool)), 0);
	for (uint32_t rows = 0; rows < MANY; rows += 8000) {
		uint32_t row = take(pool, rows, 1);
		uint32_t skipped[7999];
		assert_int_equal(row, rows);
		assert_int_equal(allocpool_alloc_bulk(pool, NULL, 1, 7999, skipped), 0);
	}
	over = true;
	pthread_join(thread, &is_taken);
	assert_null(is_taken);
	assert_int_equal(allocpool_destroy(pool, 1), 0);
}

/* This machine may have no hugepage set aside: then the rows are on others, or refused. */
static void test_page_policies(void **state)
{
	(void)state;
	for (uint32_t pages = 0; pages <= ALLOCPOOL_PAGES_THP_FIELDS; pages++) {
		struct allocpool_config config = usual(20000);
		struct allocpool_stats stats;
		uint32_t row;
		uint64_t bytes;
		config.pages = pages;
		struct allocpool *pool = make(config);
		int error = allocpool_alloc(pool, 1, 1, &row);
		assert_int_equal(allocpool_get_stats(pool, &stats), 0);
		assert_true(error == 0 || (error == -ENOMEM && pages == ALLOCPOOL_PAGES_HUGETLB_ONLY));
		assert_true(pages != ALLOCPOOL_PAGES_HUGETLB_ONLY || error || stats.hugetlb_bytes);
		if (!error) {
			memset(at(pool, row), 1, 256);
			assert_int_equal(allocpool_prepare(pool, pages == ALLOCPOOL_PAGES_HUGETLB_ONLY ? 1 : 20000), 0);
			assert_int_equal(allocpool_free(pool, row), 0);
			assert_int_equal(allocpool_trim(pool, &bytes), 0);
			memset(at(pool, take(pool, 1, 1)), 1, 256);
		}
		assert_int_equal(allocpool_destroy(pool, 1), 0);
	}
}

/* Whether the kernel may put 2 MiB pages there: it knows each policy by the flags of the mapping. */
static bool may_be_huge(const void *area)
{
	char line[512] = "";
	unsigned long begin = 0, end = 0;
	bool found = false, may = false;
	FILE *smaps = fopen("/proc/self/smaps", "r");
	while (smaps && fgets(line, sizeof line, smaps)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			found = begin <= (uintptr_t)area && (uintptr_t)area < end;
		else if (found && strncmp(line, "VmFlags:", 8) == 0)
			may = strstr(line, " hg") != NULL;
	}
	fclose(smaps);
	return may;
}

static void test_which_pages_may_be_huge(void **state)
{
	(void)state;
	static const bool rows[] = { [ALLOCPOOL_PAGES_THP] = true, [ALLOCPOOL_PAGES_THP_FIELDS] = false };
	static const bool fields[] = { [ALLOCPOOL_PAGES_THP] = true, [ALLOCPOOL_PAGES_THP_FIELDS] = true };
	static const uint32_t all[] = { ALLOCPOOL_PAGES_SMALL, ALLOCPOOL_PAGES_THP, ALLOCPOOL_PAGES_THP_FIELDS };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct allocpool_config config = usual(20000);
		config.pages = all[i];
		struct allocpool *pool = make(config);
		assert_int_equal(may_be_huge(view_of(pool)->rows), rows[all[i]]);
		assert_int_equal(may_be_huge(view_of(pool)->stamps), fields[all[i]]);
		assert_int_equal(may_be_huge(view_of(pool)->keys), fields[all[i]]);
		assert_int_equal(allocpool_destroy(pool, 0), 0);
	}
}

static void test_node_policies(void **state)
{
	(void)state;
	struct allocpool_config config = usual(1000);
	struct allocpool *pool = NULL;
	config.nodes = 1;
	for (config.numa = ALLOCPOOL_NUMA_BIND; config.numa <= ALLOCPOOL_NUMA_INTERLEAVE; config.numa++) {
		int error = allocpool_create(&config, &pool);
		if (error == -EPERM || error == -ENOSYS) /* a container's filter */
			return;
		assert_int_equal(error, 0);
		assert_int_equal(allocpool_prepare(pool, 1000), 0);
		assert_int_equal(allocpool_destroy(pool, 0), 0);
	}
	config.numa = ALLOCPOOL_NUMA_BIND, config.nodes = 1ull << 63;
	assert_int_equal(allocpool_create(&config, &pool), -EINVAL);
}

static size_t bytes_of_this(const char *key)
{
	char line[64] = "";
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof line, status) && strncmp(line, key, strlen(key)) != 0)
		;
	return strtoull(line + strlen(key), NULL, 10) * 1024;
}

/* What may be written to counts here, as under strict overcommit: the rows are opened piece by piece. */
static int with_little_data(void)
{
	struct rlimit limit = { 0, 0 };
	struct allocpool_config config = usual(4000000);
	struct allocpool *pool = NULL;
	uint32_t row;
	limit.rlim_cur = limit.rlim_max = bytes_of_this("VmData:") + (400u << 20);
	config.fields = ALLOCPOOL_STAMP;
	if (setrlimit(RLIMIT_DATA, &limit) != 0 || allocpool_create(&config, &pool) != 0)
		return 1;
	if (allocpool_alloc(pool, 1, 1, &row) != 0)
		return 2;
	memset(at(pool, row), 1, 256);
	if (allocpool_prepare(pool, 4000000) != -ENOMEM)
		return 3;
	int error = 0;
	while (!error)
		error = allocpool_alloc(pool, 1, 1, &row);
	return error == -ENOMEM ? 0 : 4;
}

static int with_few_addresses(void)
{
	struct rlimit limit = { .rlim_cur = bytes_of_this("VmSize:") + (300u << 20) };
	struct allocpool_config config = usual(4000000);
	struct allocpool *pool = NULL;
	limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 1;
	if (allocpool_create(&config, &pool) != -ENOMEM || pool)
		return 2;
	config.max_rows = 100000;
	return allocpool_create(&config, &pool) == 0 ? allocpool_destroy(pool, 0) : 3;
}

/* Each page of a mapping that differs from its neighbours is one more. */
static int without_mappings(void)
{
	const size_t pages = 200000, page = (size_t)sysconf(_SC_PAGESIZE);
	struct allocpool_config config = usual(1000);
	struct allocpool *pool = NULL, *before = make(config);
	uint32_t row;
	char *area = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t i = 0;
	while (i < pages && mprotect(area + i * page, page, PROT_READ) == 0)
		i += 2;
	if (area == MAP_FAILED || i >= pages)
		return 1;
	if (allocpool_create(&config, &pool) != -ENOMEM || pool)
		return 2;
	return allocpool_alloc(before, 1, 1, &row) != 0 || allocpool_free(before, row) != 0;
}

static struct allocpool *shared_by_fork;

static int use_and_free(void)
{
	memset(at(shared_by_fork, 0), 9, 256);
	return allocpool_free(shared_by_fork, 0) != 0 || allocpool_prepare(shared_by_fork, 50) != 0;
}

static void test_limits_and_fork(void **state)
{
	(void)state;
	assert_int_equal(in_child(with_little_data), 0);
	assert_int_equal(in_child(with_few_addresses), 0);
	assert_int_equal(in_child(without_mappings), 0);
	shared_by_fork = make(usual(100));
	take(shared_by_fork, 1, 1);
	memset(at(shared_by_fork, 0), 1, 256);
	assert_int_equal(in_child(use_and_free), 0);
	assert_int_equal(*(char *)at(shared_by_fork, 0), 1);
	assert_int_equal(allocpool_free(shared_by_fork, 0), 0);
	assert_int_equal(allocpool_destroy(shared_by_fork, 0), 0);
}

static void *prepare_and_trim(void *argument)
{
	struct allocpool *pool = argument;
	uint64_t bytes;
	while (!over && allocpool_prepare(pool, 40000) == 0 && allocpool_trim(pool, &bytes) == 0)
		;
	return NULL;
}

static int prepare_all(void)
{
	return -allocpool_prepare(shared_by_fork, 40000);
}

/* The thread that prepared is not there in the child. */
static void test_fork_while_a_thread_prepares(void **state)
{
	(void)state;
	pthread_t thread;
	shared_by_fork = make(usual(40000));
	over = false;
	assert_int_equal(pthread_create(&thread, NULL, prepare_and_trim, shared_by_fork), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(in_child(prepare_all), 0);
	over = true;
	pthread_join(thread, NULL);
	assert_int_equal(allocpool_destroy(shared_by_fork, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compact_and_trim),          cmocka_unit_test(test_trim_of_holes),
		cmocka_unit_test(test_prepare_and_low_water),     cmocka_unit_test(test_trim_after_a_failed_prepare),
		cmocka_unit_test(test_no_hole_without_hugepages), cmocka_unit_test(test_page_policies),
		cmocka_unit_test(test_which_pages_may_be_huge),   cmocka_unit_test(test_node_policies),
		cmocka_unit_test(test_limits_and_fork),           cmocka_unit_test(test_fork_while_a_thread_prepares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
