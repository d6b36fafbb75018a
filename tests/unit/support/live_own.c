/* SPDX-License-Identifier: Apache-2.0 */
#include "support/live_own.h"

#include <sys/auxv.h>
#include <unistd.h>

struct live_memory memory = { .fd = -1 };

int open_memory(void **state)
{
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	return memory_open(&root, &pool, getpid(), &memory);
}

int close_memory(void **state)
{
	memory_close(&memory);
	return pool_free(state);
}

struct live_auxv own_auxv(void)
{
	return (struct live_auxv){ getauxval(AT_PHDR), getauxval(AT_PHENT), getauxval(AT_PHNUM), 0,
				   getauxval(AT_BASE) };
}
