/* SPDX-License-Identifier: Apache-2.0 */
#include "program/elf_reader.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

/* The kernel's own limits of what it loads (fs/binfmt_elf.c). */
#define ELF_PROGRAM_HEADERS_MAX 65536
#define ELF_INTERPRETER_MAX 4096
/* Ours, far above any real file. */
#define ELF_DYNAMIC_MAX 4096
#define ELF_NEEDED_MAX 1024
#define ELF_NAME_MAX 4096
#define ELF_NOTES_MAX 256
#define ELF_BUILD_ID_MAX 64

struct elf_program {
	uint32_t type;
	uint64_t offset, address, size, align;
};

struct elf_dynamic {
	uint64_t strings, strings_size, verdef, verdef_count, verneed, verneed_count, soname, runpath;
	uint64_t symbols, hash, gnu_hash;
	bool has_soname, has_runpath;
	uint64_t *needed;
	size_t n_needed;
};

static void elf_name_machine(const struct elf_file *file, unsigned int machine, bool is_little, char *ret, size_t size)
{
	const char *name = NULL;

	switch (machine) {
	case EM_X86_64:
		name = "x86_64";
		break;
	case EM_AARCH64:
		name = is_little ? "aarch64" : "aarch64_be";
		break;
	case EM_386:
		name = "i686";
		break;
	case EM_ARM:
		name = "armv7l";
		break;
	case EM_PPC64:
		name = is_little ? "ppc64le" : "ppc64";
		break;
	case EM_RISCV:
		name = file->is_64 ? "riscv64" : "riscv32";
		break;
	case EM_S390:
		name = file->is_64 ? "s390x" : "s390";
		break;
	case EM_LOONGARCH:
		name = file->is_64 ? "loongarch64" : "loongarch32";
		break;
	}
	if (name)
		snprintf(ret, size, "%s", name);
	else
		snprintf(ret, size, "em-%u", machine);
}

