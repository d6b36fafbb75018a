/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_REPLACE_H
#define ALLOCRUN_UTIL_REPLACE_H

#include "util/mem.h"

/*
 * Puts `text` in place of the file, mode 644 whatever the umask: readers see the old one
 * or the whole new one, also after a crash. -errno, the old file untouched; -EEXIST when something that
 * is no regular file has the name.
 */
int replace_file(struct mem *m, const char *path, const char *text);

/* The same piece by piece, to `fd`; begun, it is ended. */
struct replacement {
	const char *path, *temporary; /* strings of the pool and of the caller */
	int fd;
};
int replace_begin(struct mem *m, const char *path, struct replacement *ret);
/* `error` below 0: the old file stays. */
int replace_end(struct replacement *r, int error);

#endif
