/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jemalloc's arenas, for the purge thread (purge/heap.h). Included behind jemalloc's own
 * sources: it sees their counters, which statistics, locks and epochs would cost.
 *
 * All calls go without a thread's own data (TSDN_NULL), so that the thread has none.
 */
#include "heap.h"

/* What an arena's decay was before a thread held it; and the parts that are held, at which others look. */
static ssize_t heap_decay_before[PURGE_PARTS];
static bool heap_held[PURGE_PARTS];

/* The user's own choice of a purging thread is kept. */
static bool heap_is_ours(void)
{
	return !opt_background_thread && opt_dirty_decay_ms > 0;
}

/*
 * The arenas that jemalloc makes by itself, the one for oversize blocks among them. Those that a
 * program made go by its own rules, and can vanish under us.
 */
static arena_t *heap_arena(unsigned part)
{
	unsigned automatic = narenas_auto;

	if (part < automatic)
		return arena_get(TSDN_NULL, part, false);
	return huge_arena_ind ? arena_get(TSDN_NULL, huge_arena_ind, false) : NULL;
}

static unsigned heap_parts(void)
{
	unsigned automatic = narenas_auto;

	return automatic < PURGE_PARTS ? automatic + 1 : PURGE_PARTS;
}

static bool heap_look(unsigned part, struct purge_part *ret)
{
	arena_t *arena = heap_arena(part);

	if (!arena)
		return false;
	ret->is_held = __atomic_load_n(&heap_held[part], __ATOMIC_RELAXED);
	ret->used = pa_shard_nactive(&arena->pa_shard) << LG_PAGE;
	ret->kept = ecache_npages_get(&arena->pa_shard.pac.ecache_dirty) << LG_PAGE;
	return true;
}

static size_t heap_peak(unsigned part)
{
	arena_t *arena = heap_arena(part);

	return arena ? pa_shard_nactive_peak_take(&arena->pa_shard) << LG_PAGE : 0;
}

/* The rest of an extent goes back to where it was: a step is as long as a fork may wait. */
static void heap_cut(pac_t *pac, edata_t *edata, size_t max)
{
	size_t size = edata_size_get(edata);
	edata_t *rest;

	if (size <= max || edata_guarded_get(edata))
		return;
	rest = extent_split_wrapper(TSDN_NULL, pac, pac_ehooks_get(pac), edata, max, size - max, false);
	if (rest)
		ecache_dalloc(TSDN_NULL, pac, pac_ehooks_get(pac), &pac->ecache_dirty, rest);
}

/* As pac_decay_to_limit(), in pieces. */
static size_t heap_purge(unsigned part, size_t keep, size_t max)
{
	arena_t *arena = heap_arena(part);
	edata_list_inactive_t list;
	edata_t *edata;
	size_t bytes = 0;
	pac_t *pac;

	if (!arena || !ehooks_are_default(pac_ehooks_get(&arena->pa_shard.pac)))
		return 0;
	pac = &arena->pa_shard.pac;
	malloc_mutex_lock(TSDN_NULL, &pac->decay_dirty.mtx);
	if (pac->decay_dirty.purging) {
		malloc_mutex_unlock(TSDN_NULL, &pac->decay_dirty.mtx);
		return 0;
	}
	pac->decay_dirty.purging = true;
	malloc_mutex_unlock(TSDN_NULL, &pac->decay_dirty.mtx);

	edata_list_inactive_init(&list);
	while (bytes < max &&
	       (edata = ecache_evict(TSDN_NULL, pac, pac_ehooks_get(pac), &pac->ecache_dirty, keep >> LG_PAGE))) {
		heap_cut(pac, edata, max - bytes);
		bytes += edata_size_get(edata);
		edata_list_inactive_append(&list, edata);
	}
	if (bytes > 0)
		pac_decay_stashed(TSDN_NULL, pac, &pac->decay_dirty, &pac->stats->decay_dirty, &pac->ecache_dirty,
				  /* fully_decay */ true, &list);

	malloc_mutex_lock(TSDN_NULL, &pac->decay_dirty.mtx);
	pac->decay_dirty.purging = false;
	malloc_mutex_unlock(TSDN_NULL, &pac->decay_dirty.mtx);
	return bytes;
}

/*
 * The one thing for which the thread needs its own data in jemalloc, made when it is asked for; so without a
 * cache, which nobody would empty.
 */
static int heap_profile(enum heap_profile what, const char *path)
{
#ifdef JEMALLOC_PROF
	bool has_cache = false, is_active = what == HEAP_PROFILE_ON;
	int error;

	if (!opt_prof)
		return -ENOSYS;
	je_mallctl("thread.tcache.enabled", NULL, NULL, &has_cache, sizeof has_cache);
	error = what == HEAP_PROFILE_DUMP ? je_mallctl("prof.dump", NULL, NULL, &path, sizeof path) :
					    je_mallctl("prof.active", NULL, NULL, &is_active, sizeof is_active);
	return -error;
#else
	(void)what, (void)path;
	return -ENOSYS;
#endif
}

/*
 * Only an arena whose decay is the one of the options: another is the program's own choice. That
 * for oversize blocks purges at once as long as nobody purges in the background.
 */
static void heap_hold(unsigned part)
{
	arena_t *arena = heap_arena(part);
	ssize_t decay;

	if (!arena || heap_held[part] || !ehooks_are_default(pac_ehooks_get(&arena->pa_shard.pac)))
		return;
	decay = pac_decay_ms_get(&arena->pa_shard.pac, extent_state_dirty);
	if (decay != opt_dirty_decay_ms && !(decay == 0 && part == narenas_auto))
		return;
	heap_decay_before[part] = decay;
	__atomic_store_n(&heap_held[part], true, __ATOMIC_RELAXED);
	pac_decay_ms_set(TSDN_NULL, &arena->pa_shard.pac, extent_state_dirty, -1, PAC_PURGE_NEVER);
}

static void heap_release_all(void)
{
	for (unsigned i = 0; i < heap_parts(); i++) {
		arena_t *arena = heap_held[i] ? heap_arena(i) : NULL;

		heap_held[i] = false;
		if (arena)
			pac_decay_ms_set(TSDN_NULL, &arena->pa_shard.pac, extent_state_dirty, heap_decay_before[i],
					 PAC_PURGE_NEVER);
	}
}
