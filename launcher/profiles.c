/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each value names its source. "measured": 16 threads of a PyTorch encoder over
 * random batch shapes, 640 requests on 2 CPUs, live memory about 260 MB, jemalloc
 * 5.3.1, mimalloc 3.5.0 and glibc 2.36 side by side. Start values: the benchmarks
 * that settle them, for more CPUs too, come with the matrix of builds.
 */
#include "profiles.h"

#include <stddef.h>
#include <string.h>

#include "facts.h"

#define BACKGROUND \
	{ "background_thread", "true", "purges off the request path, and when the server is idle (measured)" }
#define NO_OVERSIZE \
	{ "oversize_threshold", "0", "big tensors are reused instead of purged at once: a quarter of the system time (measured)" }
#define NO_MUZZY \
	{ "muzzy_decay_ms", "0", "what is purged leaves RSS at once, so that RSS tells the truth (measured)" }
#define METADATA_THP \
	{ "metadata_thp", "auto", "the allocator's own tables on hugepages once they are big (jemalloc TUNING.md)" }
#define MIMALLOC_RETURNS \
	{ "purge_delay", "0", "it has no thread of its own: what is not purged on free stays while idle (measured)" }
#define GLIBC_TWO_ARENAS \
	{ "arena_max", "2", "8 per CPU by default; two keep a third of the idle memory (measured)" }

#define ORDER "jemalloc,mimalloc,system"

const struct profile profiles[] = {
	{
		.name = "balanced",
		.summary = "memory back within seconds, at the speed of the fastest",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 10000,
		.decay_why = "ten seconds bridge the gaps between requests; then it goes back (measured)",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { GLIBC_TWO_ARENAS },
	},
	{
		.name = "memory",
		.summary = "smallest resident size, for nodes packed with servers",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 50,
		.dirty_decay_ms = 1000,
		.decay_why = "freed memory goes back within a second, for twice the system time (measured)",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE,
			      { "tcache_max", "4096", "threads keep only small blocks to themselves (jemalloc TUNING.md)" } },
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
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE, METADATA_THP },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "throughput",
		.summary = "nothing is purged while the server is busy",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 60000,
		.decay_why = "a minute: purging starts only in real idleness; never (-1) would keep 2.4 times as much (measured)",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE, METADATA_THP },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "embedding",
		.summary = "large tables of small rows that live long, read from every node",
		.allocator = ORDER, .variant = "", .numa = "interleave", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 10000,
		.decay_why = "as balanced: rows live long, so little is purged either way",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE, METADATA_THP },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { { NULL, NULL, NULL } },
	},
	{
		.name = "debug",
		.summary = "balanced, on the build that can profile the heap",
		.allocator = "jemalloc,system", .variant = BUILD_FEATURE_PROF,
		.numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 10000,
		.decay_why = "as balanced, so that the profile shows the usual behaviour",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE,
			      { "prof", "true", "heap profiling is compiled in and ready (jemalloc manual)" },
			      { "prof_active", "false", "off until it is switched on by mallctl prof.active (jemalloc manual)" },
			      { "lg_prof_sample", "19", "one sample per 512 KiB when it is on: jemalloc's default (jemalloc manual)" } },
		.mimalloc = { { NULL, NULL, NULL } },
		.glibc = { GLIBC_TWO_ARENAS },
	},
	{ .name = NULL },
};

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
