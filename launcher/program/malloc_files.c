/* SPDX-License-Identifier: Apache-2.0 */
#include "program/malloc_files.h"

#include <string.h>

#include "known/allocators.h"
#include "program/catalog.h"
#include "program/library_path.h"
#include "util/environment.h"
#include "util/text.h"

/* A server has tens; what is behind so many is not looked at. */
#define MALLOC_FILES_MAX 256

static bool malloc_has_any(const struct elf_file *file, const char *const *symbols,
			   bool (*has)(const struct elf_file *file, const char *symbol))
{
	for (; *symbols; symbols++) {
		if (has(file, *symbols))
			return true;
	}
	return false;
}

enum malloc_role malloc_role_of(const struct elf_file *file)
{
	static const char *const sanitizers[] = { "__asan_init", "__hwasan_init", "__tsan_init",
						  "__lsan_init", "__msan_init",   NULL };
	static const char *const next[] = { "dlsym", "dlvsym", NULL };
	/* Where an allocator has its memory from; who only hands on asks for none. */
	static const char *const memory[] = { "mmap", "mmap64", "sbrk", "brk", "madvise", NULL };

	if (!elf_defines(file, "malloc") || !elf_defines(file, "free"))
		return MALLOC_NONE;
	if (malloc_has_any(file, sanitizers, elf_defines))
		return MALLOC_SANITIZES;
	if (malloc_has_any(file, next, elf_asks_for) && !malloc_has_any(file, memory, elf_asks_for))
		return MALLOC_PASSES_ON;
	return MALLOC_SERVES;
}

/* Beside those that come with the libc: in every second program, and without a malloc. */
static bool malloc_has_none(const char *name, enum libc_kind libc)
{
	return library_is_system(name, libc) ||
	       text_has_word(
		       "libz.so.1 libstdc++.so.6 libgcc_s.so.1 libexpat.so.1 libcrypt.so.1 libselinux.so.1 libpcre2-8.so.0",
		       name);
}

static bool malloc_is_listed(const struct malloc_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++) {
		if (strcmp(files->items[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct malloc_file *malloc_add(struct mem *m, struct malloc_files *files, const char *name)
{
	struct malloc_file *file = MEM_PUSH(m, files->items, files->n);

	file->name = mem_strdup(m, name);
	file->role = MALLOC_UNREAD;
	return file;
}

/* The role of the file at `path`; *ret_elf is what it needs itself. */
static enum malloc_role malloc_read(const struct root *root, struct mem *m, const char *path, struct elf_facts *ret_elf)
{
	enum malloc_role role = MALLOC_UNREAD;
	struct elf_reader reader;
	struct elf_file file;

	*ret_elf = (struct elf_facts){ 0 };
	if (!path || elf_reader_open(root, path, &reader) < 0)
		return role;
	elf_parse_reader(&reader, m, ret_elf, &file);
	if (ret_elf->problem == 0)
		role = malloc_role_of(&file);
	elf_reader_close(&reader);
	return role;
}

/* What `elf` needs, at the end of the list. */
struct malloc_queue {
	struct malloc_files files;
	const char **of; /* the path of the file that needs it, beside each */
	const struct elf_facts **elf;
	size_t n_of, n_elf;
};

static void malloc_queue(struct mem *m, struct malloc_queue *queue, const char *of, const struct elf_facts *elf,
			 enum libc_kind libc)
{
	for (size_t i = 0; i < elf->n_needed && queue->files.n < MALLOC_FILES_MAX; i++) {
		if (malloc_has_none(elf->needed[i], libc) || malloc_is_listed(&queue->files, elf->needed[i]))
			continue;
		malloc_add(m, &queue->files, elf->needed[i]);
		*MEM_PUSH(m, queue->of, queue->n_of) = of;
		*MEM_PUSH(m, queue->elf, queue->n_elf) = elf;
	}
}

void malloc_detect_libraries(const struct root *root, struct mem *m, const struct detect_request *request,
			     struct command_facts *command)
{
	struct library_search search = { .root = root, .environment = request->environment };
	struct malloc_queue queue = { { NULL, 0 }, NULL, NULL, 0, 0 };

	if (!command->n_chain || command->elf.problem || !command->elf.interpreter)
		return;
	malloc_queue(m, &queue, command->chain[command->n_chain - 1], &command->elf, command->libc);
	for (size_t i = 0; i < queue.files.n; i++) {
		struct elf_facts *elf = mem_alloc(m, sizeof *elf);
		char *path = library_find(m, &search, root, queue.of[i], queue.elf[i], queue.files.items[i].name);

		queue.files.items[i].role = malloc_read(root, m, path, elf);
		malloc_queue(m, &queue, path, elf, command->libc);
	}
	command->libraries = queue.files;
}

static void malloc_detect_entries(struct mem *m, struct library_search *search, const struct command_facts *command,
				  const char *entries, char *(*next)(struct mem *m, const char **cursor),
				  struct malloc_files *ret)
{
	const struct elf_facts as_usual = { .bits = 64 };
	const struct elf_facts *elf = command->elf.bits ? &command->elf : &as_usual;
	const char *cursor = entries;

	for (char *entry; entries && ret->n < MALLOC_FILES_MAX && (entry = next(m, &cursor));) {
		struct elf_facts own;

		if (!malloc_is_listed(ret, entry))
			malloc_add(m, ret, entry)->role =
				malloc_read(search->root, m, library_find(m, search, search->root, NULL, elf, entry),
					    &own);
	}
}

void malloc_detect_preloads(const struct root *root, struct mem *m, const struct detect_request *request,
			    const struct command_facts *command, const char *file, struct malloc_files *ret)
{
	struct library_search search = { .root = root, .environment = request->environment };

	malloc_detect_entries(m, &search, command, environment_get(request->environment, "LD_PRELOAD"), preload_next,
			      ret);
	malloc_detect_entries(m, &search, command, file, preload_next_of_file, ret);
}
