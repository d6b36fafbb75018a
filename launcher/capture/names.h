/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_CAPTURE_NAMES_H
#define ALLOCRUN_CAPTURE_NAMES_H

#include "capture/capturing.h"

/* What stands for the names that somebody has chosen. Pure but for *names. */

/* The number of this name among those of its kind. */
size_t names_number(struct mem *m, struct capture_names *names, const char *kind, const char *name);
/* "group3" */
char *names_stand_in(struct mem *m, struct capture_names *names, const char *kind, const char *name);
/* "/system.slice/vllm-team7.service" -> "/system.slice/group1" */
char *names_group_path(struct mem *m, struct capture_names *names, const char *path);
/* Where a cgroup hierarchy is mounted: as everywhere, or a stand-in. */
const char *names_mount_point(struct mem *m, struct capture_names *names, const char *point);
/* A controller of cgroups, or what stands in its place where hierarchies are mounted. */
bool names_is_controller(const char *word);
/* "/home/alice/libx.so" -> "/folder1/library1.so"; an allocator is still seen to be one. */
char *names_library(struct mem *m, struct capture_names *names, const char *path);
/* The words of a list of profiles of tuned; those that come with tuned keep their names. */
char *names_tuned(struct mem *m, struct capture_names *names, const char *list);

#endif
