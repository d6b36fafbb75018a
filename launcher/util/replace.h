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

/* What stands for `path` until it is whole: in the same folder, and of a name that no "*.prom" takes up. */
char *replace_temporary(struct mem *m, const char *path);
/* As mkdir -p: what is missing of it, mode 755 less the umask. -errno, and what was made until then stays. */
int replace_make_folder(const char *folder);
/* The file or the folder with all that is in it. */
void replace_remove(const char *path);
/*
 * Removes what stood for `path` when a process of this user was killed over it: replace_file() does it, too.
 * What was written to within the last seconds may be that of a process in another container.
 */
void replace_prune(struct mem *m, const char *path);

#endif
