/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each value names its source. "bench a" and so on: the benchmarks of tests/bench on two
 * CPUs, jemalloc 5.3.1, mimalloc 3.5.0 and glibc 2.36 side by side; README.md has the
 * figures. More CPUs could not be measured: what depends on their number follows jemalloc's
 * TUNING.md, and is made so that it cannot get worse with it.
 */
#include "options/profiles.h"

#include <stddef.h>
#include <string.h>

#include "facts/machine.h"

/* clang-format off */
/* Smaller blocks would crowd that arena's lock where there are many CPUs. */
#define SHARE_OVERSIZE \
	{ "oversize_threshold", "1048576", "big tensors of all threads come from one arena: a third fewer page faults (bench a)" }
#define SMALL_CACHES \
	{ "tcache_nslots_small_max", "50", "what idle threads keep of small blocks holds whole pages back (bench c)" }
#define NO_MUZZY \
	{ "muzzy_decay_ms", "0", "what is purged leaves RSS at once, so that RSS tells the truth (bench a)" }
/* Window: one burst's peak is remembered until the next one comes; see `make bench`, a and c. */
#define PURGE_WITHIN_SECONDS \
	{ { "window_ms", "5000", "what no peak of five seconds needs goes back, busy or not (bench a)" }, \
	  { "idle_ms", "1500", "and all of it once the process is idle for that long (bench c)" } }
#define PURGE_SOON \
	{ { "window_ms", "2000", "what no peak of two seconds needs goes back, busy or not (bench a)" }, \
	  { "idle_ms", "500", "and all of it once the process is idle for that long (bench c)" } }
#define PURGE_LATE \
	{ { "window_ms", "15000", "what no peak of fifteen seconds needs goes back: fewer faults, a little more kept (bench a)" }, \
	  { "idle_ms", "1500", "and all of it once the process is idle for that long (bench c)" } }
#define METADATA_THP \
	{ "metadata_thp", "auto", "the allocator's own tables on hugepages once they are big (jemalloc TUNING.md)" }
#define MIMALLOC_RETURNS \
	{ "purge_delay", "0", "it has no thread of its own: what is not purged on free stays while idle (bench a)" }
#define GLIBC_TWO_ARENAS \
	{ "arena_max", "2", "8 per CPU by default; two keep a fifth less of idle memory (bench a)" }

#define ORDER "jemalloc,mimalloc,system"

const struct profile profiles[] = {
	{
		.name = "balanced",
		.summary = "memory back within seconds, at the speed of the fastest",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 5000,
		.decay_why = "five seconds bridge the gaps between requests; after ten it is all back (bench a, c)",
		.purge = PURGE_WITHIN_SECONDS,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE, SMALL_CACHES },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { GLIBC_TWO_ARENAS },
	},
	{
		.name = "memory",
		.summary = "smallest resident size, for nodes packed with servers",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 50,
		.dirty_decay_ms = 1000,
		.decay_why = "freed memory goes back within two seconds, for a fifth more page faults (bench a)",
		.purge = PURGE_SOON,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE,
			      { "tcache_max", "4096", "threads keep only small blocks to themselves (jemalloc TUNING.md)" },
			      { "tcache_nslots_small_max", "20", "and few of each size: those hold whole pages back (bench c)" } },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { GLIBC_TWO_ARENAS,
			   { "mmap_threshold", "131072", "fixed: big blocks are unmapped on free (glibc manual)" },
			   { "trim_threshold", "131072", "fixed: the heap's top goes back at 128 KiB (glibc manual)" } },
	},
	{
		.name = "latency",
		.summary = "fewest page faults on the request path",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "advised",
		.arenas_percent = 100,
		.dirty_decay_ms = 30000,
		.decay_why = "half a minute: pages outlive the pauses of uneven traffic (jemalloc TUNING.md)",
		.purge = PURGE_LATE,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE, METADATA_THP },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "throughput",
		.summary = "nothing is purged while the server is busy",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 60000,
		.decay_why = "a minute: purging starts only in real idleness; never (-1) would keep 2.6 times as much (bench a)",
		.purge = PURGE_LATE,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE, METADATA_THP },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "embedding",
		.summary = "large tables of small rows that live long, read from every node",
		.allocator = ORDER, .variant = "", .numa = "interleave", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 5000,
		.decay_why = "as balanced: rows live long, so little is purged either way",
		.purge = PURGE_WITHIN_SECONDS,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE, METADATA_THP },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "debug",
		.summary = "balanced, on the build that can profile the heap",
		.allocator = "jemalloc,system", .variant = BUILD_FEATURE_PROF,
		.numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 5000,
		.decay_why = "as balanced, so that the profile shows the usual behaviour",
		.purge = PURGE_WITHIN_SECONDS,
		.jemalloc = { NO_MUZZY, SHARE_OVERSIZE, SMALL_CACHES,
			      { "prof", "true", "heap profiling is compiled in and ready (jemalloc manual)" },
			      { "prof_active", "false", "off until it is switched on by mallctl prof.active (jemalloc manual)" },
			      { "lg_prof_sample", "19", "one sample per 512 KiB when it is on: jemalloc's default (jemalloc manual)" } },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { GLIBC_TWO_ARENAS },
	},
	{ .name = NULL },
};
/* clang-format on */

const struct profile *profile_find(const char *name)
{
	for (const struct profile *p = profiles; p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

const char *const *profile_names(void)
{
	static const char *names[sizeof profiles / sizeof *profiles];

	for (size_t i = 0; profiles[i].name; i++)
		names[i] = profiles[i].name;
	return names;
}
