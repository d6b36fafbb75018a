/* SPDX-License-Identifier: Apache-2.0 */
#include "known/allocators.h"

#include <string.h>

#include "known/malloc_names.h"
#include "util/text.h"

/* What ld.so(8) splits LD_PRELOAD at; ld.so.preload has lines and tabs as well. */
#define PRELOAD_SEPARATORS " :"
#define PRELOAD_FILE_SEPARATORS " :\t\n"

struct preload_name {
	const char *prefix;
	const char *name;
};

#define PRELOAD_NAME(prefix, name) { prefix, name },
static const struct preload_name allocators[] = { KNOWN_ALLOCATORS(PRELOAD_NAME){ NULL, NULL } };
static const struct preload_name sanitizers[] = { KNOWN_SANITIZERS(PRELOAD_NAME){ NULL, NULL } };

static const char *preload_name_of(const struct preload_name *names, const char *path)
{
	const char *base = text_basename(path);

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
static char *preload_split(struct mem *m, const char **cursor, const char *separators)
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

char *preload_next(struct mem *m, const char **cursor)
{
	return preload_split(m, cursor, PRELOAD_SEPARATORS);
}

char *preload_next_of_file(struct mem *m, const char **cursor)
{
	return preload_split(m, cursor, PRELOAD_FILE_SEPARATORS);
}

void preload_remove_comments(char *text)
{
	while ((text = strchr(text, '#')))
		text = memset(text, ' ', strcspn(text, "\n"));
}
