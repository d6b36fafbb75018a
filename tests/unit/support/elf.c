/* SPDX-License-Identifier: Apache-2.0 */
/* Small ELF files, made up. */
#include "support/support.h"
#include "detect/detect.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MACHINES_DIR
#define MACHINES_DIR "tests/machines" /* from the top of the repository */
#endif

/* The image that elf_make() fills, and how far. */
struct elf_image {
	unsigned char bytes[16384];
	size_t size;
};

static uint64_t elf_put(struct elf_image *image, const void *bytes, size_t size)
{
	uint64_t at;

	image->size = (image->size + 7) & ~(size_t)7;
	at = image->size;
	assert_true(image->size + size <= sizeof image->bytes);
	memcpy(image->bytes + at, bytes, size);
	image->size += size;
	return at;
}

/* A name in the string table that is being made; its place there. */
static uint64_t elf_put_name(char *names, size_t *n, size_t room, const char *name)
{
	uint64_t at = *n;

	assert_true(*n + strlen(name) + 1 <= room);
	memcpy(names + *n, name, strlen(name) + 1);
	*n += strlen(name) + 1;
	return at;
}

static void elf_put_note(struct elf_image *image, const struct elf_spec *spec, Elf64_Phdr *header)
{
	unsigned char note[12 + 4 + 64] = { 0 };
	uint32_t fields[3] = { 4, (uint32_t)spec->build_id_size, NT_GNU_BUILD_ID };

	memcpy(note, fields, sizeof fields);
	memcpy(note + 12, "GNU", 4);
	memcpy(note + 16, spec->build_id, spec->build_id_size);
	header->p_type = PT_NOTE;
	header->p_filesz = 16 + spec->build_id_size;
	header->p_offset = header->p_vaddr = elf_put(image, note, header->p_filesz);
	header->p_align = 4;
}

/* DT_SYMTAB and DT_HASH, of which the number of symbols is all that counts here. */
static size_t elf_put_symbols(struct elf_image *image, const struct elf_spec *spec, char *names, size_t *n_names,
			      size_t room, Elf64_Dyn *table)
{
	Elf64_Sym symbols[16] = { 0 };
	uint32_t hash[2] = { 0, 1 };

	for (; spec->symbols && spec->symbols[hash[1] - 1]; hash[1]++) {
		const char *name = spec->symbols[hash[1] - 1];

		assert_true(hash[1] < sizeof symbols / sizeof *symbols);
		symbols[hash[1]].st_shndx = *name == '?' ? SHN_UNDEF : 1;
		symbols[hash[1]].st_name = (Elf64_Word)elf_put_name(names, n_names, room, name + (*name == '?'));
	}
	if (hash[1] == 1)
		return 0;
	table[0] = (Elf64_Dyn){ DT_SYMTAB, { elf_put(image, symbols, hash[1] * sizeof *symbols) } };
	table[1] = (Elf64_Dyn){ DT_HASH, { elf_put(image, hash, sizeof hash) } };
	return 2;
}

static void elf_put_dynamic(struct elf_image *image, const struct elf_spec *spec, Elf64_Phdr *header)
{
	Elf64_Dyn table[64] = { 0 };
	struct {
		Elf64_Verdef definition;
		Elf64_Verdaux name;
	} versions[32] = { 0 };
	char names[4096] = { 0 };
	size_t n = 0, n_names = 1, n_versions = 0;

	if (spec->soname)
		table[n++] = (Elf64_Dyn){ DT_SONAME, { elf_put_name(names, &n_names, sizeof names, spec->soname) } };
	if (spec->runpath)
		table[n++] = (Elf64_Dyn){ DT_RUNPATH, { elf_put_name(names, &n_names, sizeof names, spec->runpath) } };
	for (size_t i = 0; spec->needed && spec->needed[i]; i++)
		table[n++] = (Elf64_Dyn){ DT_NEEDED, { elf_put_name(names, &n_names, sizeof names, spec->needed[i]) } };
	for (; spec->versions && spec->versions[n_versions]; n_versions++) {
		versions[n_versions].definition.vd_version = 1;
		versions[n_versions].definition.vd_cnt = 1;
		versions[n_versions].definition.vd_aux = sizeof(Elf64_Verdef);
		versions[n_versions].definition.vd_next = spec->versions[n_versions + 1] ? sizeof *versions : 0;
		versions[n_versions].name.vda_name = (Elf64_Word)elf_put_name(names, &n_names, sizeof names,
									      spec->versions[n_versions]);
	}
	n += elf_put_symbols(image, spec, names, &n_names, sizeof names, table + n);
	if (n_versions) {
		table[n++] = (Elf64_Dyn){ DT_VERDEF, { elf_put(image, versions, n_versions * sizeof *versions) } };
		table[n++] = (Elf64_Dyn){ DT_VERDEFNUM, { n_versions } };
	}
	table[n++] = (Elf64_Dyn){ DT_STRTAB, { elf_put(image, names, n_names) } };
	table[n++] = (Elf64_Dyn){ DT_STRSZ, { n_names } };
	n++; /* DT_NULL */
	header->p_type = PT_DYNAMIC;
	header->p_filesz = n * sizeof *table;
	header->p_offset = header->p_vaddr = elf_put(image, table, header->p_filesz);
	header->p_align = 8;
}

unsigned char *elf_make(struct mem *m, const struct elf_spec *spec, size_t *ret_size)
{
	struct elf_image image = { .size = 0 };
	Elf64_Phdr headers[4] = { { 0 } };
	Elf64_Shdr section = { 0 };
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = spec->machine ? spec->machine : EM_X86_64,
		.e_phoff = sizeof header,
		.e_phentsize = sizeof *headers,
		.e_phnum = 1,
		.e_shentsize = sizeof section,
		.e_shnum = 1,
	};
	unsigned char *copy;

	image.size = sizeof header + sizeof headers;
	if (spec->interpreter) {
		Elf64_Phdr *p = &headers[header.e_phnum++];

		p->p_type = PT_INTERP;
		p->p_filesz = strlen(spec->interpreter) + 1;
		p->p_offset = p->p_vaddr = elf_put(&image, spec->interpreter, p->p_filesz);
	}
	if (spec->build_id)
		elf_put_note(&image, spec, &headers[header.e_phnum++]);
	if (!spec->is_static)
		elf_put_dynamic(&image, spec, &headers[header.e_phnum++]);
	headers[0] =
		(Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = image.size, .p_align = spec->align ? spec->align : 4096 };
	header.e_shoff = elf_put(&image, &section, sizeof section);
	memcpy(image.bytes, &header, sizeof header);
	memcpy(image.bytes + sizeof header, headers, sizeof headers);
	copy = mem_alloc(m, image.size);
	memcpy(copy, image.bytes, image.size);
	*ret_size = image.size;
	return copy;
}

const struct elf_spec elf_glibc_program = {
	.interpreter = "/lib64/ld-linux-x86-64.so.2",
	.needed = (const char *const[]){ "libc.so.6", NULL },
};

void tree_write_elf(struct tree *tree, const char *path, const struct elf_spec *spec)
{
	size_t size;
	unsigned char *bytes = elf_make(&tree->mem, spec, &size);

	tree_write_bytes(tree, path, bytes, size);
}
