/* SPDX-License-Identifier: Apache-2.0 */
#include "live/objects.h"

#include <elf.h>
#include <string.h>

#include "util/text.h"

/* A program at a fixed address has base 0, and no header there. */
#define PROGRAM_HEADERS_MAX 256
#define NOTES_MAX 64
#define BUILD_ID_MAX 64

/* The notes of one segment. */
static char *build_id_find(struct live_memory *memory, struct mem *m, uint64_t at, uint64_t size)
{
	uint64_t end = at + size;
	unsigned char bytes[BUILD_ID_MAX], name[4];
	Elf64_Nhdr note;

	for (int i = 0; i < NOTES_MAX && at < end && end - at > sizeof note; i++) {
		uint64_t content;

		if (memory_read(memory, at, &note, sizeof note) < 0)
			return NULL;
		content = at + sizeof note + ((note.n_namesz + 3ull) & ~3ull);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz &&
		    note.n_descsz <= sizeof bytes && memory_read(memory, at + sizeof note, name, sizeof name) == 0 &&
		    memcmp(name, "GNU", 4) == 0 && memory_read(memory, content, bytes, note.n_descsz) == 0)
			return text_hex(m, bytes, note.n_descsz);
		at = content + ((note.n_descsz + 3ull) & ~3ull);
	}
	return NULL;
}

char *object_build_id(struct live_memory *memory, struct mem *m, const struct live_object *object)
{
	Elf64_Ehdr header;
	Elf64_Phdr program;

	if (memory_read(memory, object->base, &header, sizeof header) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof program ||
	    header.e_phnum > PROGRAM_HEADERS_MAX)
		return NULL;
	for (size_t i = 0; i < header.e_phnum; i++) {
		char *found;

		if (memory_read(memory, object->base + header.e_phoff + i * sizeof program, &program, sizeof program) <
		    0)
			return NULL;
		if (program.p_type != PT_NOTE)
			continue;
		found = build_id_find(memory, m, object->base + program.p_vaddr, program.p_memsz);
		if (found)
			return found;
	}
	return NULL;
}
