/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_reader.h"

#include <elf.h>
#include <errno.h>

#include "util/text.h"

/* glibc has about 40 so far; a list that runs in a circle ends here. */
#define ELF_VERSIONS_MAX 256
#define ELF_GLIBC_PREFIX "GLIBC_2."

/*
 * The places of the version names in the string table. First all of these, then the
 * names: the two tables lie apart, and each change between them is a read.
 */
static size_t elf_list_versions(const struct elf_file *file, uint64_t *ret_names)
{
	uint64_t at = file->verdef;
	size_t n = 0;

	/* Elf32_Verdef and Elf64_Verdef are the same. */
	for (uint64_t i = 0; i < file->verdef_count && n < ELF_VERSIONS_MAX; i++) {
		const unsigned char *definition = elf_view(file->reader, at, sizeof(Elf64_Verdef));
		uint32_t aux, next;

		if (!definition)
			break;
		aux = elf_get32(file, definition + offsetof(Elf64_Verdef, vd_aux));
		next = elf_get32(file, definition + offsetof(Elf64_Verdef, vd_next));
		definition = elf_view(file->reader, at + aux, sizeof(Elf64_Verdaux));
		if (!definition)
			break;
		ret_names[n++] = elf_get32(file, definition + offsetof(Elf64_Verdaux, vda_name));
		if (!next)
			break;
		at += next;
	}
	return n;
}

int elf_glibc_minor(const struct elf_file *file, struct mem *m, int64_t *ret)
{
	uint64_t names[ELF_VERSIONS_MAX];
	int64_t highest = -1;
	size_t n;

	if (!file->verdef)
		return -ENODATA;
	n = elf_list_versions(file, names);
	for (size_t i = 0; i < n; i++) {
		char *name = elf_dynamic_string(file, m, names[i]);
		int64_t minor;

		/* "GLIBC_2.2.5" is 2.2; "GLIBC_PRIVATE" is none. */
		if (name && text_starts_with(name, ELF_GLIBC_PREFIX) &&
		    text_parse_i64(name + sizeof ELF_GLIBC_PREFIX - 1, &minor, NULL) == 0 &&
		    minor > highest)
			highest = minor;
	}
	if (highest < 0)
		return -ENODATA;
	*ret = highest;
	return 0;
}
