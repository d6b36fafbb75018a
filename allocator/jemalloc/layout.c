/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included behind jemalloc's own sources, which recipe.sh compiles as one.
 *
 * Where an auditor finds what this allocator holds, in the memory of a process that
 * runs on it: `allocrun --check --pid` reads the counters that jemalloc keeps anyway.
 * A table and no code: nothing here runs, and nothing in jemalloc changes for it.
 *
 * The reader is launcher/live/heap.c; both know the order, and the version changes
 * with it.
 */
#define LAYOUT_VERSION 1

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
};
