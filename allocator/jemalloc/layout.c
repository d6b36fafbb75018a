/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included behind jemalloc's own sources, which recipe.sh compiles as one.
 *
 * Where an auditor finds what this allocator holds, in the memory of a process that
 * runs on it: `allocrun --check --pid` reads the counters that jemalloc keeps anyway.
 * A table and no code: nothing here runs, and nothing in jemalloc changes for it.
 *
 * The reader is launcher/live/heap.c; both know the order, and the version changes
 * with it. Words are added at the end alone: servers that run on an older build keep theirs.
 */
#define LAYOUT_VERSION 2

/* all_bins: "use arena_get_bin", which is code. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Of this file alone, and so found by its plain name in .symtab. */

__attribute__((used)) static const uint64_t allocrun_layout[] = {
	LAYOUT_VERSION,
	PAGE,
	/* In arena_t, numbers of pages: in use, and kept for reuse. */
	offsetof(arena_t, pa_shard.nactive),
	offsetof(arena_t, pa_shard.pac.ecache_dirty.eset.npages),
	offsetof(arena_t, pa_shard.pac.ecache_dirty.guarded_eset.npages),
	/* The allocator's own tables: bytes. */
	offsetof(arena_t, base),
	offsetof(base_t, resident),
	/* Large sizes: bytes of each. */
	offsetof(arena_t, stats.lstats),
	sizeof(arena_stats_large_t),
	offsetof(arena_stats_large_t, active_bytes),
	SC_NSIZES - SC_NBINS,
	/* Small sizes: bins behind the arena, their regions in use. */
	offsetof(arena_t, all_bins),
	sizeof(bin_t),
	offsetof(bin_t, stats.curregs),
	SC_NBINS,
	sizeof(bin_info_t),
	offsetof(bin_info_t, reg_size),
	offsetof(bin_info_t, n_shards),
	/* From version 2 on. In arena_t, numbers of pages: addresses without memory; and given back lazily. */
	offsetof(arena_t, pa_shard.pac.ecache_retained.eset.npages),
	offsetof(arena_t, pa_shard.pac.ecache_retained.guarded_eset.npages),
	offsetof(arena_t, pa_shard.pac.ecache_muzzy.eset.npages),
	offsetof(arena_t, pa_shard.pac.ecache_muzzy.guarded_eset.npages),
	/* The allocator's own tables, what of them is used; and blocks for its own needs: bytes. */
	offsetof(base_t, allocated),
	offsetof(arena_t, stats.internal),
	/* What was given back of dirty pages since the start: how often, and pages. */
	offsetof(arena_t, stats.pa_shard_stats.pac_stats.decay_dirty.npurge),
	offsetof(arena_t, stats.pa_shard_stats.pac_stats.decay_dirty.purged),
	/* Bins: their slabs, those of them with room, and a slab's size. */
	offsetof(bin_t, stats.curslabs),
	offsetof(bin_t, stats.nonfull_slabs),
	offsetof(bin_info_t, slab_size),
};
