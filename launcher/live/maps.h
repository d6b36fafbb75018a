/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_MAPS_H
#define ALLOCRUN_LIVE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/* The text of /proc/PID/maps, smaps and numa_maps. Pure; the fuzzer's entries. */

/*
 * /proc/PID/maps of 70,000 lines is 7 MB; the kernel's own limit on mappings is 65,530. A process that
 * maps files with the longest of names has 270 MB of it, which are counted and not read.
 */
#define MAPS_MAX (12 * 1024 * 1024)

struct mapping {
	uint64_t start, end;
	const char *details; /* in the text: "offset device inode path" */
	const char *path;    /* in the text, up to the end of its line; "" = anonymous */
	size_t path_length;
};

/* Which file it is, for the kernel: the same in every mount namespace. */
struct mapped_file {
	uint64_t device, inode; /* as in struct stat */
};

/* The mapping of the line at `line`. -EINVAL when it is none. */
int maps_parse_line(const char *line, struct mapping *ret);
/* The mapping that holds an address; -ENOENT. */
int maps_find(const char *text, uint64_t address, struct mapping *ret);
/* -ENOENT: it is of no file. */
int maps_parse_file(const struct mapping *mapping, struct mapped_file *ret);
int64_t maps_count(const char *text);
/*
 * The path as a file name: the kernel's octal escapes undone, " (deleted)" taken off
 * and told through *ret_is_deleted.
 */
char *maps_dup_path(struct mem *m, const struct mapping *mapping, bool *ret_is_deleted);
/* No program has so many; a process that maps two files in turns seems to. */
#define MAPS_LIBRARIES_MAX 8192

/* The paths of files that are mapped executable, once each, in order; NULL-terminated. */
char **maps_list_libraries(struct mem *m, const char *text);

/*
 * smaps, which is ten times as long, in pieces of whole lines: the resident anonymous bytes of mappings
 * whose name ("[anon:jemalloc_pg]") begins with `name` behind "[anon:".
 */
struct smaps_sum {
	const char *name;
	int64_t bytes; /* begins as FACT_UNKNOWN, and stays that when none has such a name */
	bool is_named; /* the mapping at hand */
};
void smaps_add(struct smaps_sum *sum, const char *text);

/* numa_maps: what all mappings together have on each node, and the policy of the largest. */
struct numa_maps {
	int64_t *node_bytes; /* by node id */
	size_t n_nodes;
	int64_t policy;     /* MPOL_* of the mapping with the most anonymous pages; FACT_UNKNOWN */
	char *policy_nodes; /* "0-1"; NULL = none */
};

void numa_maps_parse(struct mem *m, const char *text, struct numa_maps *ret);

#endif
