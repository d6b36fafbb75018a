/* SPDX-License-Identifier: Apache-2.0 */
#include "live/heap.h"

#include <errno.h>

/* MALLOCX_ARENA_LIMIT of jemalloc 5.3: twelve bits, less one. */
#define ARENAS_MAX 4095
#define ARENAS_AT_ONCE 64
#define BINS_MAX 256
#define LARGE_CLASSES_MAX 1024
#define SHARDS_MAX 1024

/* allocrun_layout[], word by word: as in allocator/jemalloc/layout.c. */
struct heap_layout {
	uint64_t version;
	uint64_t page;
	uint64_t active, dirty, dirty_guarded;            /* in arena_t: numbers of pages */
	uint64_t base, base_resident;                     /* arena_t -> base_t */
	uint64_t large, large_size, large_bytes, n_large; /* statistics of large sizes */
	uint64_t bins, bin_size, bin_regions, n_bins;     /* bins behind the arena */
	uint64_t bin_info_size, region_size, n_shards;    /* je_bin_infos[] */
};
#define HEAP_LAYOUT_VERSION 1

struct heap_reader {
	struct live_memory *memory;
	struct heap_layout layout;
	uint64_t bin_infos;
	struct heap_usage usage;
};

static uint64_t heap_u64(const struct heap_reader *r, uint64_t address)
{
	uint64_t value;

	return memory_read_u64(r->memory, address, &value) < 0 ? 0 : value;
}

/* Counters that are read while they change can be anything: a sum that overflows stays. */
static void heap_add(int64_t *sum, uint64_t n, uint64_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > (uint64_t)(INT64_MAX - *sum))
		return;
	*sum += (int64_t)bytes;
}

/* Small sizes: each has one or more bins, one after the other behind the arena. */
static void heap_add_bins(struct heap_reader *r, uint64_t arena)
{
	const struct heap_layout *l = &r->layout;
	uint64_t bin = arena + l->bins;

	for (uint64_t i = 0; i < l->n_bins; i++) {
		uint64_t info = r->bin_infos + i * l->bin_info_size;
		uint64_t size = heap_u64(r, info + l->region_size);
		uint32_t shards;

		if (memory_read_u32(r->memory, info + l->n_shards, &shards) < 0 || shards > SHARDS_MAX)
			return;
		for (uint32_t k = 0; k < shards; k++, bin += l->bin_size)
			heap_add(&r->usage.live, heap_u64(r, bin + l->bin_regions), size);
	}
}

static void heap_add_arena(struct heap_reader *r, uint64_t arena)
{
	const struct heap_layout *l = &r->layout;
	uint64_t base = heap_u64(r, arena + l->base);

	heap_add(&r->usage.resident, heap_u64(r, arena + l->active), l->page);
	heap_add(&r->usage.dirty, heap_u64(r, arena + l->dirty), l->page);
	heap_add(&r->usage.dirty, heap_u64(r, arena + l->dirty_guarded), l->page);
	if (base)
		heap_add(&r->usage.resident, heap_u64(r, base + l->base_resident), 1);
	for (uint64_t i = 0; i < l->n_large; i++)
		heap_add(&r->usage.live, heap_u64(r, arena + l->large + i * l->large_size + l->large_bytes), 1);
	heap_add_bins(r, arena);
}

/* Of the thousands that there is room for a few are there. */
static void heap_add_arenas(struct heap_reader *r, uint64_t address, uint64_t n)
{
	uint64_t arenas[ARENAS_AT_ONCE];

	if (n > ARENAS_MAX)
		n = ARENAS_MAX;
	for (uint64_t i = 0; i < n; i += ARENAS_AT_ONCE) {
		uint64_t chunk = n - i < ARENAS_AT_ONCE ? n - i : ARENAS_AT_ONCE;

		if (memory_read(r->memory, address + 8 * i, arenas, 8 * chunk) < 0)
			continue;
		for (uint64_t k = 0; k < chunk; k++) {
			if (arenas[k])
				heap_add_arena(r, arenas[k]);
		}
	}
}

int heap_read_jemalloc(struct live_memory *memory, const struct symtab *table, uint64_t base, struct heap_usage *ret)
{
	const struct symtab_entry *layout = symtab_find(table, "allocrun_layout");
	const struct symtab_entry *arenas = symtab_find(table, "je_arenas");
	const struct symtab_entry *bin_infos = symtab_find(table, "je_bin_infos");
	struct heap_reader r = { .memory = memory, .usage = { 0, 0, 0 } };

	if (!layout || !arenas || !bin_infos || layout->size != sizeof r.layout)
		return -ENODATA;
	if (memory_read(memory, base + layout->value, &r.layout, sizeof r.layout) < 0)
		return -EFAULT;
	if (r.layout.version != HEAP_LAYOUT_VERSION || r.layout.n_bins > BINS_MAX ||
	    r.layout.n_large > LARGE_CLASSES_MAX)
		return -ENODATA;
	r.bin_infos = base + bin_infos->value;
	heap_add_arenas(&r, base + arenas->value, arenas->size / 8);
	/* Counters of a made-up table, not of an allocator. */
	if (memory_is_spent(memory))
		return -EFAULT;
	heap_add(&r.usage.resident, (uint64_t)r.usage.dirty, 1);
	*ret = r.usage;
	return 0;
}

int heap_count_purge_threads(struct live_memory *memory, const struct symtab *table, uint64_t base, int64_t *ret)
{
	const struct symtab_entry *count = symtab_find(table, "je_n_background_threads");
	uint64_t n;

	if (!count || count->size != sizeof n || memory_read_u64(memory, base + count->value, &n) < 0 || n > INT32_MAX)
		return -ENODATA;
	*ret = (int64_t)n;
	return 0;
}
