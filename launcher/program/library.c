/* SPDX-License-Identifier: Apache-2.0 */
#include "program/catalog.h"

#include <errno.h>
#include <string.h>

#include "program/elf_reader.h"
#include "program/library_path.h"
#include "program/malloc_files.h"
#include "util/text.h"

bool library_is_system(const char *name, enum libc_kind libc)
{
	if (libc == LIBC_MUSL)
		return strcmp(name, "libc.so") == 0 || text_starts_with(name, "libc.musl-") ||
		       text_starts_with(name, "ld-musl-");
	return text_has_word("libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1", name) ||
	       text_starts_with(name, "ld-linux") || text_starts_with(name, "ld64.so.");
}

/*
 * What comes with glibc is missing only where glibc itself is found without it: a captured machine has neither,
 * and an image may have been stripped of the stubs that newer programs do without.
 */
static bool library_is_missing(struct mem *m, struct library_search *search, const struct root *own,
			       const struct build_facts *build, const struct elf_facts *elf, const char *name)
{
	static const char *const libc = "libc.so.6";

	if (!library_is_system(name, build->libc))
		return !library_find(m, search, own, build->path, elf, name);
	return build->libc == LIBC_GLIBC && strcmp(name, libc) != 0 &&
	       !library_is_in_usual_folder(search->root, m, elf, name) &&
	       !library_find(m, search, own, build->path, elf, name) &&
	       library_find(m, search, own, build->path, elf, libc);
}

static void library_check_needed(const struct root *own, const struct root *root, struct mem *m,
				 const char *const *environment, const struct elf_facts *elf, struct build_facts *build)
{
	struct library_search search = { .root = root, .environment = environment };

	for (size_t i = 0; i < elf->n_needed; i++) {
		const char *name = elf->needed[i];

		if (!library_is_missing(m, &search, own, build, elf, name))
			continue;
		build->problem = mem_printf(m, "%s needs %s, which is not installed", build->path, name);
		return;
	}
}

static char *library_describe(struct mem *m, const char *path, int problem)
{
	switch (problem) {
	case -ENOENT:
	case -ENOTDIR:
		return mem_printf(m, "%s is missing", path);
	case -ENOEXEC:
		return mem_printf(m, "%s is not an ELF file", path);
	case -ENODATA:
		return mem_printf(m, "%s is truncated", path);
	case -EISDIR:
		return mem_printf(m, "%s is a directory", path);
	case -EINVAL:
		return mem_printf(m, "%s is not a regular file", path);
	default:
		return mem_printf(m, "%s cannot be read: %s", path, strerrordesc_np(-problem));
	}
}

/* A file that is whole, but not the one that the manifest speaks of. */
static void library_compare(struct mem *m, const struct elf_facts *elf, struct build_facts *build)
{
	if (build->machine && strcmp(elf->machine, build->machine) != 0)
		build->problem = mem_printf(m, "%s is for %s, not for %s", build->path, elf->machine, build->machine);
	else if (!elf->is_dynamic || elf->interpreter)
		build->problem = mem_printf(m, "%s is not a shared library", build->path);
	else if (build->build_id && elf->build_id && strcmp(build->build_id, elf->build_id) != 0)
		build->problem = mem_printf(m, "%s has build ID %s, the manifest says %s", build->path, elf->build_id,
					    build->build_id);
}

/* A manifest has the version, and names allocators; of a library that was named by its path only it itself knows. */
static void library_read_foreign(const struct root *own, struct mem *m, struct build_facts *build)
{
	struct elf_reader reader;
	struct elf_facts elf;
	struct elf_file file;

	if (elf_reader_open(own, build->path, &reader) < 0)
		return;
	elf_parse_reader(&reader, m, &elf, &file);
	if (elf.problem == 0) {
		elf_glibc_needed(&file, m, &build->libc_minor);
		if (malloc_role_of(&file) == MALLOC_NONE)
			build->problem = mem_printf(m, "%s defines no malloc", build->path);
	}
	elf_reader_close(&reader);
}

void library_check(const struct root *own, const struct root *root, struct mem *m, const char *const *environment,
		   struct build_facts *build)
{
	struct elf_facts elf;

	elf_read(own, m, build->path, &elf);
	if (elf.problem < 0) {
		build->problem = library_describe(m, build->path, elf.problem);
		return;
	}
	library_compare(m, &elf, build);
	if (build->problem)
		return;
	if (elf.page_size != FACT_UNKNOWN)
		build->load_align = elf.page_size;
	if (!build->machine)
		build->machine = mem_strdup(m, elf.machine);
	if (!build->build_id)
		build->build_id = elf.build_id;
	if (!build->is_bundled)
		library_read_foreign(own, m, build);
	if (build->problem)
		return;
	library_check_needed(own, root, m, environment, &elf, build);
}
