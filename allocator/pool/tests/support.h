/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests share. */
#ifndef ALLOCPOOL_TESTS_SUPPORT_H
#define ALLOCPOOL_TESTS_SUPPORT_H

#include "allocpool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static inline struct allocpool_config usual(uint32_t rows)
{
	return (struct allocpool_config){ .size = sizeof(struct allocpool_config),
					  .row_bytes = 256,
					  .max_rows = rows,
					  .fields = ALLOCPOOL_ALL_FIELDS };
}

static inline struct allocpool *make(struct allocpool_config config)
{
	struct allocpool *pool = NULL;
	assert_int_equal(allocpool_create(&config, &pool), 0);
	return pool;
}

static inline uint32_t take(struct allocpool *pool, uint64_t key, uint32_t now)
{
	uint32_t row = UINT32_MAX;
	assert_int_equal(allocpool_alloc(pool, key, now, &row), 0);
	return row;
}

static inline const struct allocpool_view *view_of(struct allocpool *pool)
{
	return allocpool_get_view(pool);
}

/* Also of a row that is free. */
static inline char *at(struct allocpool *pool, uint32_t row)
{
	return view_of(pool)->rows + row * view_of(pool)->stride;
}

/* How many bytes of the rows' pages have memory. */
static inline size_t resident(struct allocpool *pool, uint32_t rows)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = rows * view_of(pool)->stride, count = 0;
	unsigned char *pages = malloc(bytes / page + 1);
	assert_int_equal(mincore(at(pool, 0), bytes, pages), 0);
	for (size_t i = 0; i < (bytes + page - 1) / page; i++)
		count += pages[i] & 1;
	free(pages);
	return count * page;
}

/* In a child: a limit of this process would be the sanitizer's as well. Its status is what went wrong. */
static inline int in_child(int (*work)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(work());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
