/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_PATH_H
#define ALLOCRUN_UTIL_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "util/bitmap.h"
#include "util/mem.h"

/*
 * Every file is read through one root. For the live machine that is "/"; under
 * --sysroot it is a folder in which a captured machine lies, and no symbolic
 * link leads out of it (openat2 with RESOLVE_IN_ROOT, kernel 5.6).
 */
struct root {
	int fd;         /* AT_FDCWD for the live machine */
	bool live;      /* false: live system calls say nothing about this machine */
	bool is_others; /* somebody else decides what lies there: only regular files are opened, none of /proc */
	struct root_record *record; /* NULL, or where each access is noted */
};

/*
 * What was asked of a root, for --capture: each path once for each kind of question,
 * whether it was answered or not. The list of what the detectors read is what they read.
 */
enum root_question { ROOT_CONTENT, ROOT_EXISTENCE, ROOT_LINK, ROOT_NAMES };
struct root_access {
	enum root_question question;
	const char *path;
	const char *prefix; /* ROOT_NAMES: of the names that were asked for */
};
struct root_record {
	struct mem *m; /* that the strings belong to */
	struct root_access *items;
	size_t n;
};

/* The largest /proc or /sys file that is believed; more is -EFBIG, "unknown". */
#define PATH_READ_MAX (256 * 1024)

/* The machine that the program runs on. */
extern const struct root root_machine;

/* sysroot NULL: the live machine. -errno when it cannot be opened. */
int root_open(const char *sysroot, struct root *ret);
void root_close(struct root *root);

/* As open(2) with O_CLOEXEC for the absolute path below the root. -errno. */
int root_openat(const struct root *root, const char *path, int flags);
int root_stat(const struct root *root, const char *path, struct stat *ret);
/* Where the link points, NUL-terminated. -errno, -ENAMETOOLONG. */
int root_readlink(const struct root *root, const char *path, char *ret, size_t size);

/*
 * The whole file, NUL-terminated, in the pool. Its length goes to *ret_length
 * when that is not NULL; text with a NUL byte in it is -EILSEQ then only when
 * ret_length is NULL. -errno, -EFBIG above `max` bytes.
 */
int root_read(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text,
	      size_t *ret_length);
/* The same for bytes that are judged by whose they are: what was read is what *ret_file tells of. -ELOOP, or -EINVAL
 * where others decide what lies there: the path's last part is a symbolic link. */
int root_read_with(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text,
		   size_t *ret_length, struct stat *ret_file);
/*
 * The same for text that the kernel gives in one piece, as it does with all of sysfs
 * and with the /proc files that have no list in them: one read(2), no second one to
 * see the end. At most PATH_READ_MAX bytes; -ENODATA when empty.
 */
int root_read_record(const struct root *root, struct mem *m, const char *path, char **ret_text);
/* The first `max` bytes of a text that may be longer, up to the end of a line. */
int root_read_start(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text);

/*
 * A text of any length, in pieces of whole lines that end with the call: in no pool. -errno; -EFBIG when
 * a line is longer than 32 KiB.
 */
typedef void root_take_piece(void *user, const char *text);
int root_read_pieces(const struct root *root, const char *path, root_take_piece *take, void *user);

/*
 * One value of a small sysfs or procfs file, the path made as by printf. All
 * return -errno, and leave *ret untouched then; -EINVAL for an unexpected form,
 * -ENODATA for an empty file. A line without its end counts as unexpected: the
 * kernel writes none, and half a number is worse than no number.
 */
int root_read_line(const struct root *root, char *ret, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int root_read_i64(const struct root *root, int64_t *ret, const char *format, ...) __attribute__((format(printf, 3, 4)));
int root_read_bitmap(const struct root *root, struct bitmap *ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The names in a folder that start with `prefix`, sorted by version order
 * (node2 before node10), in the pool, NULL-terminated. -errno.
 */
int root_list(const struct root *root, struct mem *m, const char *path, const char *prefix, char ***ret_names);

#endif
