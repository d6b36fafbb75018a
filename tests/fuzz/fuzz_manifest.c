/* SPDX-License-Identifier: Apache-2.0 */
/* lib/allocrun/manifest.json. */
#include "fuzz.h"
#include "program/catalog.h"
#include "util/text.h"

#define FOLDER "/opt/lib/allocrun/"

static void check_build(const struct build_facts *build)
{
	FUZZ_CHECK(build->is_bundled && build->id && build->allocator && build->version && build->machine);
	FUZZ_CHECK(build->variant && (build->libc == LIBC_GLIBC || build->libc == LIBC_MUSL));
	FUZZ_CHECK(build->x86_level == FACT_UNKNOWN || (build->x86_level >= 1 && build->x86_level <= 4));
	FUZZ_CHECK(build->libc_minor >= FACT_UNKNOWN);
	/* A file of the tree that the manifest lies in. */
	FUZZ_CHECK(text_starts_with(build->path, FOLDER) && build->path[strlen(FOLDER)]);
	FUZZ_CHECK(!strstr(build->path, "/../"));
	for (char **f = build->features; f && *f; f++)
		FUZZ_CHECK(strlen(*f) < 100000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct catalog_facts catalog = { .n_builds = 0 };

	catalog_parse(&m, "/opt", FOLDER "manifest.json", (const char *)data, size, &catalog);
	FUZZ_CHECK(!catalog.problem || (*catalog.problem && catalog.n_builds == 0));
	for (size_t i = 0; i < catalog.n_builds; i++)
		check_build(&catalog.builds[i]);
	mem_free_all(&m);
	return 0;
}
