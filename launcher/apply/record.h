/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_APPLY_RECORD_H
#define ALLOCRUN_APPLY_RECORD_H

#include <stdbool.h>

#include "util/mem.h"

/*
 * The launch record: /run/allocrun/PID.json, or the file that --record names.
 * Readers see the old file, no file, or the whole new one.
 */
struct record {
	char *path;     /* NULL = none is written */
	int fd;         /* of the published file; -1 = not published */
	bool is_shared; /* in the folder of all records */
};

/* `setting`: "auto", "none" or a file, as --record takes it. */
struct record record_prepare(struct mem *m, const char *setting);

/*
 * Writes a temporary file beside the record and renames it; in the shared folder
 * the records of ended processes make room once there are many. -errno, -EEXIST when
 * something that is no regular file has the name.
 */
int record_publish(struct mem *m, struct record *record, const char *text);

/*
 * Replaces the content of the published file through its open descriptor: once the
 * user is changed, the folder cannot be written to any more.
 */
int record_amend(struct record *record, const char *text);

/* The command was not executed after all. -errno when the file could not be removed. */
int record_remove(struct record *record);

#endif
