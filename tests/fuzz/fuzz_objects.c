/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a process with a loader's list of objects, in which the input changes
 * some words: four bytes each, an offset and what is put there.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "live/environ.h"
#include "live/memory.h"
#include "live/objects.h"

/* As it lies in memory, from address BASE on. */
struct image {
	Elf64_Ehdr header;
	Elf64_Phdr programs[4];
	Elf64_Dyn dynamic[2], object_dynamic[9];
	struct r_debug debug;
	struct link_map maps[3];
	Elf64_Nhdr note;
	char owner[4], build_id[8];
	uint64_t environ, variables[3];
	char first[16], name[16];
	Elf64_Sym symbols[4];
	Elf64_Rela relocations[2];
	uint64_t calls[2];
	char strings[32];
	struct {
		uint32_t n_buckets, first, n_words, shift;
		uint64_t bloom;
		uint32_t bucket, chains[2];
	} gnu;
	uint32_t sysv[2];
};

#define BASE 4096
#define IMAGE_ROOM 8192
#define AT(field) (BASE + offsetof(struct image, field))

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static void make_image(struct image *i)
{
	memset(i, 0, sizeof *i);
	memcpy(i->header.e_ident, ELFMAG, SELFMAG);
	i->header.e_phoff = offsetof(struct image, programs);
	i->header.e_phentsize = sizeof *i->programs;
	i->header.e_phnum = 4;
	i->programs[0] = (Elf64_Phdr){ .p_type = PT_PHDR, .p_vaddr = offsetof(struct image, programs) };
	i->programs[1] = (Elf64_Phdr){ .p_type = PT_INTERP };
	i->programs[2] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_vaddr = offsetof(struct image, dynamic) };
	i->programs[3] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_vaddr = offsetof(struct image, note), .p_memsz = 24 };
	i->note = (Elf64_Nhdr){ 4, sizeof i->build_id, NT_GNU_BUILD_ID };
	memcpy(i->owner, "GNU", 4);
	i->dynamic[0] = (Elf64_Dyn){ DT_DEBUG, { AT(debug) } };
	i->object_dynamic[0] = (Elf64_Dyn){ DT_SYMTAB, { AT(symbols) } };
	i->object_dynamic[1] = (Elf64_Dyn){ DT_STRTAB, { AT(strings) } };
	i->object_dynamic[2] = (Elf64_Dyn){ DT_GNU_HASH, { AT(gnu) } };
	i->object_dynamic[3] = (Elf64_Dyn){ DT_HASH, { AT(sysv) } };
	i->object_dynamic[4] = (Elf64_Dyn){ DT_RELA, { AT(relocations) } };
	i->object_dynamic[5] = (Elf64_Dyn){ DT_RELASZ, { sizeof i->relocations } };
	i->object_dynamic[6] = (Elf64_Dyn){ DT_JMPREL, { AT(relocations) } };
	i->object_dynamic[7] = (Elf64_Dyn){ DT_PLTRELSZ, { sizeof *i->relocations } };
	for (size_t k = 0; k < 2; k++) {
		i->relocations[k] = (Elf64_Rela){ offsetof(struct image, calls[k]), ELF64_R_INFO(k + 1, 6), 0 };
		i->calls[k] = AT(first);
	}
	i->debug = (struct r_debug){ .r_version = 1, .r_map = (void *)AT(maps[0]) };
	for (size_t k = 0; k < 3; k++)
		i->maps[k] = (struct link_map){ .l_addr = BASE,
						.l_name = (void *)AT(name),
						.l_ld = (void *)AT(object_dynamic),
						.l_next = k < 2 ? (void *)AT(maps[k + 1]) : NULL };
	memcpy(i->strings, "\0malloc\0environ", 16);
	i->symbols[1] = (Elf64_Sym){ .st_name = 1, .st_shndx = 1, .st_value = 64 };
	i->symbols[2] = (Elf64_Sym){ .st_name = 8, .st_shndx = 1, .st_value = offsetof(struct image, environ) };
	i->gnu.n_buckets = i->gnu.first = i->gnu.n_words = 1;
	i->gnu.bloom = UINT64_MAX;
	i->gnu.bucket = 1;
	i->gnu.chains[0] = hash_of("malloc") & ~1u;
	i->gnu.chains[1] = hash_of("environ") | 1;
	i->sysv[1] = 3;
	i->environ = AT(variables);
	i->variables[0] = AT(first);
	memcpy(i->first, "MALLOC_CONF=a:b", 16);
	memcpy(i->name, "libx.so", 8);
}

