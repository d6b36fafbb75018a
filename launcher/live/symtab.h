/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_SYMTAB_H
#define ALLOCRUN_LIVE_SYMTAB_H

#include <stddef.h>
#include <stdint.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * Where an allocator keeps its options and counters: the data symbols of the .symtab that bundled
 * builds carry for this purpose.
 */
struct symtab_entry {
	const char *name;
	uint64_t value; /* to be added to the object's base */
	uint64_t size;
};

struct symtab {
	char *build_id;   /* of the file; NULL = it has none */
	const char *path; /* of a file that is not ours, which may lie about others of this build ID */
	struct symtab_entry *entries;
	size_t n;
};

/* The largest library that is read for its symbols. */
#define SYMTAB_FILE_MAX (16 * 1024 * 1024)

/*
 * The data symbols that options are kept in. -ENODATA when the file has no .symtab
 * (a stripped library), -ENOEXEC when it is no 64-bit ELF file. Pure.
 */
int symtab_parse(struct mem *m, const char *bytes, size_t size, struct symtab *ret);
/* The same for a file, whose bytes are gone afterwards. -errno. */
int symtab_read(const struct root *root, struct mem *m, const char *path, struct symtab *ret);

const struct symtab_entry *symtab_find(const struct symtab *table, const char *name);

#endif
