/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_CGROUP_H
#define ALLOCRUN_DETECT_CGROUP_H

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * Where the process stands in the control group hierarchies: what cgroup_map.c finds
 * out and cgroup.c reads the limits of.
 */

struct cgroup_mount {
	char *point;   /* where it is mounted */
	char *subtree; /* the folder of the hierarchy that is mounted there, "/" = all */
	char *options; /* v1: its controllers, among other words; "" for v2 */
	bool is_v2;
};

struct cgroup_map {
	char *self; /* /proc/self/cgroup, or that of another process */
	struct cgroup_mount *mounts;
	size_t n_mounts;
};

/* One hierarchy: our own folder, then its ancestors up to the mount. */
struct cgroup_place {
	enum cgroup_version version; /* CGROUP_V1 or CGROUP_V2 */
	char **folders;
	size_t n_folders; /* 0: the controller is nowhere to be seen */
};

/* `process`: /proc/self, or the folder of another; the mounts are ours in any case. */
enum cgroup_version cgroup_map_read(const struct root *root, struct mem *m, const char *process,
				    struct cgroup_map *ret);
/* The place for a controller, "" for the v2 hierarchy itself. */
void cgroup_map_find(const struct cgroup_map *map, struct mem *m, const char *controller, struct cgroup_place *ret);
/* The cgroup mounts in the text of /proc/self/mountinfo. Pure. */
void cgroup_parse_mounts(const char *text, struct mem *m, struct cgroup_map *map);

#endif