/* {offset, offset, value, form}: a byte, an address in the image, a small number, all ones. */
static void change_image(char *bytes, const uint8_t *data, size_t size)
{
	for (size_t k = 0; k + 4 <= size; k += 4) {
		size_t at = (data[k] | (size_t)data[k + 1] << 8) % sizeof(struct image);
		uint64_t forms[3] = { BASE + data[k + 2] * UINT64_C(8), data[k + 2], UINT64_MAX };

		if (data[k + 3] % 4 == 0)
			bytes[at] = (char)data[k + 2];
		else
			memcpy(bytes + (at & ~(size_t)7), &forms[data[k + 3] % 4 - 1], 8);
	}
}

static bool take_first(void *user, uint64_t address)
{
	*(uint64_t *)user = address;
	return true;
}

/* Where the calls of malloc go, and what the headers of the image say. */
static void check_bindings(struct live_memory *memory, const struct live_object *object, bool is_unchanged)
{
	struct live_object own;
	uint64_t address = 0;
	bool is_bound = object_find_binding(memory, object, "malloc", take_first, &address);
	int r = object_read(memory, object->base, &own);

	FUZZ_CHECK(!is_unchanged || (is_bound && address == AT(first)));
	FUZZ_CHECK(r == 0 || r == -EFAULT || r == -ENOEXEC);
	FUZZ_CHECK(!is_unchanged || (r == 0 && own.dynamic == AT(dynamic)));
}

static void check_objects(struct mem *m, struct live_memory *memory, const struct live_objects *objects,
			  bool is_unchanged)
{
	struct live_process process = { .environment = NULL };

	for (size_t i = 0; i < objects->n; i++) {
		FUZZ_CHECK(objects->items[i].name != NULL);
		uint64_t address = object_find(memory, &objects->items[i], "malloc");
		const char *build_id = object_build_id(memory, m, &objects->items[i]);

		FUZZ_CHECK(!is_unchanged || (address == BASE + 64 && strcmp(build_id, "0000000000000000") == 0));
	}
	if (objects->n)
		check_bindings(memory, &objects->items[0], is_unchanged);
	environ_read(memory, m, objects, &process);
	FUZZ_CHECK(!is_unchanged || strcmp(process.environment[0], "MALLOC_CONF=a:b") == 0);
	for (char **e = process.environment; e && *e; e++)
		FUZZ_CHECK(strlen(*e) < IMAGE_ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct live_memory memory = { .fd = -1 };
	char bytes[IMAGE_ROOM] = { 0 };
	const struct live_auxv auxv = { AT(programs), sizeof(Elf64_Phdr), 4, 0, 0 };
	struct live_objects objects;
	struct mem m = MEM_INIT;
	int r;

	if (memory.fd < 0)
		memory.fd = memfd_create("memory", MFD_CLOEXEC);
	make_image((struct image *)(void *)bytes);
	change_image(bytes, data, size);
	FUZZ_CHECK(pwrite(memory.fd, bytes, sizeof bytes, BASE) == sizeof bytes);
	memory_forget(&memory);
	memory.budget = MEMORY_BUDGET / 64;
	r = objects_read(&memory, &m, &auxv, &objects);
	FUZZ_CHECK(r == 0 || r == -EFAULT || r == -EAGAIN || r == -ELOOP);
	FUZZ_CHECK(size >= 4 || (r == 0 && objects.n == 3));
	if (r == 0)
		check_objects(&m, &memory, &objects, size < 4);
	mem_free_all(&m);
	return 0;
}
