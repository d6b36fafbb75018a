/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "program/elf_reader.h"
#include "support/support.h"

static const unsigned char build_id[] = { 0xde, 0xad, 0xbe, 0xef, 0x01 };

static const struct elf_spec library = {
	.soname = "libexample.so.1",
	.runpath = "$ORIGIN/deps",
	.needed = (const char *const[]){ "libm.so.6", "libc.so.6", NULL },
	.versions = (const char *const[]){ "libexample.so.1", "GLIBC_2.2.5", "GLIBC_2.36", "GLIBC_2.9", "GLIBC_PRIVATE",
					   NULL },
	.build_id = build_id,
	.build_id_size = sizeof build_id,
	.align = 65536,
};

static const struct elf_spec program = {
	.interpreter = "/lib64/ld-linux-x86-64.so.2",
	.needed = (const char *const[]){ "libjemalloc.so.2", "libc.so.6", NULL },
};

static void test_library(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	size_t size;
	unsigned char *bytes = elf_make(&m, &library, &size);

	(void)state;
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, 0);
	assert_int_equal(elf.bits, 64);
	assert_string_equal(elf.machine, "x86_64");
	assert_true(elf.is_dynamic);
	assert_null(elf.interpreter);
	assert_string_equal(elf.soname, "libexample.so.1");
	assert_string_equal(elf.runpath, "$ORIGIN/deps");
	assert_int_equal(elf.n_needed, 2);
	assert_string_equal(elf.needed[0], "libm.so.6");
	assert_string_equal(elf.needed[1], "libc.so.6");
	assert_int_equal(elf.page_size, 65536);
	assert_string_equal(elf.build_id, "deadbeef01");
	mem_free_all(&m);
}

static void test_programs(void **state)
{
	static const struct elf_spec fixed = { .is_static = true, .machine = EM_AARCH64 };
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	size_t size;
	unsigned char *bytes = elf_make(&m, &program, &size);

	(void)state;
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, 0);
	assert_true(elf.is_dynamic);
	assert_string_equal(elf.interpreter, "/lib64/ld-linux-x86-64.so.2");
	assert_string_equal(elf.needed[0], "libjemalloc.so.2");
	assert_null(elf.build_id);
	assert_null(elf.soname);
	bytes = elf_make(&m, &fixed, &size);
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, 0);
	assert_false(elf.is_dynamic);
	assert_null(elf.interpreter);
	assert_string_equal(elf.machine, "aarch64");
	mem_free_all(&m);
}

static void test_machines(void **state)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} cases[] = {
		{ EM_X86_64, "x86_64" }, { EM_AARCH64, "aarch64" },       { EM_386, "i686" },
		{ EM_ARM, "armv7l" },    { EM_RISCV, "riscv64" },         { EM_S390, "s390x" },
		{ EM_PPC64, "ppc64le" }, { EM_LOONGARCH, "loongarch64" }, { 12345, "em-12345" },
	};
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct elf_spec spec = { .machine = cases[i].machine };
		struct elf_facts elf;
		size_t size;
		unsigned char *bytes = elf_make(&m, &spec, &size);

		elf_parse(&m, bytes, size, &elf);
		assert_string_equal(elf.machine, cases[i].name);
	}
	mem_free_all(&m);
}

/* A 32-bit header with one PT_LOAD, in either byte order. */
static void test_other_classes_and_orders(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	Elf32_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_machine = EM_386,
		.e_phoff = sizeof header,
		.e_phnum = 1,
		.e_phentsize = sizeof(Elf32_Phdr),
	};
	Elf32_Phdr load = { .p_type = PT_LOAD, .p_align = 8192 };
	unsigned char bytes[sizeof header + sizeof load];

	(void)state;
	memcpy(bytes, &header, sizeof header);
	memcpy(bytes + sizeof header, &load, sizeof load);
	elf_parse(&m, bytes, sizeof bytes, &elf);
	assert_int_equal(elf.problem, 0);
	assert_int_equal(elf.bits, 32);
	assert_string_equal(elf.machine, "i686");
	assert_int_equal(elf.page_size, 8192);
	/* Big-endian: s390x by its header. */
	header = (Elf32_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2MSB, EV_CURRENT },
		.e_machine = __builtin_bswap16(EM_S390),
	};
	memcpy(bytes, &header, sizeof header);
	elf_parse(&m, bytes, sizeof bytes, &elf);
	assert_int_equal(elf.problem, 0);
	assert_string_equal(elf.machine, "s390");
	mem_free_all(&m);
}

