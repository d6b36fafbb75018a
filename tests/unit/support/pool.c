/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pool.h"

#include <string.h>

struct mem pool;

int pool_free(void **state)
{
	(void)state;
	mem_free_all(&pool);
	return 0;
}
