/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_CAPTURE_CAPTURING_H
#define ALLOCRUN_CAPTURE_CAPTURING_H

#include <stdbool.h>
#include <stddef.h>

#include "detect/cgroup.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * --capture: the files that the detectors read, as text in a folder that --sysroot takes.
 * A file is written anew from what is understood of it; what is not understood, and each
 * name that somebody has chosen, does not leave the machine. names.c has the stand-ins for
 * names, clean*.c what is kept of which file.
 */

/* Names and the numbers that stand for them, the same in all files. */
struct capture_names {
	struct capture_name {
		const char *kind; /* "group", "file", … */
		const char *name;
		size_t number; /* from 1, for each kind */
	} * items;
	size_t n;
	struct cgroup_map cgroups; /* where cgroups are mounted */
};

/*
 * From the texts of /proc/self/cgroup and mountinfo, either of which may be NULL, and the
 * paths that were read: files of a folder that is read in the order of their names get
 * numbers in that order. Pure.
 */
void capture_learn_names(struct mem *m, const char *cgroup, const char *mountinfo, const struct root_record *record,
			 struct capture_names *ret);
/* Where the file lies in the capture; NULL: nowhere. Pure but for *names, as all below. */
char *capture_clean_path(struct mem *m, const char *path, struct capture_names *names);
/* A file's text as it may leave the machine; NULL: the file as a whole does not. */
char *capture_clean(struct mem *m, const char *path, const char *text, struct capture_names *names);
/* What a link that is read as a text, as /etc/malloc.conf, says. NULL as above. */
char *capture_clean_link(struct mem *m, const char *path, const char *target);

/* How it went, for the one who asked. */
struct capture_result {
	size_t n_files; /* without the README */
	struct capture_unread {
		const char *path;
		const char *clean; /* as it may leave the machine */
		int error;         /* -errno */
	} * unread;
	size_t n_unread;
	size_t n_binary; /* programs and libraries, left out */
};

/*
 * Copies what `record` names from `root` to below `folder`, with a README. The folder is
 * made when it is missing and must be empty; after a failure it is as it was. `policy`: the
 * file of the running machine that stands for the default policy, NULL = none does. -errno,
 * with *ret_problem for a line.
 */
int capture_write(const struct root *root, struct mem *m, const struct root_record *record, const char *policy,
		  const char *folder, struct capture_result *ret, const char **ret_problem);

#endif