static void test_not_elf(void **state)
{
	static const char *const texts[] = { "", "\x7f", "\177ELF", "#!/bin/sh\n",
					     "not an ELF file, but long enough for a whole header of one" };
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct elf_facts elf;

		elf_parse(&m, (const unsigned char *)texts[i], strlen(texts[i]), &elf);
		assert_int_equal(elf.problem, -ENOEXEC);
		assert_int_equal(elf.page_size, FACT_UNKNOWN);
		assert_int_equal(elf.bits, 0);
	}
	mem_free_all(&m);
}

/* Wherever a library is cut, that is noticed; and no cut is read beyond. */
static void test_every_truncation(void **state)
{
	struct mem m = MEM_INIT;
	size_t size;
	unsigned char *bytes = elf_make(&m, &library, &size);

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		struct mem part = MEM_INIT;
		struct elf_facts elf;
		unsigned char *copy = mem_alloc(&part, cut);

		memcpy(copy, bytes, cut);
		elf_parse(&part, copy, cut, &elf);
		assert_int_equal(elf.problem, cut < EI_NIDENT ? -ENOEXEC : -ENODATA);
		mem_free_all(&part);
	}
	mem_free_all(&m);
}

/* Without section headers, as after "strip" of the strict kind, the segments tell. */
static void test_truncation_without_sections(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	Elf64_Phdr load;
	size_t size;
	unsigned char *bytes = elf_make(&m, &library, &size);

	(void)state;
	memset(bytes + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, 0);
	elf_parse(&m, bytes, size - sizeof(Elf64_Shdr) - 1, &elf);
	assert_int_equal(elf.problem, -ENODATA);
	/* Only code or data is lost, none of the tables. */
	memcpy(&load, bytes + sizeof(Elf64_Ehdr), sizeof load);
	load.p_filesz = size + 1;
	memcpy(bytes + sizeof(Elf64_Ehdr), &load, sizeof load);
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, -ENODATA);
	mem_free_all(&m);
}

static void test_names_without_an_end(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	size_t size;
	unsigned char *bytes = elf_make(&m, &program, &size), *name;

	(void)state;
	name = memmem(bytes, size, program.interpreter, strlen(program.interpreter) + 1);
	assert_non_null(name);
	name[strlen(program.interpreter)] = 'x';
	elf_parse(&m, bytes, size, &elf);
	assert_null(elf.interpreter);
	mem_free_all(&m);
}

static void test_names_outside_of_the_table(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	size_t size;
	unsigned char *bytes = elf_make(&m, &library, &size);
	Elf64_Dyn entry;

	(void)state;
	for (size_t at = 0; at + sizeof entry <= size; at += 8) {
		memcpy(&entry, bytes + at, sizeof entry);
		if (entry.d_tag != DT_STRSZ || entry.d_un.d_val > 4096)
			continue;
		entry.d_un.d_val = 1;
		memcpy(bytes + at, &entry, sizeof entry);
	}
	elf_parse(&m, bytes, size, &elf);
	assert_int_equal(elf.problem, -ENODATA);
	assert_null(elf.soname);
	assert_int_equal(elf.n_needed, 0);
	mem_free_all(&m);
}

