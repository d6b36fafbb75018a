/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_LIVE_OWN_H
#define ALLOCRUN_TEST_LIVE_OWN_H

/* The memory of the test itself, as that of a process that is looked at. */

#include "live/memory.h"
#include "live/objects.h"
#include "support/pool.h"

/* Short for who reads a test; for the linker each case has its own. */
#define LIVE_OWN_SYMBOL(name) __asm__("live_own_" #name)

extern struct live_memory memory LIVE_OWN_SYMBOL(memory);

int open_memory(void **state) LIVE_OWN_SYMBOL(open_memory);

int close_memory(void **state) LIVE_OWN_SYMBOL(close_memory);

#define MEMORY_TEST(function) cmocka_unit_test_setup_teardown(function, open_memory, close_memory)
#define AT(object) ((uint64_t)(uintptr_t)(object))

struct live_auxv own_auxv(void) LIVE_OWN_SYMBOL(own_auxv);

#endif
