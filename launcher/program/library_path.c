/* SPDX-License-Identifier: Apache-2.0 */
/* Where the loader of a command finds a library. */
#include "program/library_path.h"

#include <elf.h>
#include <string.h>

#include "program/elf_reader.h"
#include "util/environment.h"
#include "util/text.h"

#define LIBRARY_CACHE_MAX (8 * 1024 * 1024)

static char *library_in(const struct root *root, struct mem *m, const char *folder, size_t length, const char *name)
{
	char *path = mem_printf(m, "%.*s/%s", (int)length, folder, name);
	struct stat st;

	return length && root_stat(root, path, &st) == 0 ? path : NULL;
}

/* One of the folders that colons (or, for the loader, semicolons) divide. */
static char *library_on_path(const struct root *root, struct mem *m, const char *folders, const char *name)
{
	char *found = NULL;

	while (!found && folders && *folders) {
		size_t length = strcspn(folders, ":;");

		found = library_in(root, m, folders, length, name);
		folders += length + (folders[length] != '\0');
	}
	return found;
}

/* RUNPATH, where only $ORIGIN is replaced: $LIB and $PLATFORM are not used by builds. */
static char *library_on_runpath(const struct root *root, struct mem *m, const char *path, const char *runpath,
				const char *name)
{
	static const char *const origins[] = { "$ORIGIN", "${ORIGIN}" };
	char *origin = text_dirname(m, path), *found = NULL;

	while (!found && runpath && *runpath) {
		size_t length = strcspn(runpath, ":");
		char *folder = mem_strndup(m, runpath, length);

		for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
			if (text_starts_with(folder, origins[i]))
				folder = mem_printf(m, "%s%s", origin, folder + strlen(origins[i]));
		}
		found = library_in(root, m, folder, strlen(folder), name);
		runpath += length + (runpath[length] != '\0');
	}
	return found;
}

static bool library_has_width(const struct root *root, const char *path, int bits)
{
	struct elf_reader reader;
	bool has_width;

	if (elf_reader_open(root, path, &reader) < 0)
		return false;
	has_width = reader.head_size > EI_CLASS && reader.head[EI_CLASS] == (bits == 64 ? ELFCLASS64 : ELFCLASS32);
	elf_reader_close(&reader);
	return has_width;
}

/*
 * ldconfig's cache holds names and paths as NUL-terminated strings in one table, a name mostly as the
 * end of its path. So the first string that ends with "/NAME" is a path of it; of several (other
 * machines, faster CPUs) one for this width is as good as another.
 */
static char *library_in_cache(struct mem *m, struct library_search *search, int bits, const char *name)
{
	char *tail = mem_printf(m, "/%s", name);
	size_t length = strlen(tail) + 1;

	if (!search->cache && !search->has_no_cache)
		search->has_no_cache = root_read(search->root, m, "/etc/ld.so.cache", LIBRARY_CACHE_MAX, &search->cache,
						 &search->cache_size) < 0;
	if (search->has_no_cache)
		return NULL;
	for (const char *at = search->cache, *start;
	     (at = memmem(at, search->cache_size - (size_t)(at - search->cache), tail, length)); at++) {
		for (start = at; start > search->cache && start[-1] != '\0'; start--)
			;
		if (*start == '/' && library_has_width(search->root, start, bits))
			return mem_strdup(m, start);
	}
	return NULL;
}

static char *library_in_usual_folder(const struct root *root, struct mem *m, const struct elf_facts *elf,
				     const char *name)
{
	char *folders = mem_printf(m,
				   "/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:%s:"
				   "/lib:/usr/lib:/usr/local/lib",
				   elf->machine, elf->machine,
				   elf->bits == 64 ? "/lib64:/usr/lib64" : "/lib32:/usr/lib32");

	return library_on_path(root, m, folders, name);
}

bool library_is_in_usual_folder(const struct root *root, struct mem *m, const struct elf_facts *elf, const char *name)
{
	return library_in_usual_folder(root, m, elf, name) != NULL;
}

char *library_find(struct mem *m, struct library_search *search, const struct root *own, const char *of,
		   const struct elf_facts *elf, const char *name)
{
	char *found = NULL;

	if (strchr(name, '/'))
		return strchr(name, '$') ? NULL : mem_strdup(m, name);
	if (of)
		found = library_on_runpath(own, m, of, elf->runpath, name);
	if (!found)
		found = library_on_path(search->root, m, environment_get(search->environment, "LD_LIBRARY_PATH"), name);
	if (!found)
		found = library_in_cache(m, search, elf->bits, name);
	return found ? found : library_in_usual_folder(search->root, m, elf, name);
}
