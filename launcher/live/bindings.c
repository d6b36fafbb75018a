/* SPDX-License-Identifier: Apache-2.0 */
/* What an object in memory says of itself, and where its calls go. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "live/objects.h"

#define BINDING_HEADERS_MAX 256
#define BINDING_DYNAMIC_MAX 512
/* libtorch_cuda has two millions; those of malloc stand where they like. */
#define BINDING_RELOCATIONS_MAX 65536
#define BINDING_NAME_MAX 64

/* A table of relocations with addends, as all machines that we build for have it. */
struct binding_table {
	uint64_t at, size;
};

int object_read(struct live_memory *memory, uint64_t base, struct live_object *ret)
{
	struct live_object object = { .base = base };
	Elf64_Ehdr header;
	Elf64_Phdr program;

	if (memory_read(memory, base, &header, sizeof header) < 0)
		return -EFAULT;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof program ||
	    header.e_phnum > BINDING_HEADERS_MAX)
		return -ENOEXEC;
	for (size_t i = 0; i < header.e_phnum; i++) {
		if (memory_read(memory, base + header.e_phoff + i * sizeof program, &program, sizeof program) < 0)
			return -EFAULT;
		if (program.p_type == PT_DYNAMIC)
			object.dynamic = base + program.p_vaddr;
	}
	if (!object.dynamic)
		return -ENOEXEC;
	*ret = object;
	return object_read_dynamic(memory, ret->dynamic, ret);
}

static bool binding_has_name(struct live_memory *memory, const struct live_object *object, uint64_t index,
			     const char *name)
{
	char found[BINDING_NAME_MAX];
	size_t size = strlen(name) + 1;
	Elf64_Sym symbol;

	return size <= sizeof found &&
	       memory_read(memory, object->symbols + index * sizeof symbol, &symbol, sizeof symbol) == 0 &&
	       memory_read(memory, object->strings + symbol.st_name, found, size) == 0 &&
	       memcmp(found, name, size) == 0;
}

static bool binding_find(struct live_memory *memory, const struct live_object *object,
			 const struct binding_table *table, const char *name, object_take *take, void *user)
{
	uint64_t n = table->size / sizeof(Elf64_Rela), address;
	Elf64_Rela relocation;

	for (uint64_t i = 0; table->at && i < n && i < BINDING_RELOCATIONS_MAX; i++) {
		if (memory_read(memory, table->at + i * sizeof relocation, &relocation, sizeof relocation) < 0)
			return false;
		if (ELF64_R_SYM(relocation.r_info) &&
		    binding_has_name(memory, object, ELF64_R_SYM(relocation.r_info), name) &&
		    memory_read_u64(memory, object->base + relocation.r_offset, &address) == 0 && take(user, address))
			return true;
	}
	return false;
}

bool object_find_binding(struct live_memory *memory, const struct live_object *object, const char *symbol,
			 object_take *take, void *user)
{
	struct binding_table calls = { 0, 0 }, data = { 0, 0 };
	Elf64_Dyn entry;

	for (size_t i = 0; object->symbols && object->strings && i < BINDING_DYNAMIC_MAX; i++) {
		if (memory_read(memory, object->dynamic + i * sizeof entry, &entry, sizeof entry) < 0)
			return false;
		switch (entry.d_tag) {
		case DT_NULL:
			return binding_find(memory, object, &calls, symbol, take, user) ||
			       binding_find(memory, object, &data, symbol, take, user);
		case DT_JMPREL:
			calls.at = object_address(object, entry.d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			calls.size = entry.d_un.d_val;
			break;
		case DT_RELA:
			data.at = object_address(object, entry.d_un.d_ptr);
			break;
		case DT_RELASZ:
			data.size = entry.d_un.d_val;
			break;
		}
	}
	return false;
}
