/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps and smaps: the same text is read as both. */
#include <errno.h>

#include "facts/machine.h"
#include "fuzz.h"
#include "live/maps.h"

static void check_line(struct mem *m, const char *text, const char *line)
{
	const char *end = line + strcspn(line, "\n");
	struct mapping mapping, found;
	struct mapped_file file;
	bool is_deleted;
	char *path;

	if (maps_parse_line(line, &mapping) < 0)
		return;
	FUZZ_CHECK(mapping.start <= mapping.end);
	FUZZ_CHECK(mapping.path >= line && mapping.path + mapping.path_length == end);
	FUZZ_CHECK(maps_parse_file(&mapping, &file) < 0 || file.inode);
	path = maps_dup_path(m, &mapping, &is_deleted);
	FUZZ_CHECK(strlen(path) + (is_deleted ? strlen(" (deleted)") : 0) <= mapping.path_length);
	/* The one that is found may be another, of the same address. */
	if (mapping.start == mapping.end)
		return;
	FUZZ_CHECK(maps_find(text, mapping.start, &found) == 0);
	FUZZ_CHECK(found.start <= mapping.start && mapping.start < found.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	char *text = fuzz_text(&m, data, size), **paths = maps_list_libraries(&m, text);
	struct smaps_sum sum = { "jemalloc", FACT_UNKNOWN, false };
	struct mapping mapping;
	size_t n = 0;

	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		check_line(&m, text, line);
	for (; paths[n]; n++) {
		FUZZ_CHECK(*paths[n]);
		FUZZ_CHECK(n == 0 || strcmp(paths[n], paths[n - 1]) != 0);
	}
	FUZZ_CHECK(n <= MAPS_LIBRARIES_MAX);
	FUZZ_CHECK(maps_count(text) >= 0 && (size_t)maps_count(text) <= size);
	FUZZ_CHECK(maps_find(text, UINT64_MAX, &mapping) == -ENOENT);
	smaps_add(&sum, text);
	FUZZ_CHECK(sum.bytes >= FACT_UNKNOWN);
	mem_free_all(&m);
	return 0;
}
