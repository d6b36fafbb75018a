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
	/* From version 2 on. */
	uint64_t retained, retained_guarded, muzzy, muzzy_guarded; /* in arena_t: numbers of pages */
	uint64_t base_allocated, internal;                         /* in base_t, in arena_t: bytes */
	uint64_t purges, purged;                                   /* in arena_t: how often, pages */
	uint64_t bin_slabs, bin_slabs_with_room, slab_size;        /* in bin_t, in bin_info_t */
};
#define HEAP_LAYOUT_1_SIZE offsetof(struct heap_layout, retained)

struct heap_reader {
	struct live_memory *memory;
	struct heap_layout layout;
	uint64_t bin_infos;
	struct live_heap heap;
	struct live_heap_class classes[BINS_MAX];
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

static void heap_add_bin(struct heap_reader *r, uint64_t bin, struct live_heap_class *small)
{
	const struct heap_layout *l = &r->layout;

	heap_add(&small->used, heap_u64(r, bin + l->bin_regions), 1);
	if (l->version < 2)
		return;
	heap_add(&small->slabs, heap_u64(r, bin + l->bin_slabs), 1);
	heap_add(&small->slabs_with_room, heap_u64(r, bin + l->bin_slabs_with_room), 1);
}

/* Small sizes: each has one or more bins, one after the other behind the arena. */
static void heap_add_bins(struct heap_reader *r, uint64_t arena)
{
	const struct heap_layout *l = &r->layout;
	uint64_t bin = arena + l->bins;

	for (uint64_t i = 0; i < l->n_bins; i++) {
		uint32_t shards;

		if (memory_read_u32(r->memory, r->bin_infos + i * l->bin_info_size + l->n_shards, &shards) < 0 ||
		    shards > SHARDS_MAX)
			return;
		for (uint32_t k = 0; k < shards; k++, bin += l->bin_size)
			heap_add_bin(r, bin, &r->classes[i]);
	}
}

static void heap_add_pages(struct heap_reader *r, int64_t *sum, uint64_t address)
{
	heap_add(sum, heap_u64(r, address), r->layout.page);
}

/* What a table of version 1 does not name. */
static void heap_add_more(struct heap_reader *r, uint64_t arena, uint64_t base)
{
	const struct heap_layout *l = &r->layout;

	heap_add_pages(r, &r->heap.retained, arena + l->retained);
	heap_add_pages(r, &r->heap.retained, arena + l->retained_guarded);
	heap_add_pages(r, &r->heap.muzzy, arena + l->muzzy);
	heap_add_pages(r, &r->heap.muzzy, arena + l->muzzy_guarded);
	heap_add(&r->heap.metadata, heap_u64(r, arena + l->internal), 1);
	if (base)
		heap_add(&r->heap.metadata, heap_u64(r, base + l->base_allocated), 1);
	heap_add(&r->heap.purges, heap_u64(r, arena + l->purges), 1);
	heap_add_pages(r, &r->heap.purged, arena + l->purged);
}

static void heap_add_arena(struct heap_reader *r, uint64_t arena)
{
	const struct heap_layout *l = &r->layout;
	uint64_t base = heap_u64(r, arena + l->base);

	r->heap.arenas++;
	heap_add_pages(r, &r->heap.active, arena + l->active);
	heap_add_pages(r, &r->heap.dirty, arena + l->dirty);
	heap_add_pages(r, &r->heap.dirty, arena + l->dirty_guarded);
	if (base)
		heap_add(&r->heap.resident, heap_u64(r, base + l->base_resident), 1);
	if (l->version > 1)
		heap_add_more(r, arena, base);
	for (uint64_t i = 0; i < l->n_large; i++)
		heap_add(&r->heap.allocated, heap_u64(r, arena + l->large + i * l->large_size + l->large_bytes), 1);
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

static int heap_read_layout(struct heap_reader *r, const struct symtab_entry *layout, uint64_t base)
{
	const struct heap_layout *l = &r->layout;

	if (layout->size != sizeof *l && layout->size != HEAP_LAYOUT_1_SIZE)
		return -ENODATA;
	if (memory_read(r->memory, base + layout->value, &r->layout, layout->size) < 0)
		return -EFAULT;
	if (l->version != (layout->size == sizeof *l ? 2 : 1) || l->n_bins > BINS_MAX || l->n_large > LARGE_CLASSES_MAX)
		return -ENODATA;
	return 0;
}

/* Blocks and slabs to bytes; and those that there is something to say of into the list. */
static void heap_sum_classes(struct heap_reader *r, struct mem *m)
{
	const struct heap_layout *l = &r->layout;

	for (uint64_t i = 0; i < l->n_bins; i++) {
		struct live_heap_class *small = &r->classes[i];
		uint64_t info = r->bin_infos + i * l->bin_info_size;
		uint64_t size = heap_u64(r, info + l->region_size);

		heap_add(&small->size, size, 1);
		heap_add(&small->used_bytes, (uint64_t)small->used, size);
		heap_add(&r->heap.allocated, (uint64_t)small->used_bytes, 1);
		if (l->version < 2)
			continue;
		heap_add(&small->bytes, (uint64_t)small->slabs, heap_u64(r, info + l->slab_size));
		if (small->used > 0 || small->slabs > 0)
			*MEM_PUSH(m, r->heap.classes, r->heap.n_classes) = *small;
	}
}

int heap_read_jemalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
		       struct live_heap *ret)
{
	const struct symtab_entry *layout = symtab_find(table, "allocrun_layout");
	const struct symtab_entry *arenas = symtab_find(table, "je_arenas");
	const struct symtab_entry *bin_infos = symtab_find(table, "je_bin_infos");
	struct heap_reader r = { .memory = memory };
	int error;

	if (!layout || !arenas || !bin_infos)
		return -ENODATA;
	error = heap_read_layout(&r, layout, base);
	if (error < 0)
		return error;
	if (r.layout.version < 2)
		r.heap.muzzy = r.heap.retained = r.heap.metadata = r.heap.purges = r.heap.purged = FACT_UNKNOWN;
	r.bin_infos = base + bin_infos->value;
	heap_add_arenas(&r, base + arenas->value, arenas->size / 8);
	heap_add(&r.heap.resident, (uint64_t)r.heap.active, 1);
	heap_add(&r.heap.resident, (uint64_t)r.heap.dirty, 1);
	heap_sum_classes(&r, m);
	/* Counters of a made-up table, not of an allocator. */
	if (memory_is_spent(memory))
		return -EFAULT;
	*ret = r.heap;
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
