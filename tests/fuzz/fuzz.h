/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FUZZ_H
#define ALLOCRUN_FUZZ_H

/* What the fuzz targets share. Text inputs only, so that a seed can be read. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant; libFuzzer keeps the input when it does not hold. */
#define FUZZ_CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* The input as text; what stands behind a NUL byte is cut off. */
static inline char *fuzz_text(struct mem *m, const uint8_t *data, size_t size)
{
	return mem_strndup(m, (const char *)data, size);
}

/* The line at *cursor, which moves behind it; NULL at the end. */
static inline char *fuzz_next_line(struct mem *m, const char **cursor)
{
	const char *line = *cursor;
	size_t length = strcspn(line, "\n");

	if (!*line)
		return NULL;
	*cursor = line + length + (line[length] != '\0');
	return mem_strndup(m, line, length);
}

/* A folder in memory: tests/fuzz/run says where, and removes it after a crash as well. */
static inline void fuzz_make_folder(char *ret, size_t size)
{
	const char *parent = getenv("FUZZ_FOLDER");

	snprintf(ret, size, "%s/fuzz-XXXXXX", parent ? parent : "/dev/shm");
	FUZZ_CHECK(mkdtemp(ret));
}

#endif
