/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/ld_preload.h"

#include <string.h>

#include "known/allocators.h"
#include "util/buffer.h"

static bool preload_has(const struct parts *parts, const char *entry)
{
	for (size_t i = 0; i < parts->n; i++) {
		if (parts->items[i].value && strcmp(parts->items[i].name, entry) == 0)
			return true;
	}
	return false;
}

/* NULL when the entry stays, else why it goes. */
static const char *preload_reason_to_drop(struct mem *m, const struct parts *parts, const char *entry)
{
	const char *allocator = preload_allocator_of(entry);

	if (preload_has(parts, entry))
		return "listed twice";
	if (allocator)
		return mem_printf(m, "a second allocator (%s); two are never loaded together", allocator);
	return NULL;
}

char *preload_compose(struct mem *m, const char *library, const char *current, struct parts *parts)
{
	const char *cursor = current ? current : "";
	struct buffer value = { .m = m };

	buffer_append(&value, library ? library : "");
	if (library)
		parts_add(m, parts, library, library, "ours, first: its malloc is the one found");
	for (char *entry; (entry = preload_next(m, &cursor));) {
		const char *reason = preload_reason_to_drop(m, parts, entry);

		parts_add(m, parts, entry, reason ? NULL : entry, reason ? reason : "was there and stays");
		if (!reason)
			buffer_printf(&value, "%s%s", value.length ? ":" : "", entry);
	}
	return buffer_text(&value);
}
