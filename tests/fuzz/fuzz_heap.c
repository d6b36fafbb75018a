/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a process that says what its heap and its purge thread are: a table, arenas
 * and bins that are well, in which the input changes some words; then the input alone.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "live/heap.h"
#include "live/memory.h"
#include "live/purge.h"

#define BASE 4096
#define WORDS 512
#define LAYOUT_WORDS 29
/* Words of the image, in this order. */
#define AT_ARENAS 32
#define AT_INFOS 40
#define AT_FIGURES 64
#define AT_ARENA 128

static const struct symtab_entry entries[] = {
	{ "allocrun_layout", 0, 8 * LAYOUT_WORDS },
	{ "je_arenas", 8 * AT_ARENAS, 8 * 4 },
	{ "je_bin_infos", 8 * AT_INFOS, 8 * 6 },
	{ "allocrun_purge_figures", 8 * AT_FIGURES, sizeof(struct purge_figures) },
};
static const struct symtab table = { .entries = (struct symtab_entry *)(uintptr_t)entries, .n = 4 };

static void make_image(uint64_t *words)
{
	/* Offsets into an arena of 40 words, whose base_t is itself; two large sizes and two bins. */
	static const uint64_t layout[LAYOUT_WORDS] = { 2,  4096, 0,  8,  16, 24, 32,  40, 8,   0,   2,   56, 16, 8, 2,
						       24, 0,    16, 80, 88, 96, 104, 32, 112, 120, 128, 0,  8,  8 };

	memcpy(words, layout, sizeof layout);
	words[AT_ARENAS] = BASE + 8 * AT_ARENA;
	for (int i = 0; i < 2; i++) {
		words[AT_INFOS + 3 * i] = 16;
		words[AT_INFOS + 3 * i + 1] = 4096;
		words[AT_INFOS + 3 * i + 2] = 1;
	}
	words[AT_FIGURES] = PURGE_FIGURES_VERSION;
	words[AT_FIGURES + 1] = PURGE_THREAD_RUNS;
	for (int i = 0; i < 40; i++)
		words[AT_ARENA + i] = 1;
	words[AT_ARENA + 3] = words[AT_ARENAS];
}

static void check_heap(struct mem *m, struct live_memory *memory)
{
	struct live_heap heap = { .arenas = -7 };
	struct live_purge purge = { .pid = -7 };
	struct conf options = { NULL, 0 };
	int r = heap_read_jemalloc(memory, m, &table, BASE, &heap);

	FUZZ_CHECK(r == 0 || r == -ENODATA || r == -EFAULT);
	FUZZ_CHECK(r == 0 ? heap.arenas >= 0 && heap.resident >= 0 && heap.allocated >= 0 && heap.n_classes <= 256 :
			    heap.arenas == -7);
	for (size_t i = 0; r == 0 && i < heap.n_classes; i++)
		FUZZ_CHECK(heap.classes[i].bytes >= 0 && heap.classes[i].used_bytes >= 0);
	r = purge_read(memory, &table, BASE, 1000000, &purge);
	FUZZ_CHECK(r == 0 || r == -ENODATA || r == -EFAULT || r == -EAGAIN);
	FUZZ_CHECK(r == 0 ? purge.pid >= 0 && purge.state <= PURGE_THREAD_FAILED && purge.look_age_ms >= FACT_UNKNOWN :
			    purge.pid == -7);
	if (r == 0)
		purge_list_options(m, &purge, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct live_memory memory = { .fd = -1 };
	uint64_t words[WORDS] = { 0 };
	struct mem m = MEM_INIT;

	if (memory.fd < 0)
		memory.fd = memfd_create("memory", MFD_CLOEXEC);
	make_image(words);
	/* {word, word, form, value}: a small number, an address in the image, all ones, one high bit. */
	for (size_t k = 0; k + 4 <= size; k += 4) {
		uint64_t forms[4] = { data[k + 3], BASE + 8 * (uint64_t)data[k + 3], UINT64_MAX,
				      UINT64_C(1) << data[k + 3] % 64 };

		words[(data[k] | (size_t)data[k + 1] << 8) % WORDS] = forms[data[k + 2] % 4];
	}
	FUZZ_CHECK(pwrite(memory.fd, words, sizeof words, BASE) == sizeof words);
	memory_forget(&memory);
	memory.budget = MEMORY_BUDGET / 64;
	check_heap(&m, &memory);
	mem_free_all(&m);
	return 0;
}
