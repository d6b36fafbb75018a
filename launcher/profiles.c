/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the values come from: [M] measured, the table of start values in README.md
 * (16 threads of a PyTorch encoder over random batch shapes, 2 CPUs); [T] jemalloc's
 * TUNING.md; [J] jemalloc's manual; [G] the glibc manual, "Memory Allocation
 * Tunables". Start values: the benchmarks that settle them belong to the builds.
 */
#include "profiles.h"

#include <stddef.h>
#include <string.h>

#include "facts.h"

#define BACKGROUND \
	{ "background_thread", "true", "purges off the request path, and when the server is idle [M]" }
#define NO_OVERSIZE \
	{ "oversize_threshold", "0", "big tensors are reused instead of purged at once: a quarter of the system time [M]" }
#define NO_MUZZY \
	{ "muzzy_decay_ms", "0", "what is purged leaves RSS at once, so that RSS tells the truth [M]" }
#define METADATA_THP \
	{ "metadata_thp", "auto", "the allocator's own tables on hugepages once they are big [T]" }
#define MIMALLOC_RETURNS \
	{ "purge_delay", "0", "it has no thread of its own: what is not purged on free stays while idle [M]" }
#define GLIBC_TWO_ARENAS \
	{ "arena_max", "2", "8 per CPU by default; two keep a third of the idle memory [M]" }

#define ORDER "jemalloc,mimalloc,system"

const struct profile profiles[] = {
	{
		.name = "balanced",
		.summary = "memory back within seconds, at the speed of the fastest",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "inherit",
		.arenas_percent = 100,
		.dirty_decay_ms = 10000,
		.decay_why = "ten seconds bridge the gaps between requests; then it goes back [M]",
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
		.decay_why = "freed memory goes back within a second, for twice the system time [M]",
		.jemalloc = { BACKGROUND, NO_MUZZY, NO_OVERSIZE,
			      { "tcache_max", "4096", "threads keep only small blocks to themselves [T]" } },
		.mimalloc = { MIMALLOC_RETURNS },
		.glibc = { GLIBC_TWO_ARENAS,
			   { "mmap_threshold", "131072", "fixed: big blocks are unmapped on free [G]" },
			   { "trim_threshold", "131072", "fixed: the heap's top goes back at 128 KiB [G]" } },
	},
	{
		.name = "latency",
		.summary = "fewest page faults on the request path",
		.allocator = ORDER, .variant = "", .numa = "auto", .thp = "advised",
		.arenas_percent = 100,
		.dirty_decay_ms = 30000,
		.decay_why = "half a minute: pages outlive the pauses of uneven traffic [T]",
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
		.decay_why = "a minute: purging starts only in real idleness; never (-1) would keep 2.4 times as much [M]",
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
			      { "prof", "true", "heap profiling is compiled in and ready [J]" },
			      { "prof_active", "false", "off until it is switched on by mallctl prof.active [J]" },
			      { "lg_prof_sample", "19", "one sample per 512 KiB when it is on: jemalloc's default [J]" } },
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
