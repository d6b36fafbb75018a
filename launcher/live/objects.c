/* SPDX-License-Identifier: Apache-2.0 */
#include "live/objects.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "program/elf_reader.h"

/* Far above any real program; lists that run in a circle end here. */
#define OBJECTS_MAX 8192
#define OBJECT_DYNAMIC_MAX 512
#define OBJECT_NAMESPACES_MAX 64 /* glibc has room for 16 */
#define OBJECT_NAME_MAX 4096
#define OBJECT_SYMBOLS_MAX 1048576
#define OBJECT_SYMBOL_MAX 64 /* of the names that are looked for */
#define PROGRAM_HEADERS_MAX 256

/* Words of half the size: seen as 64-bit ones they say nothing. */
static bool auxv_is_32_bit(const char *bytes, size_t size)
{
	Elf32_auxv_t entry;

	for (size_t at = 0; at + sizeof entry <= size; at += sizeof entry) {
		memcpy(&entry, bytes + at, sizeof entry);
		if (entry.a_type == AT_PHENT)
			return entry.a_un.a_val == sizeof(Elf32_Phdr);
	}
	return false;
}

int auxv_parse(const char *bytes, size_t size, struct live_auxv *ret)
{
	struct live_auxv auxv = { 0, 0, 0, 0, 0 };
	Elf64_auxv_t entry;

	for (size_t at = 0; at + sizeof entry <= size; at += sizeof entry) {
		memcpy(&entry, bytes + at, sizeof entry);
		switch (entry.a_type) {
		case AT_PHDR:
			auxv.phdr = entry.a_un.a_val;
			break;
		case AT_PHENT:
			auxv.phent = entry.a_un.a_val;
			break;
		case AT_PHNUM:
			auxv.phnum = entry.a_un.a_val;
			break;
		case AT_SECURE:
			auxv.secure = entry.a_un.a_val;
			break;
		case AT_BASE:
			auxv.base = entry.a_un.a_val;
			break;
		}
	}
	if (!auxv.phdr || auxv.phent != sizeof(Elf64_Phdr) || auxv.phnum > PROGRAM_HEADERS_MAX)
		return auxv_is_32_bit(bytes, size) ? -ENOEXEC : -EINVAL;
	*ret = auxv;
	return 0;
}

/* The program as its headers have it. */
struct objects_program {
	uint64_t base;    /* what is added to addresses in the file */
	uint64_t dynamic; /* its dynamic section; 0 = none */
	bool has_loader;  /* PT_INTERP */
};

/* Where there is no PT_PHDR: the file's header stands before the program headers. */
static uint64_t objects_find_base(struct live_memory *memory, const struct live_auxv *auxv, uint64_t first)
{
	uint64_t at = auxv->phdr - sizeof(Elf64_Ehdr);
	Elf64_Ehdr header;

	if (memory_read(memory, at, &header, sizeof header) < 0 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_phoff != sizeof header)
		return 0;
	return at - first;
}

static int objects_read_program(struct live_memory *memory, const struct live_auxv *auxv, struct objects_program *ret)
{
	struct objects_program program = { 0, 0, false };
	uint64_t dynamic = 0, first = 0;
	bool has_base = false;
	Elf64_Phdr header;

	for (uint64_t i = 0; i < auxv->phnum; i++) {
		if (memory_read(memory, auxv->phdr + i * sizeof header, &header, sizeof header) < 0)
			return -EFAULT;
		if (header.p_type == PT_PHDR) {
			program.base = auxv->phdr - header.p_vaddr;
			has_base = true;
		}
		if (header.p_type == PT_LOAD && header.p_offset == 0)
			first = header.p_vaddr;
		if (header.p_type == PT_DYNAMIC)
			dynamic = header.p_vaddr;
		if (header.p_type == PT_INTERP)
			program.has_loader = true;
	}
	if (!has_base)
		program.base = objects_find_base(memory, auxv, first);
	program.dynamic = dynamic ? program.base + dynamic : 0;
	*ret = program;
	return 0;
}

