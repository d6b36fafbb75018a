/* SPDX-License-Identifier: Apache-2.0 */
#include "known/allocators.h"

#include <string.h>

/* What ld.so(8) splits LD_PRELOAD at; ld.so.preload has lines and tabs as well. */
#define PRELOAD_SEPARATORS " :"
#define PRELOAD_FILE_SEPARATORS " :\t\n"

struct preload_name {
	const char *prefix;
	const char *name;
};

/* Libraries that define malloc for the whole process when they are preloaded. */
static const struct preload_name allocators[] = {
	{ "libjemalloc", "jemalloc" },
	{ "libtcmalloc", "tcmalloc" },
	{ "libmimalloc", "mimalloc" },
	{ "libtbbmalloc_proxy", "tbbmalloc" },
	{ "libsnmalloc", "snmalloc" },
	{ "librpmalloc", "rpmalloc" },
	{ "libscudo", "scudo" },
	{ "libhoard", "hoard" },
	{ "libhardened_malloc", "hardened_malloc" },
	{ NULL, NULL },
};

/* They abort when they are not first, or crash under another malloc. */
static const struct preload_name sanitizers[] = {
	{ "libasan", "AddressSanitizer" },
	{ "libhwasan", "HWAddressSanitizer" },
	{ "liblsan", "LeakSanitizer" },
	{ "libtsan", "ThreadSanitizer" },
	{ "libclang_rt.asan", "AddressSanitizer" },
	{ "libclang_rt.hwasan", "HWAddressSanitizer" },
	{ "libclang_rt.lsan", "LeakSanitizer" },
	{ "libclang_rt.tsan", "ThreadSanitizer" },
	{ NULL, NULL },
};

static const char *preload_name_of(const struct preload_name *names, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	for (; names->prefix; names++) {
		if (strncmp(base, names->prefix, strlen(names->prefix)) == 0)
			return names->name;
	}
	return NULL;
}

const char *preload_allocator_of(const char *path)
{
	return preload_name_of(allocators, path);
}

const char *preload_sanitizer_of(const char *path)
{
	return preload_name_of(sanitizers, path);
}

bool preload_can_express(const char *path)
{
	return path[strcspn(path, PRELOAD_SEPARATORS)] == '\0';
}

/* The next entry at *cursor, in the pool; NULL at the end. */
static char *preload_next(struct mem *m, const char **cursor, const char *separators)
{
	size_t n;
	char *entry;

	*cursor += strspn(*cursor, separators);
	n = strcspn(*cursor, separators);
	if (n == 0)
		return NULL;
	entry = mem_strndup(m, *cursor, n);
	*cursor += n;
	return entry;
}

char *preload_next_of_file(struct mem *m, const char **cursor)
{
	return preload_next(m, cursor, PRELOAD_FILE_SEPARATORS);
}

void preload_remove_comments(char *text)
{
	while ((text = strchr(text, '#')))
		text = memset(text, ' ', strcspn(text, "\n"));
}

static const char *preload_find(struct mem *m, const struct preload_name *names, const char *entries)
{
	const char *cursor = entries;

	for (char *entry; (entry = preload_next_of_file(m, &cursor));) {
		if (preload_name_of(names, entry))
			return entry;
	}
	return NULL;
}

const char *preload_find_allocator(struct mem *m, const char *entries)
{
	return preload_find(m, allocators, entries);
}

const char *preload_find_sanitizer(struct mem *m, const char *entries)
{
	return preload_find(m, sanitizers, entries);
}

static bool preload_has(const struct parts *parts, const char *entry)
{
	for (size_t i = 0; i < parts->n; i++) {
		if (parts->items[i].value && strcmp(parts->items[i].name, entry) == 0)
			return true;
	}
	return false;
}

/* NULL when the entry stays, else why it goes. */
static const char *preload_reason_to_drop(struct mem *m, const struct parts *parts,
					  const char *entry)
{
	const char *allocator = preload_allocator_of(entry);

	if (preload_has(parts, entry))
		return "listed twice";
	if (allocator)
		return mem_printf(m, "a second allocator (%s); two are never loaded together",
				  allocator);
	return NULL;
}

char *preload_compose(struct mem *m, const char *library, const char *current,
		      struct parts *parts)
{
	const char *cursor = current ? current : "";
	char *value = mem_strdup(m, library ? library : "");

	if (library)
		parts_add(m, parts, library, library, "ours, first: its malloc is the one found");
	for (char *entry; (entry = preload_next(m, &cursor, PRELOAD_SEPARATORS));) {
		const char *reason = preload_reason_to_drop(m, parts, entry);

		parts_add(m, parts, entry, reason ? NULL : entry,
			  reason ? reason : "was there and stays");
		if (!reason)
			value = mem_printf(m, "%s%s%s", value, *value ? ":" : "", entry);
	}
	return value;
}
