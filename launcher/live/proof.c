/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process shows of itself against what it cannot easily make up: the list of objects lies in its own
 * memory, and it may have written it. So its program headers are to be those of its program, the list the
 * one that its loader keeps, the library's entry what the library's own headers say, the calls of the
 * program and of libc bound to what the list says serves them, and the allocator set up.
 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "live/look.h"
#include "util/retry.h"

#define PROOF_HEADERS_MAX 256

/* Of the program's file; workers have the same one as their server. NULL: it cannot be read. */
static const struct live_program_file *proof_read_file(struct serving *s)
{
	const char *link = mem_printf(&s->c->scratch, "%s/exe", s->folder);
	struct live_context *c = s->c;
	struct live_program_file file = { 0 };
	struct stat st;
	int fd;

	if (root_stat(c->root, link, &st) < 0)
		return NULL;
	for (size_t i = 0; i < c->n_programs; i++) {
		if (c->programs[i].file.device == st.st_dev && c->programs[i].file.inode == st.st_ino)
			return &c->programs[i];
	}
	/* What is executed is a regular file: to open it does nothing else. */
	fd = root_openat(c->root, link, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	file.file = (struct mapped_file){ st.st_dev, st.st_ino };
	if (retry_pread(fd, (unsigned char *)&file.header, sizeof file.header, 0) == (ssize_t)sizeof file.header &&
	    file.header.e_phnum <= PROOF_HEADERS_MAX) {
		size_t size = file.header.e_phnum * sizeof *file.headers;

		file.headers = mem_alloc(&c->kept, size);
		if (retry_pread(fd, (unsigned char *)file.headers, size, file.header.e_phoff) != (ssize_t)size)
			file.headers = NULL;
	}
	close(fd);
	return memcpy(MEM_PUSH(&c->kept, c->programs, c->n_programs), &file, sizeof file);
}

/* The headers of its program's file against those in memory. */
static const char *proof_compare_headers(struct serving *s, const struct live_auxv *auxv)
{
	const struct live_program_file *file = proof_read_file(s);
	Elf64_Phdr found[PROOF_HEADERS_MAX];
	size_t size = auxv->phnum * sizeof *found;

	if (!file || !file->headers)
		return "the headers of its program's file cannot be read";
	if (auxv->phnum != file->header.e_phnum || memory_read(s->memory, auxv->phdr, found, size) < 0 ||
	    memcmp(file->headers, found, size) != 0)
		return "its program headers are not those of its program's file";
	return NULL;
}

/* glibc and musl say themselves where the list is that they keep; of other loaders it is not known. */
static const char *proof_compare_list(struct serving *s)
{
	struct live_object loader;
	uint64_t own;

	if (object_read(s->memory, s->objects.loader, &loader) < 0)
		return "its loader is none";
	own = object_find(s->memory, &loader, "_r_debug");
	if (!own && (own = object_find(s->memory, &loader, "_dl_debug_addr")) &&
	    memory_read_u64(s->memory, own, &own) < 0)
		own = 0;
	return own && own != s->objects.debug ? "its list of objects is not its loader's own" : NULL;
}

/* Calls of one object, and the library that is to serve them. */
struct proof_calls {
	struct serving *s;
	const struct live_object *object, *library;
	const char *symbol;
};

/* Does the address lie in what was mapped from the file of which `inside` is a part? */
static bool proof_is_of_file(struct serving *s, uint64_t address, uint64_t inside)
{
	struct mapped_file file, other;
	struct mapping mapping;

	return s->maps && maps_find(s->maps, address, &mapping) == 0 && maps_parse_file(&mapping, &file) == 0 &&
	       maps_find(s->maps, inside, &mapping) == 0 && maps_parse_file(&mapping, &other) == 0 &&
	       file.device == other.device && file.inode == other.inode;
}

/*
 * Is it neither the library's function, nor one that is not bound yet, which stands in the object itself,
 * nor the stub of a program at a fixed address?
 */
static bool proof_goes_elsewhere(void *user, uint64_t address)
{
	const struct proof_calls *calls = user;
	struct serving *s = calls->s;

	if (address == object_find(s->memory, calls->library, calls->symbol))
		return false;
	if (proof_is_of_file(s, address, s->objects.items[0].dynamic))
		return false;
	return address == object_find(s->memory, calls->object, calls->symbol) ||
	       !proof_is_of_file(s, address, calls->object->dynamic);
}

static const char *proof_compare_calls(struct serving *s, const struct live_object *object,
				       const struct live_object *library)
{
	static const char *const symbols[] = { "malloc", "free", "calloc", "realloc" };

	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		struct proof_calls calls = { s, object, library, symbols[i] };

		if (object_find_binding(s->memory, object, symbols[i], proof_goes_elsewhere, &calls))
			return "calls of malloc go to another library";
	}
	return NULL;
}

/* Is the list's entry what the object's own headers say? The first is the program. */
static bool proof_is_entry(struct serving *s, const struct live_object *object)
{
	struct live_object own;

	if (object == s->objects.items)
		return object->dynamic == s->objects.dynamic || s->objects.is_direct;
	return object_read(s->memory, object->base, &own) == 0 && own.dynamic == object->dynamic;
}

static const struct live_object *proof_find_library(struct serving *s)
{
	for (size_t i = 0; i < s->objects.n; i++) {
		if (s->objects.items[i].base == s->malloc_base)
			return &s->objects.items[i];
	}
	return NULL;
}

/* The library's entry, and the calls of the program and of libc. (Others may be bound in their own way.) */
static const char *proof_compare_entries(struct serving *s)
{
	static const char wrong[] = "its list of objects has one otherwise than the object's own headers";
	const struct live_object *library = proof_find_library(s);
	const char *doubt = library && proof_is_entry(s, library) ? NULL : wrong;
	bool has_libc = false;

	for (size_t i = 0; i < s->objects.n && !doubt; i++) {
		const struct live_object *object = &s->objects.items[i];
		bool is_libc = object_find(s->memory, object, "__libc_start_main");

		/* musl gives the program its name, and the vDSO none. */
		if (object == library || object->is_apart || (i > 0 && !is_libc))
			continue;
		has_libc |= is_libc;
		doubt = proof_is_entry(s, object) ? proof_compare_calls(s, object, library) : wrong;
	}
	return doubt || has_libc ? doubt : "its list of objects has no libc";
}

const char *proof_find_doubt(struct serving *s, const struct live_auxv *auxv)
{
	const char *doubt = proof_compare_headers(s, auxv);

	if (!doubt)
		doubt = proof_compare_list(s);
	return doubt ? doubt : proof_compare_entries(s);
}

enum tristate proof_is_initialised(struct live_memory *memory, const struct symtab *table, uint64_t base)
{
	const struct symtab_entry *arenas = symtab_find(table, "je_arenas");
	const struct symtab_entry *is_set = symtab_find(table, "_mi_process_is_initialized");
	uint64_t word = 0;

	if (arenas)
		return memory_read_u64(memory, base + arenas->value, &word) < 0 ? TRI_UNKNOWN : word ? TRI_YES : TRI_NO;
	if (!is_set || memory_read(memory, base + is_set->value, &word, 1) < 0)
		return TRI_UNKNOWN;
	return word ? TRI_YES : TRI_NO;
}