/* The header: class, byte order, machine, and where the program headers are. */
static int elf_parse_header(struct elf_facts *facts, struct elf_file *file)
{
	const unsigned char *h = elf_view(file->reader, 0, EI_NIDENT);
	uint64_t shoff;
	unsigned int shentsize, shnum;
	bool is_little;

	if (!h || memcmp(h, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if ((h[EI_CLASS] != ELFCLASS32 && h[EI_CLASS] != ELFCLASS64) ||
	    (h[EI_DATA] != ELFDATA2LSB && h[EI_DATA] != ELFDATA2MSB))
		return -ENOEXEC;
	file->is_64 = h[EI_CLASS] == ELFCLASS64;
	is_little = h[EI_DATA] == ELFDATA2LSB;
	file->is_swapped = is_little != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	h = elf_view(file->reader, 0, file->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
	if (!h)
		return -ENODATA;
	facts->bits = file->is_64 ? 64 : 32;
	elf_name_machine(file, elf_get16(file, h + offsetof(Elf64_Ehdr, e_machine)), is_little, facts->machine,
			 sizeof facts->machine);
	if (file->is_64) {
		file->phoff = elf_get64(file, h + offsetof(Elf64_Ehdr, e_phoff));
		file->phentsize = elf_get16(file, h + offsetof(Elf64_Ehdr, e_phentsize));
		file->phnum = elf_get16(file, h + offsetof(Elf64_Ehdr, e_phnum));
		shoff = elf_get64(file, h + offsetof(Elf64_Ehdr, e_shoff));
		shentsize = elf_get16(file, h + offsetof(Elf64_Ehdr, e_shentsize));
		shnum = elf_get16(file, h + offsetof(Elf64_Ehdr, e_shnum));
	} else {
		file->phoff = elf_get32(file, h + offsetof(Elf32_Ehdr, e_phoff));
		file->phentsize = elf_get16(file, h + offsetof(Elf32_Ehdr, e_phentsize));
		file->phnum = elf_get16(file, h + offsetof(Elf32_Ehdr, e_phnum));
		shoff = elf_get32(file, h + offsetof(Elf32_Ehdr, e_shoff));
		shentsize = elf_get16(file, h + offsetof(Elf32_Ehdr, e_shentsize));
		shnum = elf_get16(file, h + offsetof(Elf32_Ehdr, e_shnum));
	}
	/* The section headers end a file: a copy that was cut off lacks them first. */
	if (shoff && (shoff > file->reader->size || (uint64_t)shentsize * shnum > file->reader->size - shoff))
		return -ENODATA;
	return 0;
}

static int elf_read_program(const struct elf_file *file, unsigned int i, struct elf_program *ret)
{
	size_t size = file->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const unsigned char *p;

	if (file->phentsize != size || file->phoff > file->reader->size ||
	    (uint64_t)file->phnum * size > ELF_PROGRAM_HEADERS_MAX)
		return -ENOEXEC;
	p = elf_view(file->reader, file->phoff + i * size, size);
	if (!p)
		return -ENODATA;
	ret->type = elf_get32(file, p);
	if (file->is_64) {
		ret->offset = elf_get64(file, p + offsetof(Elf64_Phdr, p_offset));
		ret->address = elf_get64(file, p + offsetof(Elf64_Phdr, p_vaddr));
		ret->size = elf_get64(file, p + offsetof(Elf64_Phdr, p_filesz));
		ret->align = elf_get64(file, p + offsetof(Elf64_Phdr, p_align));
	} else {
		ret->offset = elf_get32(file, p + offsetof(Elf32_Phdr, p_offset));
		ret->address = elf_get32(file, p + offsetof(Elf32_Phdr, p_vaddr));
		ret->size = elf_get32(file, p + offsetof(Elf32_Phdr, p_filesz));
		ret->align = elf_get32(file, p + offsetof(Elf32_Phdr, p_align));
	}
	return 0;
}

/* An address of the loaded image as an offset in the file; 0 when no segment has it. */
static uint64_t elf_offset_of(const struct elf_file *file, uint64_t address)
{
	struct elf_program p;

	for (unsigned int i = 0; i < file->phnum; i++) {
		if (elf_read_program(file, i, &p) == 0 && p.type == PT_LOAD && address >= p.address &&
		    address - p.address < p.size && p.offset <= UINT64_MAX - (address - p.address))
			return p.offset + (address - p.address);
	}
	return 0;
}

static char *elf_string_at(struct elf_reader *reader, struct mem *m, uint64_t offset, uint64_t available)
{
	uint64_t rest;
	size_t length;
	const unsigned char *text;

	if (offset > reader->size)
		return NULL;
	rest = reader->size - offset;
	if (rest > available)
		rest = available;
	length = rest < ELF_NAME_MAX ? (size_t)rest : ELF_NAME_MAX;
	text = elf_view(reader, offset, length);
	if (!text || !memchr(text, '\0', length))
		return NULL;
	return mem_strdup(m, (const char *)text);
}

char *elf_dynamic_string(const struct elf_file *file, struct mem *m, uint64_t offset)
{
	if (!file->strings || offset >= file->strings_size || file->strings > UINT64_MAX - offset)
		return NULL;
	return elf_string_at(file->reader, m, file->strings + offset, file->strings_size - offset);
}

static void elf_parse_interpreter(const struct elf_file *file, struct mem *m, const struct elf_program *p,
				  struct elf_facts *facts)
{
	if (p->size && p->size <= ELF_INTERPRETER_MAX && !facts->interpreter)
		facts->interpreter = elf_string_at(file->reader, m, p->offset, p->size);
}

/* Looks for the GNU build ID among the notes of one segment. */
static void elf_parse_notes(const struct elf_file *file, struct mem *m, const struct elf_program *p,
			    struct elf_facts *facts)
{
	uint64_t align = p->align == 8 ? 8 : 4, at = 0;

	for (int i = 0; i < ELF_NOTES_MAX && p->size > at && p->size - at >= 12; i++) {
		const unsigned char *note = elf_view(file->reader, p->offset + at, 12);
		uint32_t name_size, size, type;
		uint64_t name_end;

		if (!note)
			return;
		name_size = elf_get32(file, note);
		size = elf_get32(file, note + 4);
		type = elf_get32(file, note + 8);
		name_end = (12 + (uint64_t)name_size + align - 1) & ~(align - 1);
		if (type == NT_GNU_BUILD_ID && name_size == 4 && size && size <= ELF_BUILD_ID_MAX) {
			note = elf_view(file->reader, p->offset + at, (size_t)name_end + size);
			if (!note || memcmp(note + 12, "GNU", 4) != 0)
				return;
			facts->build_id = text_hex(m, note + name_end, size);
			return;
		}
		at += name_end + (((uint64_t)size + align - 1) & ~(align - 1));
	}
}

/* All of the program headers but what PT_DYNAMIC points to. */
static int elf_parse_programs(struct elf_file *file, struct mem *m, struct elf_facts *facts)
{
	uint64_t end = file->reader->size;
	struct elf_program p;

	for (unsigned int i = 0; i < file->phnum; i++) {
		int r = elf_read_program(file, i, &p);

		if (r < 0)
			return r;
		if (p.type != PT_LOAD && p.type != PT_INTERP && p.type != PT_DYNAMIC && p.type != PT_NOTE)
			continue;
		if (p.size && (p.offset > end || p.size > end - p.offset))
			return -ENODATA;
		if (p.type == PT_LOAD && p.align <= INT64_MAX && (int64_t)p.align > facts->page_size)
			facts->page_size = (int64_t)p.align;
		if (p.type == PT_INTERP)
			elf_parse_interpreter(file, m, &p, facts);
		if (p.type == PT_NOTE && !facts->build_id)
			elf_parse_notes(file, m, &p, facts);
		if (p.type == PT_DYNAMIC) {
			file->dynamic = p.offset;
			file->dynamic_size = p.size;
		}
		if (p.type == PT_INTERP || p.type == PT_DYNAMIC)
			facts->is_dynamic = true;
	}
	return 0;
}

static void elf_add_dynamic(struct elf_dynamic *dynamic, struct mem *m, uint64_t tag, uint64_t value)
{
	switch (tag) {
	case DT_STRTAB:
		dynamic->strings = value;
		break;
	case DT_STRSZ:
		dynamic->strings_size = value;
		break;
	case DT_SYMTAB:
		dynamic->symbols = value;
		break;
	case DT_HASH:
		dynamic->hash = value;
		break;
	case DT_GNU_HASH:
		dynamic->gnu_hash = value;
		break;
	case DT_VERDEF:
		dynamic->verdef = value;
		break;
	case DT_VERDEFNUM:
		dynamic->verdef_count = value;
		break;
	case DT_VERNEED:
		dynamic->verneed = value;
		break;
	case DT_VERNEEDNUM:
		dynamic->verneed_count = value;
		break;
	case DT_SONAME:
		dynamic->soname = value;
		dynamic->has_soname = true;
		break;
	case DT_RPATH:
		/* Only heeded where there is no RUNPATH. */
		if (dynamic->has_runpath)
			break;
		/* fall through */
	case DT_RUNPATH:
		dynamic->runpath = value;
		dynamic->has_runpath = true;
		break;
	case DT_NEEDED:
		if (dynamic->n_needed < ELF_NEEDED_MAX)
			*MEM_PUSH(m, dynamic->needed, dynamic->n_needed) = value;
		break;
	}
}

static int elf_read_dynamic(const struct elf_file *file, struct mem *m, struct elf_dynamic *ret)
{
	size_t size = file->is_64 ? 16 : 8;

	for (uint64_t i = 0; i < ELF_DYNAMIC_MAX && (i + 1) * size <= file->dynamic_size; i++) {
		const unsigned char *d = elf_view(file->reader, file->dynamic + i * size, size);
		uint64_t tag;

		if (!d)
			return -ENODATA;
		tag = file->is_64 ? elf_get64(file, d) : elf_get32(file, d);
		if (tag == DT_NULL)
			break;
		elf_add_dynamic(ret, m, tag, file->is_64 ? elf_get64(file, d + 8) : elf_get32(file, d + 4));
	}
	return 0;
}

static int elf_parse_dynamic(struct elf_file *file, struct mem *m, struct elf_facts *facts)
{
	struct elf_dynamic dynamic = { .n_needed = 0 };
	int r;

	if (!file->dynamic)
		return 0;
	r = elf_read_dynamic(file, m, &dynamic);
	if (r < 0)
		return r;
	file->strings = elf_offset_of(file, dynamic.strings);
	file->strings_size = dynamic.strings_size;
	file->verdef = dynamic.verdef ? elf_offset_of(file, dynamic.verdef) : 0;
	file->verdef_count = dynamic.verdef_count;
	file->verneed = dynamic.verneed ? elf_offset_of(file, dynamic.verneed) : 0;
	file->verneed_count = dynamic.verneed_count;
	file->symbols = dynamic.symbols ? elf_offset_of(file, dynamic.symbols) : 0;
	file->hash = dynamic.hash ? elf_offset_of(file, dynamic.hash) : 0;
	file->gnu_hash = dynamic.gnu_hash ? elf_offset_of(file, dynamic.gnu_hash) : 0;
	if (dynamic.has_soname)
		facts->soname = elf_dynamic_string(file, m, dynamic.soname);
	if (dynamic.has_runpath)
		facts->runpath = elf_dynamic_string(file, m, dynamic.runpath);
	for (size_t i = 0; i < dynamic.n_needed; i++) {
		char *name = elf_dynamic_string(file, m, dynamic.needed[i]);

		if (!name)
			return -ENODATA;
		*MEM_PUSH(m, facts->needed, facts->n_needed) = name;
	}
	return 0;
}

void elf_parse_reader(struct elf_reader *reader, struct mem *m, struct elf_facts *ret, struct elf_file *ret_file)
{
	*ret_file = (struct elf_file){ .reader = reader };
	*ret = (struct elf_facts){ 0 };
	ret->problem = elf_parse_header(ret, ret_file);
	if (ret->problem == 0)
		ret->problem = elf_parse_programs(ret_file, m, ret);
	if (ret->problem == 0)
		ret->problem = elf_parse_dynamic(ret_file, m, ret);
	if (ret->page_size == 0)
		ret->page_size = FACT_UNKNOWN;
}

void elf_parse(struct mem *m, const unsigned char *bytes, size_t size, struct elf_facts *ret)
{
	struct elf_reader reader;
	struct elf_file file;

	reader.bytes = bytes;
	reader.fd = -1;
	reader.size = size;
	elf_parse_reader(&reader, m, ret, &file);
}

void elf_read(const struct root *root, struct mem *m, const char *path, struct elf_facts *ret)
{
	struct elf_reader reader;
	struct elf_file file;
	int r = elf_reader_open(root, path, &reader);

	if (r < 0) {
		*ret = (struct elf_facts){ .problem = r, .page_size = FACT_UNKNOWN };
		return;
	}
	elf_parse_reader(&reader, m, ret, &file);
	elf_reader_close(&reader);
}
