/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_CAPTURE_H
#define ALLOCRUN_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * --capture: the files that the detectors read, as text in a folder that --sysroot takes.
 * What says whose machine it is, or may be a secret, is left out or replaced; clean.c
 * has all of it.
 */

/* What is replaced, the same everywhere. */
struct capture_names {
	const char *host;          /* the host's name; "" = nothing to replace */
	const char **groups;       /* parts of cgroup paths that are renamed group1, group2… */
	size_t n_groups;
	const char **points;       /* where cgroups are mounted */
	size_t n_points;
	size_t n_gpus;             /* GPUs that have got a number for their UUID */
};

/* From the texts of /proc/self/cgroup and mountinfo; either may be NULL. Pure. */
void capture_learn_names(struct mem *m, const char *cgroup, const char *mountinfo, const char *host,
			 struct capture_names *ret);
/*
 * A file's text as it may leave the machine; NULL: the file as a whole does not. Pure but
 * for *names, which numbers GPUs.
 */
char *capture_clean(struct mem *m, const char *path, const char *text, struct capture_names *names);
/* Where the file lies in the capture. Pure. */
char *capture_clean_path(struct mem *m, const char *path, const struct capture_names *names);

/* How it went, for the one who asked. */
struct capture_result {
	size_t n_files;
	const char **unread;       /* "PATH: why" */
	size_t n_unread;
	size_t n_binary;           /* programs and libraries, left out */
};

/*
 * Copies what `record` names from `root` to below `folder`, which is made when it is
 * missing and must be empty. -errno, with *ret_problem for a line.
 */
int capture_write(const struct root *root, struct mem *m, const struct root_record *record,
		  const char *folder, const char *host, struct capture_result *ret,
		  const char **ret_problem);

#endif
