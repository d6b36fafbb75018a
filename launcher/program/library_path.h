/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_LIBRARY_PATH_H
#define ALLOCRUN_PROGRAM_LIBRARY_PATH_H

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/* Begins as { .root, .environment }: where the command runs. */
struct library_search {
	const struct root *root;
	const char *const *environment;
	char *cache; /* /etc/ld.so.cache, once it was asked for */
	size_t cache_size;
	bool has_no_cache;
};

/*
 * The path of a library as the loader would find it for the file `of` (below `own`; NULL: for
 * LD_PRELOAD), of whose width and machine it has to be; NULL = it is not there, or only the loader
 * knows ($LIB). In the pool.
 */
char *library_find(struct mem *m, struct library_search *search, const struct root *own, const char *of,
		   const struct elf_facts *elf, const char *name);

/* Is it in a folder that loaders look in without being told, for this machine? A stat or two, and no cache. */
bool library_is_in_usual_folder(const struct root *root, struct mem *m, const struct elf_facts *elf, const char *name);

#endif
