/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_BOOT_H
#define ALLOCRUN_DETECT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/mem.h"
#include "util/path.h"

/* The kernel's command line. All but the first are pure. */

/* /proc/cmdline, without its newline. -errno, *ret is untouched then. */
int boot_read(const struct root *root, struct mem *m, const char **ret);

/*
 * The value of NAME=VALUE on the kernel's command line, the last one; "" for a bare
 * word, NULL when it is not there. What stands behind " -- " is init's.
 */
char *boot_find(struct mem *m, const char *command_line, const char *name);
/*
 * What thp_anon= ("16K-64K:always;2M:madvise", kernel 6.12) says of a size, or thp_shmem=,
 * each with one of its `words`; NULL: nothing. Where sizes overlap the later one counts.
 * False: the kernel cannot read it, and ignores all of it.
 */
bool boot_find_thp(struct mem *m, const char *text, const char *words, int64_t size, const char **ret_state);
/* A size of huge pages and how many of it were asked for at boot. */
struct boot_pool {
	int64_t page_size;
	int64_t pages;     /* of all nodes together */
	const char *nodes; /* "0:512,1:512"; NULL: the kernel spreads them */
};
/* hugepagesz= and hugepages= in their order, also "0:512,1:512". */
void boot_parse_pools(struct mem *m, const char *command_line, int64_t default_size, struct boot_pool **ret,
		      size_t *ret_n);

#endif
