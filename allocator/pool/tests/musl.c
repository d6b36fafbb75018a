/* SPDX-License-Identifier: Apache-2.0 */
/* A program of musl with the shared library that glibc programs have: it names no libc. */
#include "allocpool.h"
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct allocpool_config config = { .size = sizeof config, .row_bytes = 256, .max_rows = 100000, .fields = 63 };
	struct allocpool *pool, *copy;
	struct allocpool_query query = { .by = ALLOCPOOL_BY_AGE, .now = 100, .age = 10, .budget_ns = 1000000000 };
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found found[100];
	uint64_t bytes;
	uint32_t row;
	FILE *file = tmpfile();
	if (!file || allocpool_create(&config, &pool) || allocpool_prepare(pool, 1000))
		return 1;
	for (uint32_t i = 0; i < 1000; i++)
		if (allocpool_alloc(pool, i, i < 50 ? 1 : 99, &row) ||
		    !memset(allocpool_pointer(allocpool_get_view(pool), row), 1, 256))
			return 2;
	if (allocpool_select(pool, &query, &cursor, found, 100) != 50 ||
	    allocpool_commit(pool, &query, found, 50, NULL, NULL) != 50 ||
	    allocpool_compact(pool, 100, NULL, NULL) != 50 || allocpool_trim(pool, &bytes) ||
	    allocpool_free(pool, 99999) != -ENOENT)
		return 3;
	if (allocpool_dump(pool, fileno(file)) || fseek(file, 0, SEEK_SET) ||
	    allocpool_load(&config, fileno(file), &copy))
		return 4;
	puts("it works");
	return allocpool_destroy(pool, 1) + allocpool_destroy(copy, 1);
}
