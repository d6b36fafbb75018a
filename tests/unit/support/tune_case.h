/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_TUNE_CASE_H
#define ALLOCRUN_TEST_TUNE_CASE_H

/* A made-up machine's files, lines of [node], and the plan that comes of them. */

#include <stdlib.h>

#include "support/pool.h"
#include "tune/tuning.h"

/* Short for who reads a test; for the linker each case has its own. */
#define TUNE_CASE_SYMBOL(name) __asm__("tune_case_" #name)

#define THP "/sys/kernel/mm/transparent_hugepage"
#define NODES "/sys/devices/system/node"
#define POOLS "/sys/kernel/mm/hugepages"
#define WEIGHTS "/sys/kernel/mm/mempolicy/weighted_interleave"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

extern struct tree tree TUNE_CASE_SYMBOL(tree);
extern struct node_policy policy TUNE_CASE_SYMBOL(policy);
extern struct tune_facts facts TUNE_CASE_SYMBOL(facts);
extern struct tune_plan plan TUNE_CASE_SYMBOL(plan);

int tune_open(void **state) TUNE_CASE_SYMBOL(tune_open);

int tune_close(void **state) TUNE_CASE_SYMBOL(tune_close);

#define TUNE_TEST(function) cmocka_unit_test_setup_teardown(function, tune_open, tune_close)

void tune_want(const char *name, const char *value) TUNE_CASE_SYMBOL(tune_want);

/* One node with this memory in KiB. `cpus` "": a memory-only one. */
void tune_write_node(int id, const char *cpus, int kib) TUNE_CASE_SYMBOL(tune_write_node);

/* Two nodes, and one that has memory alone. */
void tune_write_machine(void) TUNE_CASE_SYMBOL(tune_write_machine);

void tune_decide_here(void) TUNE_CASE_SYMBOL(tune_decide_here);

void apply(bool is_atomic) TUNE_CASE_SYMBOL(apply);

/* A node that is taken away between the look and the write. */
void vanish(void) TUNE_CASE_SYMBOL(vanish);

/* A file that says what was written once, and then nothing: a pipe. `first`: what it says before. */
void apply_through_pipe(const char *key, const char *value, const char *path, const char *first)
	TUNE_CASE_SYMBOL(apply_through_pipe);

const struct tune_write *tune_find(const char *key) TUNE_CASE_SYMBOL(tune_find);

/* "planned 511 -> 0", "skipped: WHY", "unchanged 0" */
void assert_write(const char *key, const char *expected) TUNE_CASE_SYMBOL(assert_write);

void assert_file(const char *path, const char *text) TUNE_CASE_SYMBOL(assert_file);

#endif
