/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols of files: of this program, of a made-up one, and of that one damaged. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "live/symtab.h"
#include "support/pool.h"

/* Header, no program headers; then symbols, their names, and the section headers. */
struct image {
	Elf64_Ehdr header;
	Elf64_Sym symbols[8];
	char names[200];
	Elf64_Shdr sections[3];
};

static uint32_t put_name(struct image *image, size_t *at, const char *name)
{
	uint32_t start = (uint32_t)*at;

	assert_true(*at + strlen(name) + 1 <= sizeof image->names);
	memcpy(image->names + *at, name, strlen(name) + 1);
	*at += strlen(name) + 1;
	return start;
}

static void make_image(struct image *ret)
{
	static const struct {
		const char *name;
		unsigned char type;
		uint16_t section;
	} symbols[] = {
		{ "je_opt_narenas", STT_OBJECT, 1 },
		{ "je_opt_abort", STT_FUNC, 1 },
		{ "je_opt_zero", STT_OBJECT, SHN_UNDEF },
		{ "je_arenas", STT_OBJECT, 1 },
		{ "other", STT_OBJECT, 1 },
		{ "mi_options", STT_OBJECT, 1 },
		{ "unwanted", STT_OBJECT, 1 },
	};
	size_t at = 1;

	*ret = (struct image){
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_DYN,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shoff = offsetof(struct image, sections),
			    .e_shnum = 3 },
		.sections = { { 0 },
			      { .sh_type = SHT_SYMTAB,
				.sh_offset = offsetof(struct image, symbols),
				.sh_size = sizeof ret->symbols,
				.sh_link = 2,
				.sh_entsize = sizeof(Elf64_Sym) },
			      { .sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct image, names),
				.sh_size = sizeof ret->names } },
	};
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		ret->symbols[i + 1] = (Elf64_Sym){ .st_name = put_name(ret, &at, symbols[i].name),
						   .st_shndx = symbols[i].section,
						   .st_info = ELF64_ST_INFO(STB_LOCAL, symbols[i].type),
						   .st_value = 0x1000 * (i + 1),
						   .st_size = 4 + i };
}

/* From a copy of the exact size, for the sanitizer, and at an odd address. */
static int parse(const void *bytes, size_t size, struct symtab *ret)
{
	struct mem m = MEM_INIT;
	char *copy = (char *)mem_alloc(&m, size + 1) + 1;
	int r;

	memcpy(copy, bytes, size);
	r = symtab_parse(&pool, copy, size, ret);
	mem_free_all(&m);
	return r;
}

static void test_made_file(void **state)
{
	struct symtab table = { .n = 0 };
	struct image image;

	(void)state;
	make_image(&image);
	assert_int_equal(parse(&image, sizeof image, &table), 0);
	assert_int_equal(table.n, 3);
	assert_int_equal(symtab_find(&table, "je_opt_narenas")->value, 0x1000);
	assert_int_equal(symtab_find(&table, "je_opt_narenas")->size, 4);
	assert_int_equal(symtab_find(&table, "je_arenas")->value, 0x4000);
	assert_non_null(symtab_find(&table, "mi_options"));
	assert_null(symtab_find(&table, "je_opt_abort"));
	assert_null(symtab_find(&table, "je_opt_zero"));
	assert_null(symtab_find(&table, "other"));
}

/* Defined for the next test to find. */
__attribute__((used)) static int je_opt_of_this_test = 3;

static void test_this_program(void **state)
{
	const struct symtab_entry *entry;
	struct symtab table;
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(symtab_read(&root, &pool, "/proc/self/exe", &table), 0);
	entry = symtab_find(&table, "je_opt_of_this_test");
	assert_non_null(entry);
	assert_int_equal(entry->size, sizeof je_opt_of_this_test);
	assert_non_null(table.build_id);
	assert_int_equal(((uintptr_t)&je_opt_of_this_test - entry->value) % 4096, 0);
	assert_int_equal(symtab_read(&root, &pool, "/no/such/file", &table), -ENOENT);
	assert_true(symtab_read(&root, &pool, "/", &table) < 0);
	assert_int_equal(symtab_read(&root, &pool, "/dev/null", &table), -ENOEXEC);
	assert_int_equal(symtab_read(&root, &pool, "/proc/self/status", &table), -ENOEXEC);
	/* Never ends: more than a library has is not read. */
	assert_int_equal(symtab_read(&root, &pool, "/dev/zero", &table), -EFBIG);
}

