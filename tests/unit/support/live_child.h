/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_LIVE_CHILD_H
#define ALLOCRUN_TEST_LIVE_CHILD_H

/* Real processes that a test starts and looks at, and the folder for what it compiles. */

#include <stdlib.h>

#include "live/live.h"
#include "support/pool.h"

/* Short for who reads a test; for the linker each case has its own. */
#define LIVE_CHILD_SYMBOL(name) __asm__("live_child_" #name)

#define CHILDREN_MAX 512
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

extern struct tree tree LIVE_CHILD_SYMBOL(tree);
extern pid_t children[CHILDREN_MAX] LIVE_CHILD_SYMBOL(children);
extern size_t n_children LIVE_CHILD_SYMBOL(n_children);

int open_children(void **state) LIVE_CHILD_SYMBOL(open_children);

int close_children(void **state) LIVE_CHILD_SYMBOL(close_children);

#define CHILD_TEST(function) cmocka_unit_test_setup_teardown(function, open_children, close_children)

/* Started, and executed: what there is to see of it is its own. */
pid_t start(const char *const *words, const char *const *environment) LIVE_CHILD_SYMBOL(start);

/* With the compiler that built the test; the path, NULL where there is none. */
char *compile(const char *name, const char *source, const char *flags) LIVE_CHILD_SYMBOL(compile);

void look(enum live_selector selector, const char *text, const struct catalog_facts *catalog, struct live_facts *ret)
	LIVE_CHILD_SYMBOL(look);

/* One process that has come to rest: loaders of a busy machine need their time. */
const struct live_process *look_at(pid_t pid, const struct catalog_facts *catalog) LIVE_CHILD_SYMBOL(look_at);

/* Open descriptors of the test: what is read must be closed again. */
size_t count_descriptors(void) LIVE_CHILD_SYMBOL(count_descriptors);

#endif
