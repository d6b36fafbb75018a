/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_LIVE_OWN_H
#define ALLOCRUN_TEST_LIVE_OWN_H

/* The memory of the test itself, as that of a process that is looked at. */

#include <sys/auxv.h>
#include <unistd.h>

#include "live/memory.h"
#include "live/objects.h"
#include "support/pool.h"

static struct live_memory memory = { .fd = -1 };

static inline int open_memory(void **state)
{
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	return memory_open(&root, &pool, getpid(), &memory);
}

static inline int close_memory(void **state)
{
	memory_close(&memory);
	return pool_free(state);
}

#define MEMORY_TEST(function) cmocka_unit_test_setup_teardown(function, open_memory, close_memory)
#define AT(object) ((uint64_t)(uintptr_t)(object))

static inline struct live_auxv own_auxv(void)
{
	return (struct live_auxv){ getauxval(AT_PHDR), getauxval(AT_PHENT), getauxval(AT_PHNUM), 0,
				   getauxval(AT_BASE) };
}

#endif