static void test_other_files(void **state)
{
	static const struct elf_spec small = { .soname = "libx.so" };
	struct symtab table = { .n = 7 };
	struct image image;
	size_t size;
	unsigned char *bytes = elf_make(&pool, &small, &size);

	(void)state;
	assert_int_equal(parse(bytes, size, &table), -ENODATA); /* stripped */
	make_image(&image);
	image.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_true(parse(&image, sizeof image, &table) < 0);
	make_image(&image);
	image.sections[1].sh_type = SHT_DYNSYM;
	assert_int_equal(parse(&image, sizeof image, &table), -ENODATA);
	assert_int_equal(parse("", 0, &table), -ENOEXEC);
	assert_int_equal(table.n, 7);
}

/* Fields that lead out of the file, or make a product overflow. */
static void test_damaged_fields(void **state)
{
	static const uint64_t values[] = { 1, 63, 511, 512, 4096, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX - 7 };
	static const size_t fields[] = {
		offsetof(struct image, header.e_shoff),        offsetof(struct image, sections[1].sh_offset),
		offsetof(struct image, sections[1].sh_size),   offsetof(struct image, sections[1].sh_link),
		offsetof(struct image, sections[2].sh_offset), offsetof(struct image, sections[2].sh_size),
		offsetof(struct image, symbols[1].st_name),
	};
	struct image image;
	struct symtab table;

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
			size_t width = fields[i] == offsetof(struct image, sections[1].sh_link) ||
						       fields[i] == offsetof(struct image, symbols[1].st_name) ?
					       4 :
					       8;

			make_image(&image);
			memcpy((char *)&image + fields[i], &values[k], width);
			table = (struct symtab){ .n = 0 };
			if (parse(&image, sizeof image, &table) < 0)
				assert_int_equal(table.n, 0);
			for (size_t n = 0; n < table.n; n++)
				assert_true(strlen(table.entries[n].name) < sizeof image.names);
		}
	}
}

/* Cut off at each length, and each byte in turn another: no read outside, which the sanitizer sees. */
static void test_damaged_bytes(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	struct symtab table;
	struct image image;

	(void)state;
	make_image(&image);
	for (size_t size = 0; size < sizeof image; size++)
		assert_true(parse(&image, size, &table) < 0);
	for (size_t at = 0; at < sizeof image; at++) {
		for (size_t i = 0; i < sizeof masks; i++) {
			make_image(&image);
			((unsigned char *)&image)[at] ^= masks[i];
			parse(&image, sizeof image, &table);
		}
	}
}

/* Megabytes of names without an end, for each of many symbols, and more of them than anybody has. */
static void test_made_to_take_long(void **state)
{
	static const size_t n = 60000, room = 16 * 1024 * 1024;
	size_t size = sizeof(struct image) + n * sizeof(Elf64_Sym) + room;
	char *bytes = mem_alloc(&pool, size);
	struct image *image = (struct image *)(void *)bytes;
	Elf64_Sym *symbols = (Elf64_Sym *)(void *)(image + 1);
	struct timespec before, after;
	struct symtab table;

	(void)state;
	make_image(image);
	image->sections[1].sh_offset = sizeof *image;
	image->sections[1].sh_size = n * sizeof *symbols;
	image->sections[2].sh_offset = sizeof *image + n * sizeof *symbols;
	image->sections[2].sh_size = room;
	memset(bytes + size - room, 'x', room);
	for (size_t i = 0; i < n; i++)
		symbols[i] = (Elf64_Sym){ .st_info = STT_OBJECT, .st_shndx = 1 };
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(symtab_parse(&pool, bytes, size, &table), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_int_equal(table.n, 0);
	assert_true(after.tv_sec - before.tv_sec < 2);
	strcpy(bytes + size - room, "je_opt_x");
	assert_int_equal(symtab_parse(&pool, bytes, size, &table), 0);
	assert_true(table.n > 1000 && table.n < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_made_file),      TEST(test_this_program),  TEST(test_other_files),
		TEST(test_damaged_fields), TEST(test_damaged_bytes), TEST(test_made_to_take_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
