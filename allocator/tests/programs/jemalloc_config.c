/* SPDX-License-Identifier: Apache-2.0 */
/* What this jemalloc was built with, as it says itself: NAME VALUE lines. */
#include "check.h"

#include <stdbool.h>

static int (*mallctl)(const char *, void *, size_t *, void *, size_t);

static void print_size(const char *name)
{
	size_t value = 0, length = sizeof(value);

	CHECK(mallctl(name, &value, &length, NULL, 0) == 0);
	printf("%s %zu\n", name, value);
}

static void print_bool(const char *name)
{
	bool value = false;
	size_t length = sizeof(value);

	CHECK(mallctl(name, &value, &length, NULL, 0) == 0);
	printf("%s %s\n", name, value ? "true" : "false");
}

static void print_text(const char *name)
{
	const char *value = NULL;
	size_t length = sizeof(value);

	CHECK(mallctl(name, &value, &length, NULL, 0) == 0);
	printf("%s %s\n", name, value);
}

int main(void)
{
	mallctl = (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
	CHECK(mallctl != NULL);
	print_text("version");
	print_text("config.malloc_conf");
	print_size("arenas.page");
	print_size("arenas.hugepage");
	print_bool("config.stats");
	print_bool("config.debug");
	print_bool("config.prof");
	print_bool("opt.background_thread");
	print_bool("background_thread");
	return 0;
}
