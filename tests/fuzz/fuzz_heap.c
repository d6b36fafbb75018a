/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of jemalloc in the memory of a process that says what it likes. The input: the
 * bases of the three tables, and their sizes, as 16-bit numbers; behind them the memory, from address 0 on.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "live/heap.h"

#define SYMBOLS 4

/* Much less than a process is given, that an execution does not take as long as a process. */
#define BUDGET 20000

static int memory_file(const uint8_t *bytes, size_t size)
{
	static int fd = -1;
	int r;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	/* To the end of its block, as memory is. */
	r = ftruncate(fd, 0) | ftruncate(fd, (off_t)((size + MEMORY_BLOCK - 1) / MEMORY_BLOCK * MEMORY_BLOCK));
	FUZZ_CHECK(fd >= 0 && r == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[SYMBOLS] = { "allocrun_layout", "je_arenas", "je_bin_infos",
						    "je_n_background_threads" };
	static struct live_memory memory;
	struct symtab_entry entries[SYMBOLS];
	struct symtab table = { .entries = entries, .n = SYMBOLS };
	struct heap_usage usage = { -7, -7, -7 };
	uint16_t numbers[2 * SYMBOLS];
	int64_t threads = -7;
	int r;

	if (size < sizeof numbers)
		return 0;
	memcpy(numbers, data, sizeof numbers);
	for (size_t i = 0; i < SYMBOLS; i++)
		entries[i] = (struct symtab_entry){ names[i], numbers[2 * i], numbers[2 * i + 1] };
	memory.fd = memory_file(data + sizeof numbers, size - sizeof numbers);
	memory.budget = BUDGET;
	memory_forget(&memory);
	r = heap_read_jemalloc(&memory, &table, 0, &usage);
	FUZZ_CHECK(r == 0 || r == -ENODATA || r == -EFAULT);
	if (r == 0)
		FUZZ_CHECK(usage.resident >= 0 && usage.dirty >= 0 && usage.live >= 0);
	else
		FUZZ_CHECK(usage.resident == -7 && usage.dirty == -7 && usage.live == -7);
	r = heap_count_purge_threads(&memory, &table, 0, &threads);
	FUZZ_CHECK((r == 0 && threads >= 0) || (r == -ENODATA && threads == -7));
	return 0;
}
