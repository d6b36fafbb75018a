/* SPDX-License-Identifier: Apache-2.0 */
#include "live/symtab.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "program/elf_reader.h"
#include "util/text.h"

/* Names that are wanted are shorter, and tables have fewer of them. */
#define SYMTAB_NAME_MAX 128
#define SYMTAB_ENTRIES_MAX 4096

/* Options and counters of jemalloc (JEMALLOC_PRIVATE_NAMESPACE je_), options of mimalloc. */
static bool symtab_is_wanted(const char *name)
{
	return text_starts_with(name, "je_opt_") ||
	       text_has_word("je_arenas je_bin_infos je_n_background_threads allocrun_layout "
			     "allocrun_purge_figures mi_options _mi_process_is_initialized",
			     name);
}

/* `count` records of `size` bytes that lie wholly in the file. */
static const void *symtab_slice(const char *bytes, size_t length, uint64_t offset, uint64_t count, size_t size)
{
	if (offset > length || count > (length - offset) / size)
		return NULL;
	return bytes + offset;
}

/* An ELF file's parts need not be aligned. */
static Elf64_Shdr symtab_section(const char *sections, uint64_t index)
{
	Elf64_Shdr section;

	memcpy(&section, sections + index * sizeof section, sizeof section);
	return section;
}

static void symtab_add(struct mem *m, const Elf64_Sym *symbol, const char *strings, size_t strings_size,
		       struct symtab *table)
{
	const char *name;
	size_t room;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || symbol->st_shndx == SHN_UNDEF ||
	    symbol->st_name >= strings_size || table->n >= SYMTAB_ENTRIES_MAX)
		return;
	name = strings + symbol->st_name;
	room = strings_size - symbol->st_name;
	/* No further: megabytes without a zero, for each of a million symbols, take days. */
	if (!memchr(name, '\0', room < SYMTAB_NAME_MAX ? room : SYMTAB_NAME_MAX) || !symtab_is_wanted(name))
		return;
	*MEM_PUSH(m, table->entries, table->n) = (struct symtab_entry){ mem_strdup(m, name), symbol->st_value,
									symbol->st_size };
}

static int symtab_parse_section(struct mem *m, const char *bytes, size_t size, const Elf64_Shdr *symbols,
				const Elf64_Shdr *names, struct symtab *table)
{
	uint64_t n = symbols->sh_size / sizeof(Elf64_Sym);
	const char *at = symtab_slice(bytes, size, symbols->sh_offset, n, sizeof(Elf64_Sym));
	const char *strings = symtab_slice(bytes, size, names->sh_offset, names->sh_size, 1);
	Elf64_Sym symbol;

	if (!at || !strings)
		return -ENOEXEC;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&symbol, at + i * sizeof symbol, sizeof symbol);
		symtab_add(m, &symbol, strings, names->sh_size, table);
	}
	return 0;
}

int symtab_parse(struct mem *m, const char *bytes, size_t size, struct symtab *ret)
{
	struct symtab table = { 0 };
	struct elf_facts elf;
	const char *sections;
	Elf64_Ehdr header;

	elf_parse(m, (const unsigned char *)bytes, size, &elf);
	if (elf.problem || elf.bits != 64)
		return -ENOEXEC;
	memcpy(&header, bytes, sizeof header);
	sections = symtab_slice(bytes, size, header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
	if (!sections || header.e_shentsize != sizeof(Elf64_Shdr))
		return -ENODATA;
	table.build_id = elf.build_id;
	for (uint64_t i = 0; i < header.e_shnum; i++) {
		Elf64_Shdr section = symtab_section(sections, i), names;
		int r;

		if (section.sh_type != SHT_SYMTAB || section.sh_link >= header.e_shnum)
			continue;
		names = symtab_section(sections, section.sh_link);
		r = symtab_parse_section(m, bytes, size, &section, &names, &table);
		if (r == 0)
			*ret = table;
		return r;
	}
	return -ENODATA;
}

int symtab_read(const struct root *root, struct mem *m, const char *path, struct symtab *ret)
{
	struct mem scratch = MEM_INIT;
	size_t size;
	char *bytes;
	int r = root_read(root, &scratch, path, SYMTAB_FILE_MAX, &bytes, &size);

	if (r == 0)
		r = symtab_parse(m, bytes, size, ret);
	mem_free_all(&scratch);
	return r;
}

const struct symtab_entry *symtab_find(const struct symtab *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->entries[i].name, name) == 0)
			return &table->entries[i];
	}
	return NULL;
}
