/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols of a library's file; the same bytes as an auxiliary vector. */
#include <errno.h>

#include "fuzz.h"
#include "live/objects.h"
#include "live/symtab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct symtab table = { .n = 7 };
	struct live_auxv auxv = { 0, 0, 0, 0, 0 };
	int r = symtab_parse(&m, (const char *)data, size, &table);

	FUZZ_CHECK(r == 0 || r == -ENODATA || r == -ENOEXEC);
	FUZZ_CHECK(r == 0 || table.n == 7);
	for (size_t i = 0; r == 0 && i < table.n; i++) {
		FUZZ_CHECK(strlen(table.entries[i].name) < size);
		FUZZ_CHECK(symtab_find(&table, table.entries[i].name) != NULL);
	}
	r = auxv_parse((const char *)data, size, &auxv);
	FUZZ_CHECK(r == -EINVAL || r == -ENOEXEC || (r == 0 && auxv.phdr && auxv.phent == 56 && auxv.phnum <= 256));
	mem_free_all(&m);
	return 0;
}
