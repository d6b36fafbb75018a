/* SPDX-License-Identifier: Apache-2.0 */
#include "program/elf_reader.h"

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

/* The same for the versions that a library asks of others: a list of lists. */
static size_t elf_list_needed_versions(const struct elf_file *file, uint64_t *ret_names)
{
	uint64_t at = file->verneed;
	size_t n = 0;

	/* Elf32_Verneed and Elf64_Verneed are the same. */
	for (uint64_t i = 0; i < file->verneed_count && n < ELF_VERSIONS_MAX; i++) {
		const unsigned char *need = elf_view(file->reader, at, sizeof(Elf64_Verneed));
		uint64_t aux_at = at;
		uint32_t step = need ? elf_get32(file, need + offsetof(Elf64_Verneed, vn_aux)) : 0;
		uint32_t next = need ? elf_get32(file, need + offsetof(Elf64_Verneed, vn_next)) : 0;

		while (step && n < ELF_VERSIONS_MAX) {
			const unsigned char *aux;

			aux_at += step;
			aux = elf_view(file->reader, aux_at, sizeof(Elf64_Vernaux));
			if (!aux)
				break;
			ret_names[n++] = elf_get32(file, aux + offsetof(Elf64_Vernaux, vna_name));
			step = elf_get32(file, aux + offsetof(Elf64_Vernaux, vna_next));
		}
		if (!next)
			break;
		at += next;
	}
	return n;
}

/* The highest N among the names that are GLIBC_2.N. */
static int elf_highest_glibc(const struct elf_file *file, struct mem *m, const uint64_t *names, size_t n, int64_t *ret)
{
	int64_t highest = -1;

	for (size_t i = 0; i < n; i++) {
		char *name = elf_dynamic_string(file, m, names[i]);
		int64_t minor;

		/* "GLIBC_2.2.5" is 2.2; "GLIBC_PRIVATE" is none. */
		if (name && text_starts_with(name, ELF_GLIBC_PREFIX) &&
		    text_parse_i64(name + sizeof ELF_GLIBC_PREFIX - 1, &minor, NULL) == 0 && minor > highest)
			highest = minor;
	}
	if (highest < 0)
		return -ENODATA;
	*ret = highest;
	return 0;
}

int elf_glibc_minor(const struct elf_file *file, struct mem *m, int64_t *ret)
{
	uint64_t names[ELF_VERSIONS_MAX];

	if (!file->verdef)
		return -ENODATA;
	return elf_highest_glibc(file, m, names, elf_list_versions(file, names), ret);
}

int elf_glibc_needed(const struct elf_file *file, struct mem *m, int64_t *ret)
{
	uint64_t names[ELF_VERSIONS_MAX];

	if (!file->verneed)
		return -ENODATA;
	return elf_highest_glibc(file, m, names, elf_list_needed_versions(file, names), ret);
}
