/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_APPLY_RECORD_H
#define ALLOCRUN_APPLY_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/mem.h"
#include "util/path.h"

/*
 * The launch record: /run/allocrun/PID.json, the same in a service's own $RUNTIME_DIRECTORY/allocrun, or
 * the file that --record names. Readers see the old file, no file, or the whole new one.
 */
struct record {
	char *path;     /* NULL = none is written */
	char *runtime;  /* the folder for it where that of all records cannot be written; NULL = there is none */
	int fd;         /* of the published file; -1 = not published */
	size_t length;  /* of what is in it */
	bool is_shared; /* in a folder of records, not in a file of the operator's */
	bool is_apart;  /* published by another process: its file system may be one that does not answer */
};

/* `setting`: "auto", "none" or a file, as --record takes it. Reads $RUNTIME_DIRECTORY, unless under AT_SECURE. */
struct record record_prepare(struct mem *m, const char *setting);

/*
 * Does the file lie where a read or a write comes back? Known of local file systems: a path whose folders
 * are all on one of them, without links. Of others nobody knows before he has asked.
 */
bool record_is_local(struct mem *m, const struct root *root, const char *path);

/*
 * Writes a temporary file beside the record and renames it; in a shared folder
 * the records of ended processes make room once there are many. -errno, -EEXIST when
 * something that is no regular file has the name, -ETIMEDOUT when its file system does not answer.
 */
int record_publish(struct mem *m, struct record *record, const char *text);

/*
 * Replaces the content of the published file through its open descriptor: once the
 * user is changed, the folder cannot be written to any more. A shorter one ends in blanks. -errno.
 */
int record_amend(struct mem *m, struct record *record, const char *text);

/* The command was not executed after all. -errno when the file could not be removed. */
int record_remove(struct mem *m, struct record *record);

#endif