/* Cut files, of which only pieces are read. */
static void test_truncated_file(void **state)
{
	struct tree t;
	struct elf_facts elf;
	unsigned char *bytes;
	size_t size;

	(void)state;
	tree_open(&t);
	bytes = elf_make(&t.mem, &library, &size);
	tree_write_bytes(&t, "/whole", bytes, size);
	tree_write_bytes(&t, "/half", bytes, size / 2);
	tree_write_bytes(&t, "/last", bytes, size - 1);
	tree_write(&t, "/empty", "");
	elf_read(&t.root, &t.mem, "/whole", &elf);
	assert_int_equal(elf.problem, 0);
	assert_string_equal(elf.soname, "libexample.so.1");
	elf_read(&t.root, &t.mem, "/half", &elf);
	assert_int_equal(elf.problem, -ENODATA);
	assert_string_equal(elf.machine, "x86_64");
	elf_read(&t.root, &t.mem, "/last", &elf);
	assert_int_equal(elf.problem, -ENODATA);
	elf_read(&t.root, &t.mem, "/empty", &elf);
	assert_int_equal(elf.problem, -ENODATA);
	elf_read(&t.root, &t.mem, "/none", &elf);
	assert_int_equal(elf.problem, -ENOENT);
	elf_read(&t.root, &t.mem, "/", &elf);
	assert_int_equal(elf.problem, -EISDIR);
	tree_close(&t);
}

/* Each byte of both kinds of file set to some values: no crash, no overrun, an end. */
static void test_every_byte_changed(void **state)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	const struct elf_spec *const specs[] = { &library, &program };
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		size_t size;
		unsigned char *bytes = elf_make(&m, specs[s], &size);

		for (size_t at = 0; at < size; at++) {
			unsigned char saved = bytes[at];

			for (size_t v = 0; v < sizeof values; v++) {
				struct elf_reader reader = { .bytes = bytes, .fd = -1, .size = size };
				struct mem part = MEM_INIT;
				struct elf_facts elf;
				struct elf_file file;
				int64_t minor;

				bytes[at] = values[v];
				elf_parse_reader(&reader, &part, &elf, &file);
				if (elf.problem == 0)
					elf_glibc_minor(&file, &part, &minor);
				mem_free_all(&part);
			}
			bytes[at] = saved;
		}
	}
	mem_free_all(&m);
}

static void test_glibc_version(void **state)
{
	struct elf_reader reader;
	struct elf_facts elf;
	struct elf_file file;
	struct tree t;
	unsigned char *bytes;
	int64_t minor = 7;
	size_t size;

	(void)state;
	tree_open(&t);
	bytes = elf_make(&t.mem, &library, &size);
	tree_write_bytes(&t, "/lib", bytes, size);
	assert_int_equal(elf_reader_open(&t.root, "/lib", &reader), 0);
	elf_parse_reader(&reader, &t.mem, &elf, &file);
	assert_int_equal(elf_glibc_minor(&file, &t.mem, &minor), 0);
	assert_int_equal(minor, 36);
	elf_reader_close(&reader);
	bytes = elf_make(&t.mem, &program, &size);
	tree_write_bytes(&t, "/lib", bytes, size);
	assert_int_equal(elf_reader_open(&t.root, "/lib", &reader), 0);
	elf_parse_reader(&reader, &t.mem, &elf, &file);
	assert_int_equal(elf_glibc_minor(&file, &t.mem, &minor), -ENODATA);
	assert_int_equal(minor, 36);
	elf_reader_close(&reader);
	tree_close(&t);
}

/* Our own program and a file of many megabytes, as far as there is one. */
static void test_real_files(void **state)
{
	struct mem m = MEM_INIT;
	struct elf_facts elf;
	struct root root;
	bool has_libc = false;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	elf_read(&root, &m, "/proc/self/exe", &elf);
	assert_int_equal(elf.problem, 0);
	assert_true(elf.is_dynamic);
	assert_non_null(elf.interpreter);
	for (size_t i = 0; i < elf.n_needed; i++)
		has_libc = has_libc || strcmp(elf.needed[i], "libc.so.6") == 0;
	assert_true(has_libc);
	assert_int_equal(elf.page_size & 4095, 0);
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_other_classes_and_orders),
		cmocka_unit_test(test_not_elf),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_truncation_without_sections),
		cmocka_unit_test(test_names_without_an_end),
		cmocka_unit_test(test_names_outside_of_the_table),
		cmocka_unit_test(test_truncated_file),
		cmocka_unit_test(test_every_byte_changed),
		cmocka_unit_test(test_glibc_version),
		cmocka_unit_test(test_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