/* Where the loader tells debuggers of its list: 0 = it does not yet. */
static int objects_find_debug(struct live_memory *memory, uint64_t dynamic, uint64_t *ret)
{
	Elf64_Dyn entry;

	for (size_t i = 0; i < OBJECT_DYNAMIC_MAX; i++) {
		if (memory_read(memory, dynamic + i * sizeof entry, &entry, sizeof entry) < 0)
			return -EFAULT;
		if (entry.d_tag == DT_DEBUG) {
			*ret = entry.d_un.d_ptr;
			return 0;
		}
		if (entry.d_tag == DT_NULL)
			break;
	}
	return -EAGAIN;
}

/* glibc writes addresses into the dynamic section, musl and the kernel's vDSO leave offsets. */
uint64_t object_address(const struct live_object *object, uint64_t value)
{
	return value < object->base ? object->base + value : value;
}

int object_read_dynamic(struct live_memory *memory, uint64_t dynamic, struct live_object *object)
{
	Elf64_Dyn entry;

	for (size_t i = 0; i < OBJECT_DYNAMIC_MAX; i++) {
		if (memory_read(memory, dynamic + i * sizeof entry, &entry, sizeof entry) < 0)
			return -EFAULT;
		switch (entry.d_tag) {
		case DT_NULL:
			return 0;
		case DT_SYMTAB:
			object->symbols = object_address(object, entry.d_un.d_ptr);
			break;
		case DT_STRTAB:
			object->strings = object_address(object, entry.d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			object->gnu_hash = object_address(object, entry.d_un.d_ptr);
			break;
		case DT_HASH:
			object->hash = object_address(object, entry.d_un.d_ptr);
			break;
		}
	}
	return 0;
}

/*
 * A program without a loader may be one: "ld-linux-x86-64.so.2 PROGRAM". It has its list in
 * itself: glibc as _r_debug, musl behind a pointer. -ENOENT: it is static.
 */
static int objects_find_own_debug(struct live_memory *memory, const struct objects_program *program, uint64_t *ret)
{
	struct live_object self = { .base = program->base };
	uint64_t found;
	int r = object_read_dynamic(memory, program->dynamic, &self);

	if (r < 0)
		return r;
	found = object_find(memory, &self, "_r_debug");
	if (found) {
		*ret = found;
		return 0;
	}
	found = object_find(memory, &self, "_dl_debug_addr");
	return !found ? -ENOENT : memory_read_u64(memory, found, ret);
}

static int objects_add_list(struct live_memory *memory, struct mem *m, uint64_t at, bool is_apart,
			    struct live_objects *objects)
{
	struct link_map map;

	for (; at; at = (uintptr_t)map.l_next) {
		struct live_object object = { .is_apart = is_apart };

		if (objects->n >= OBJECTS_MAX)
			return -ELOOP;
		if (memory_read(memory, at, &map, sizeof map) < 0)
			return -EFAULT;
		object.base = map.l_addr;
		object.name = memory_dup_string(memory, m, (uintptr_t)map.l_name, OBJECT_NAME_MAX);
		object.dynamic = (uintptr_t)map.l_ld;
		if (!object.name || object_read_dynamic(memory, (uintptr_t)map.l_ld, &object) < 0)
			return -EFAULT;
		*MEM_PUSH(m, objects->items, objects->n) = object;
	}
	return 0;
}

/* From version 2 on a pointer to the next namespace follows: what dlmopen(3) has loaded. */
static int objects_add_namespaces(struct live_memory *memory, struct mem *m, uint64_t debug_at,
				  struct live_objects *objects)
{
	struct r_debug debug;

	for (int i = 0; i < OBJECT_NAMESPACES_MAX; i++) {
		int r;

		if (memory_read(memory, debug_at, &debug, sizeof debug) < 0)
			return -EFAULT;
		/* The loader fills it in when all is loaded, and marks it while dlopen is at work. */
		if ((i == 0 && !debug.r_map) || debug.r_state != RT_CONSISTENT)
			return -EAGAIN;
		r = objects_add_list(memory, m, (uintptr_t)debug.r_map, i > 0, objects);
		if (r < 0)
			return r;
		if (debug.r_version < 2)
			return 0;
		if (memory_read_u64(memory, debug_at + sizeof debug, &debug_at) < 0)
			return -EFAULT;
		if (!debug_at)
			return 0;
	}
	return -ELOOP;
}

int objects_read(struct live_memory *memory, struct mem *m, const struct live_auxv *auxv, struct live_objects *ret)
{
	struct live_objects objects = { .loader = auxv->base };
	struct objects_program program;
	uint64_t debug_at = 0;
	int r = objects_read_program(memory, auxv, &program);

	if (r < 0)
		return r;
	if (program.has_loader && program.dynamic) {
		r = objects_find_debug(memory, program.dynamic, &debug_at);
	} else {
		r = program.dynamic ? objects_find_own_debug(memory, &program, &debug_at) : -ENOENT;
		objects.loader = program.base;
		objects.is_direct = true;
	}
	objects.debug = debug_at;
	objects.dynamic = program.dynamic;
	if (r == -ENOENT)
		objects.is_static = true;
	else if (r == 0)
		r = debug_at ? objects_add_namespaces(memory, m, debug_at, &objects) : -EAGAIN;
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = objects;
	return 0;
}

/* No copy: a hash table made for it has a million names to compare. */
static bool object_has_name(struct live_memory *memory, uint64_t at, const char *name)
{
	char found[OBJECT_SYMBOL_MAX];
	size_t size = strlen(name) + 1;

	return size <= sizeof found && memory_read(memory, at, found, size) == 0 && memcmp(found, name, size) == 0;
}

/* Its value, when symbol `index` has this name and is defined in the object; 0. */
static uint64_t object_match(struct live_memory *memory, const struct live_object *object, uint64_t index,
			     const char *name)
{
	Elf64_Sym symbol;

	if (memory_read(memory, object->symbols + index * sizeof symbol, &symbol, sizeof symbol) < 0 ||
	    symbol.st_shndx == SHN_UNDEF || !object_has_name(memory, object->strings + symbol.st_name, name))
		return 0;
	return object->base + symbol.st_value;
}

/* The table of DT_GNU_HASH: header, bloom filter, buckets, chains. */
static uint64_t object_find_gnu(struct live_memory *memory, const struct live_object *object, const char *name)
{
	struct {
		uint32_t n_buckets, first, n_words, shift;
	} header;
	uint32_t hash = elf_hash_gnu(name), index, found;
	uint64_t word, buckets, chains;

	if (memory_read(memory, object->gnu_hash, &header, sizeof header) < 0 || !header.n_buckets || !header.n_words)
		return 0;
	/* Most objects do not define it, and this says so without a further read. */
	if (memory_read_u64(memory, object->gnu_hash + sizeof header + 8 * (uint64_t)((hash / 64) % header.n_words),
			    &word) < 0 ||
	    !(word >> (hash % 64) & 1) || !(word >> ((hash >> (header.shift % 32)) % 64) & 1))
		return 0;
	buckets = object->gnu_hash + sizeof header + 8 * (uint64_t)header.n_words;
	chains = buckets + 4 * (uint64_t)header.n_buckets;
	if (memory_read_u32(memory, buckets + 4 * (uint64_t)(hash % header.n_buckets), &index) < 0 ||
	    index < header.first)
		return 0;
	for (uint32_t i = 0; i < OBJECT_SYMBOLS_MAX; i++, index++) {
		uint64_t value;

		if (memory_read_u32(memory, chains + 4 * (uint64_t)(index - header.first), &found) < 0)
			return 0;
		if ((found | 1) == (hash | 1) && (value = object_match(memory, object, index, name)))
			return value;
		if (found & 1)
			return 0;
	}
	return 0;
}

/* DT_HASH: the number of symbols is in its header; musl and the vDSO may have no other. */
static uint64_t object_find_sysv(struct live_memory *memory, const struct live_object *object, const char *name)
{
	uint32_t n;

	if (memory_read_u32(memory, object->hash + 4, &n) < 0)
		return 0;
	for (uint32_t i = 1; i < n && i < OBJECT_SYMBOLS_MAX && !memory_is_spent(memory); i++) {
		uint64_t value = object_match(memory, object, i, name);

		if (value)
			return value;
	}
	return 0;
}

uint64_t object_find(struct live_memory *memory, const struct live_object *object, const char *symbol)
{
	if (!object->symbols || !object->strings)
		return 0;
	if (object->gnu_hash)
		return object_find_gnu(memory, object, symbol);
	return object->hash ? object_find_sysv(memory, object, symbol) : 0;
}
