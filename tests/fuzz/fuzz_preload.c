/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD. First line: our library, empty for none; the rest: what is there. */
#include "decide/ld_preload.h"
#include "fuzz.h"
#include "known/allocators.h"

static size_t count_entries(struct mem *m, const char *text)
{
	char *rest;
	size_t n = 0;

	for (char *entry = strtok_r(mem_strdup(m, text), " :", &rest); entry; entry = strtok_r(NULL, " :", &rest))
		n++;
	return n;
}

/* As the loader splits it. */
static bool has_allocator(struct mem *m, const char *text)
{
	bool found = false;
	char *rest;

	for (char *entry = strtok_r(mem_strdup(m, text), " :", &rest); entry; entry = strtok_r(NULL, " :", &rest))
		found |= preload_allocator_of(entry) != NULL;
	return found;
}

/* The kept entries, joined by colons, are the value; each part has its reason. */
static void check_parts(struct mem *m, const struct parts *parts, const char *value)
{
	char *joined = mem_strdup(m, "");

	for (size_t i = 0; i < parts->n; i++) {
		const struct part *p = &parts->items[i];

		FUZZ_CHECK(*p->name && p->why && preload_can_express(p->name));
		if (!p->value)
			continue;
		FUZZ_CHECK(strcmp(p->name, p->value) == 0);
		joined = mem_printf(m, "%s%s%s", joined, *joined ? ":" : "", p->value);
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(!parts->items[k].value || strcmp(parts->items[k].value, p->value) != 0);
	}
	FUZZ_CHECK(strcmp(joined, value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct parts parts = { NULL, 0 }, again = { NULL, 0 };
	const char *text = fuzz_text(&m, data, size);
	const char *library = fuzz_next_line(&m, &text);
	const char *foreign;
	char *value;

	if (!library || !*library || !preload_can_express(library))
		library = NULL;
	value = preload_compose(&m, NULL, library, NULL, text, &parts);
	FUZZ_CHECK(parts.n == count_entries(&m, text) + (library != NULL));
	check_parts(&m, &parts, value);
	foreign = value;
	if (library) {
		size_t length = strlen(library);

		FUZZ_CHECK(strncmp(value, library, length) == 0 && (value[length] == '\0' || value[length] == ':'));
		foreign += length;
	}
	/* Behind ours there is no other allocator. */
	FUZZ_CHECK(!has_allocator(&m, foreign));
	FUZZ_CHECK(!strstr(value, "::") && !strchr(value, ' '));
	/* A second allocrun finds it as it should be. */
	FUZZ_CHECK(strcmp(preload_compose(&m, NULL, library, NULL, value, &again), value) == 0);
	mem_free_all(&m);
	return 0;
}
