/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/ld_preload.h"

#include <string.h>

#include "known/allocators.h"
#include "util/buffer.h"

enum malloc_role preload_role_of(const struct malloc_files *read, const char *entry)
{
	enum malloc_role role = MALLOC_UNREAD;

	for (size_t i = 0; read && i < read->n; i++) {
		if (strcmp(read->items[i].name, entry) == 0)
			role = read->items[i].role;
	}
	/* A proxy has its malloc elsewhere, and looks as if it handed on. */
	if (role != MALLOC_UNREAD && role != MALLOC_PASSES_ON)
		return role;
	if (preload_sanitizer_of(entry))
		return MALLOC_SANITIZES;
	if (preload_allocator_of(entry))
		return MALLOC_SERVES;
	return role == MALLOC_UNREAD ? MALLOC_NONE : role;
}

const char *preload_find_role(struct mem *m, const struct malloc_files *read, const char *entries,
			      enum malloc_role role)
{
	const char *cursor = entries;

	for (char *entry; entries && (entry = preload_next_of_file(m, &cursor));) {
		if (preload_role_of(read, entry) == role)
			return entry;
	}
	return NULL;
}

static bool preload_is_library(const struct command_facts *command, const char *name, enum malloc_role role,
			       const char *but)
{
	return preload_role_of(&command->libraries, name) == role && !(but && strcmp(name, but) == 0);
}

const char *preload_find_library(const struct command_facts *command, enum malloc_role role, const char *but)
{
	for (size_t i = 0; i < command->elf.n_needed; i++) {
		if (preload_is_library(command, command->elf.needed[i], role, but))
			return command->elf.needed[i];
	}
	for (size_t i = 0; i < command->libraries.n; i++) {
		if (preload_is_library(command, command->libraries.items[i].name, role, but))
			return command->libraries.items[i].name;
	}
	return NULL;
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
static const char *preload_reason_to_drop(struct mem *m, const struct malloc_files *read, const struct parts *parts,
					  const char *entry)
{
	const char *allocator = preload_allocator_of(entry);

	if (preload_has(parts, entry))
		return "listed twice";
	if (preload_role_of(read, entry) != MALLOC_SERVES)
		return NULL;
	return mem_printf(m, "a second allocator (%s); two are never loaded together",
			  allocator ? allocator : "it has a malloc of its own");
}

char *preload_compose(struct mem *m, const struct malloc_files *read, const char *library, const char *children,
		      const char *current, struct parts *parts)
{
	const char *cursor = current ? current : "";
	struct buffer value = { .m = m };

	buffer_append(&value, library ? library : "");
	if (library)
		parts_add(m, parts, library, library, "ours, first: its malloc is the one found");
	if (library && children) {
		buffer_printf(&value, ":%s", children);
		parts_add(m, parts, children, children, "ours: keeps it from children that cannot bear it");
	}
	for (char *entry; (entry = preload_next(m, &cursor));) {
		const char *reason = preload_reason_to_drop(m, read, parts, entry);

		parts_add(m, parts, entry, reason ? NULL : entry, reason ? reason : "was there and stays");
		if (!reason)
			buffer_printf(&value, "%s%s", value.length ? ":" : "", entry);
	}
	return buffer_text(&value);
}
