/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mimalloc's arenas, for the purge thread (purge/heap.h). Included behind mimalloc's own sources.
 *
 * All arenas of the process are one part: threads take from all of them. What is kept is what is
 * free and was used: mimalloc writes that down in a bitmap, to purge it after its delay. What
 * threads keep in pages of their own is theirs alone, and cannot be given back from here.
 */
#include "heap.h"

/* A user who purges at once, or never, wants no thread; and arenas that the exit unmaps are not for one to look at. */
static bool heap_is_ours(void)
{
	return mi_option_get(mi_option_purge_delay) > 0 && mi_option_get(mi_option_arena_purge_mult) > 0 &&
	       !mi_option_is_enabled(mi_option_destroy_on_exit);
}

static unsigned heap_parts(void)
{
	return 1;
}

/* One that is pinned, has its own way to commit, or belongs to one heap alone is left alone. */
static mi_arena_t *heap_arena(size_t i)
{
	mi_arena_t *arena = mi_arena_from_index(_mi_subproc_main(), i);

	return arena && !arena->memid.is_pinned && !arena->commit_fun && !arena->is_exclusive ? arena : NULL;
}

/* The slices of one word of the bitmaps that are free and were used. */
static mi_bfield_t heap_field(const mi_arena_t *arena, size_t chunk, size_t field)
{
	return mi_atomic_load_relaxed(&arena->slices_purge->chunks[chunk].bfields[field]) &
	       mi_atomic_load_relaxed(&arena->slices_free->chunks[chunk].bfields[field]);
}

static size_t heap_chunks(const mi_arena_t *arena)
{
	size_t purge = mi_bitmap_chunk_count(arena->slices_purge), free = mi_bbitmap_chunk_count(arena->slices_free);

	return purge < free ? purge : free;
}

static size_t heap_kept(void)
{
	size_t slices = 0;

	for (size_t i = 0, n = mi_arenas_get_count(_mi_subproc_main()); i < n; i++) {
		const mi_arena_t *arena = heap_arena(i);

		for (size_t chunk = 0; arena && chunk < heap_chunks(arena); chunk++) {
			for (size_t field = 0; field < MI_BCHUNK_FIELDS; field++)
				slices += (size_t)__builtin_popcountll(heap_field(arena, chunk, field));
		}
	}
	return slices * MI_ARENA_SLICE_SIZE;
}

static bool heap_look(unsigned part, struct purge_part *ret)
{
	(void)part;
	ret->is_held = heap_is_held();
	ret->used = __atomic_load_n(&heap_used_bytes, __ATOMIC_RELAXED);
	ret->kept = heap_kept();
	return true;
}

static size_t heap_peak(unsigned part)
{
	size_t now = __atomic_load_n(&heap_used_bytes, __ATOMIC_RELAXED);
	size_t peak = __atomic_exchange_n(&heap_peak_bytes, now, __ATOMIC_RELAXED);

	(void)part;
	return peak > now ? peak : now;
}

/* One run of free slices in a word: claimed, given back, free again. */
static size_t heap_purge_run(mi_arena_t *arena, size_t first, size_t count)
{
	mi_bitmap_clearN(arena->slices_purge, first, count);
	if (mi_arena_try_purge_range(arena, first, count))
		return count * MI_ARENA_SLICE_SIZE;
	/* Some of it was taken meanwhile: the rest is for the next look. */
	mi_bitmap_setN(arena->slices_purge, first, count, NULL);
	return 0;
}

static size_t heap_purge_field(mi_arena_t *arena, size_t chunk, size_t field, size_t max)
{
	mi_bfield_t bits = heap_field(arena, chunk, field);
	size_t bytes = 0;

	while (bits && bytes < max) {
		size_t first = (size_t)__builtin_ctzll(bits), count = 0;

		while (first + count < MI_BFIELD_BITS && (bits >> (first + count)) & 1 &&
		       bytes + count * MI_ARENA_SLICE_SIZE < max)
			bits &= ~((mi_bfield_t)1 << (first + count++));
		bytes += heap_purge_run(arena, chunk * MI_BCHUNK_BITS + field * MI_BFIELD_BITS + first, count);
	}
	return bytes;
}

static size_t heap_purge(unsigned part, size_t keep, size_t max)
{
	size_t kept = heap_kept(), bytes = 0;

	(void)part;
	if (kept <= keep)
		return 0;
	max = max < kept - keep ? max : kept - keep;
	for (size_t i = 0, n = mi_arenas_get_count(_mi_subproc_main()); i < n && bytes < max; i++) {
		mi_arena_t *arena = heap_arena(i);

		for (size_t chunk = 0; arena && chunk < heap_chunks(arena); chunk++) {
			for (size_t field = 0; field < MI_BCHUNK_FIELDS && bytes < max; field++)
				bytes += heap_purge_field(arena, chunk, field, max - bytes);
		}
	}
	return bytes;
}

/* It has no profiles. */
static int heap_profile(enum heap_profile what, const char *path)
{
	(void)what, (void)path;
	return -ENOSYS;
}

static void heap_hold(unsigned part)
{
	(void)part;
	__atomic_store_n(&heap_held, true, __ATOMIC_RELAXED);
}

/* The delay counts anew: an arena that waits for an hour is one that nobody purges. */
static void heap_release_all(void)
{
	if (!__atomic_exchange_n(&heap_held, false, __ATOMIC_RELAXED))
		return;
	for (size_t i = 0, n = mi_arenas_get_count(_mi_subproc_main()); i < n; i++) {
		mi_arena_t *arena = mi_arena_from_index(_mi_subproc_main(), i);

		if (arena)
			mi_atomic_storei64_release(&arena->purge_expire, (mi_msecs_t)0);
	}
	mi_atomic_storei64_release(&_mi_subproc_main()->purge_expire, (mi_msecs_t)0);
}
