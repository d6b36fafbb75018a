/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pool.h"

#include <string.h>

struct mem pool;
struct tree tree;

int pool_free(void **state)
{
	(void)state;
	mem_free_all(&pool);
	return 0;
}

int tree_set_up(void **state)
{
	(void)state;
	tree_open(&tree);
	return 0;
}

int tree_tear_down(void **state)
{
	tree_close(&tree);
	return pool_free(state);
}
