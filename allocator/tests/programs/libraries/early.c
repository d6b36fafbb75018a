/* SPDX-License-Identifier: Apache-2.0 */
/* A library whose constructor runs before the preloaded allocator's own, as those of a
 * program's libraries do: its allocation is the process's first. */
#include <stdlib.h>

void *early_block(void);

static void *block;

static void __attribute__((constructor)) start(void)
{
	block = malloc(100);
}

void *early_block(void)
{
	return block;
}
