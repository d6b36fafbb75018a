/* SPDX-License-Identifier: Apache-2.0 */
#include "program/catalog.h"

#include <errno.h>
#include <string.h>

#include "program/elf_reader.h"
#include "util/environment.h"
#include "util/text.h"

#define LIBRARY_CACHE_MAX (8 * 1024 * 1024)

/* What comes with the C library, and so is there when the command is. */
static bool library_is_system(const char *name, enum libc_kind libc)
{
	if (libc == LIBC_MUSL)
		return strcmp(name, "libc.so") == 0 || text_starts_with(name, "libc.musl-") ||
		       text_starts_with(name, "ld-musl-");
	return text_has_word("libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1", name) ||
	       text_starts_with(name, "ld-linux") || text_starts_with(name, "ld64.so.");
}

static bool library_exists(const struct root *root, struct mem *m, const char *folder, size_t length, const char *name)
{
	struct stat st;

	return length && root_stat(root, mem_printf(m, "%.*s/%s", (int)length, folder, name), &st) == 0;
}

/* One of the folders that colons (or, for the loader, semicolons) divide. */
static bool library_is_on_path(const struct root *root, struct mem *m, const char *folders, const char *name)
{
	while (folders && *folders) {
		size_t length = strcspn(folders, ":;");

		if (library_exists(root, m, folders, length, name))
			return true;
		folders += length + (folders[length] != '\0');
	}
	return false;
}

/* RUNPATH, where only $ORIGIN is replaced: $LIB and $PLATFORM are not used by builds. */
static bool library_is_on_runpath(const struct root *own, struct mem *m, const char *path, const char *runpath,
				  const char *name)
{
	static const char *const origins[] = { "$ORIGIN", "${ORIGIN}" };
	char *origin = text_dirname(m, path);

	while (runpath && *runpath) {
		size_t length = strcspn(runpath, ":");
		char *folder = mem_strndup(m, runpath, length);

		for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
			if (text_starts_with(folder, origins[i]))
				folder = mem_printf(m, "%s%s", origin, folder + strlen(origins[i]));
		}
		if (library_exists(own, m, folder, strlen(folder), name))
			return true;
		runpath += length + (runpath[length] != '\0');
	}
	return false;
}

/* ldconfig's cache holds the names as NUL-terminated strings in one table. */
static bool library_is_in_cache(const struct root *root, struct mem *m, const char *name)
{
	size_t size, length = strlen(name) + 1;
	char *cache;

	if (root_read(root, m, "/etc/ld.so.cache", LIBRARY_CACHE_MAX, &cache, &size) < 0)
		return false;
	for (const char *at = cache; (at = memmem(at, size - (size_t)(at - cache), name, length)); at++) {
		if (at > cache && at[-1] == '\0')
			return true;
	}
	return false;
}

static bool library_is_in_usual_folder(const struct root *root, struct mem *m, const struct elf_facts *elf,
				       const char *name)
{
	char *folders = mem_printf(m,
				   "/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:%s:"
				   "/lib:/usr/lib:/usr/local/lib",
				   elf->machine, elf->machine,
				   elf->bits == 64 ? "/lib64:/usr/lib64" : "/lib32:/usr/lib32");

	return library_is_on_path(root, m, folders, name);
}

static void library_check_needed(const struct root *own, const struct root *root, struct mem *m,
				 const char *const *environment, const struct elf_facts *elf, struct build_facts *build)
{
	for (size_t i = 0; i < elf->n_needed; i++) {
		const char *name = elf->needed[i];

		if (library_is_system(name, build->libc) ||
		    library_is_on_runpath(own, m, build->path, elf->runpath, name) ||
		    library_is_on_path(root, m, environment_get(environment, "LD_LIBRARY_PATH"), name) ||
		    library_is_in_cache(root, m, name) || library_is_in_usual_folder(root, m, elf, name))
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

/* A manifest has the version; of a library that was named by its path only it itself knows. */
static void library_read_glibc(const struct root *own, struct mem *m, struct build_facts *build)
{
	struct elf_reader reader;
	struct elf_facts elf;
	struct elf_file file;

	if (elf_reader_open(own, build->path, &reader) < 0)
		return;
	elf_parse_reader(&reader, m, &elf, &file);
	if (elf.problem == 0)
		elf_glibc_needed(&file, m, &build->libc_minor);
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
		library_read_glibc(own, m, build);
	library_check_needed(own, root, m, environment, &elf, build);
}
