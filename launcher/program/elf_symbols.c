/* SPDX-License-Identifier: Apache-2.0 */
/* What an ELF file of 64 bits defines and asks for, by the tables that its loader uses. */
#include <elf.h>
#include <string.h>

#include "program/elf_reader.h"

/* More than any real library; a table that runs in a circle ends here. */
#define ELF_SYMBOLS_MAX 1000000
#define ELF_CHAIN_MAX 4096

struct elf_symbol {
	uint32_t name;
	uint16_t section;
};

static bool elf_read_u32(const struct elf_file *file, uint64_t at, uint32_t *ret)
{
	const unsigned char *bytes = elf_view(file->reader, at, 4);

	if (bytes)
		*ret = elf_get32(file, bytes);
	return bytes;
}

static bool elf_read_symbol(const struct elf_file *file, uint64_t index, struct elf_symbol *ret)
{
	const unsigned char *bytes = elf_view(file->reader, file->symbols + index * sizeof(Elf64_Sym),
					      sizeof(Elf64_Sym));

	if (!bytes)
		return false;
	ret->name = elf_get32(file, bytes + offsetof(Elf64_Sym, st_name));
	ret->section = elf_get16(file, bytes + offsetof(Elf64_Sym, st_shndx));
	return true;
}

/* No copy: there may be many to compare with. */
static bool elf_has_name(const struct elf_file *file, uint32_t at, const char *name)
{
	size_t size = strlen(name) + 1;
	const unsigned char *bytes = at < file->strings_size ? elf_view(file->reader, file->strings + at, size) : NULL;

	return bytes && memcmp(bytes, name, size) == 0;
}

uint32_t elf_hash_gnu(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* DT_GNU_HASH: four words, a filter of 64-bit words, buckets, a chain of the defined symbols. */
struct elf_gnu_table {
	uint32_t n_buckets, first, n_words, shift;
};

static bool elf_read_gnu(const struct elf_file *file, struct elf_gnu_table *ret)
{
	return elf_read_u32(file, file->gnu_hash, &ret->n_buckets) &&
	       elf_read_u32(file, file->gnu_hash + 4, &ret->first) &&
	       elf_read_u32(file, file->gnu_hash + 8, &ret->n_words) &&
	       elf_read_u32(file, file->gnu_hash + 12, &ret->shift) && ret->n_buckets && ret->n_words;
}

/* Most files define it not, and this says so with one read. */
static bool elf_may_define(const struct elf_file *file, const struct elf_gnu_table *table, uint32_t hash)
{
	const unsigned char *bytes =
		elf_view(file->reader, file->gnu_hash + sizeof *table + 8 * (uint64_t)(hash / 64 % table->n_words), 8);
	uint64_t word = bytes ? elf_get64(file, bytes) : 0;

	return (word >> (hash % 64) & 1) && (word >> ((hash >> (table->shift % 32)) % 64) & 1);
}

static bool elf_defines_gnu(const struct elf_file *file, const char *name)
{
	uint32_t hash = elf_hash_gnu(name), index, found;
	struct elf_gnu_table table;
	struct elf_symbol symbol;
	uint64_t buckets;

	if (!elf_read_gnu(file, &table) || !elf_may_define(file, &table, hash))
		return false;
	buckets = file->gnu_hash + sizeof table + 8 * (uint64_t)table.n_words;
	if (!elf_read_u32(file, buckets + 4 * (uint64_t)(hash % table.n_buckets), &index) || index < table.first)
		return false;
	for (int i = 0; i < ELF_CHAIN_MAX; i++, index++) {
		if (!elf_read_u32(file, buckets + 4 * ((uint64_t)table.n_buckets + index - table.first), &found))
			return false;
		if ((found | 1) == (hash | 1) && elf_read_symbol(file, index, &symbol) && symbol.section != SHN_UNDEF &&
		    elf_has_name(file, symbol.name, name))
			return true;
		if (found & 1)
			return false;
	}
	return false;
}

/* Symbol by symbol, of the first `n`. */
static bool elf_lists(const struct elf_file *file, uint32_t n, const char *name, bool is_defined)
{
	struct elf_symbol symbol;

	for (uint32_t i = 0; i < n && i < ELF_SYMBOLS_MAX; i++) {
		if (!elf_read_symbol(file, i, &symbol))
			return false;
		if ((symbol.section != SHN_UNDEF) == is_defined && elf_has_name(file, symbol.name, name))
			return true;
	}
	return false;
}

/* How many there are: DT_HASH knows. */
static uint32_t elf_count_symbols(const struct elf_file *file)
{
	uint32_t n = 0;

	if (file->hash)
		elf_read_u32(file, file->hash + 4, &n);
	return n;
}

bool elf_defines(const struct elf_file *file, const char *symbol)
{
	if (!file->is_64 || !file->symbols || !file->strings)
		return false;
	return file->gnu_hash ? elf_defines_gnu(file, symbol) : elf_lists(file, elf_count_symbols(file), symbol, true);
}

bool elf_asks_for(const struct elf_file *file, const char *symbol)
{
	struct elf_gnu_table table;

	if (!file->is_64 || !file->symbols || !file->strings)
		return false;
	/* Those of others stand in front of the first that is in the table. */
	if (file->gnu_hash)
		return elf_read_gnu(file, &table) && elf_lists(file, table.first, symbol, false);
	return elf_lists(file, elf_count_symbols(file), symbol, false);
}
