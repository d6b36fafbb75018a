/* SPDX-License-Identifier: Apache-2.0 */
#include "util/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/retry.h"
#include "util/text.h"

const struct root root_machine = { .fd = AT_FDCWD, .live = true };

/* What is read at once; the longest lists of CPUs that kernels print fit. */
#define PATH_READ_SMALL (32 * 1024)
/*
 * For one read at a time: nothing of it is wanted after the function that uses it. On the stack, where
 * -fstack-clash-protection touches every page of it, it would cost each start eight page faults.
 */
static _Alignas(struct dirent64) char path_buffer[PATH_READ_SMALL];
/* A folder with more names than this is no folder of /proc or /sys that we know. */
#define PATH_NAMES_MAX 262144
/* openat2() gives EAGAIN when a rename races with a ".." in the path. */
#define PATH_RETRIES 8

static void path_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP_CLOSE __attribute__((cleanup(path_close)))

static int path_openat2(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; i < PATH_RETRIES; i++) {
		long fd = syscall(SYS_openat2, root, path, &how, sizeof how);

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int root_open(const char *sysroot, struct root *ret)
{
	int fd, probe;

	if (!sysroot) {
		*ret = (struct root){ .fd = AT_FDCWD, .live = true };
		return 0;
	}
	fd = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Before 5.6, or where seccomp refuses it: say so now, not "unknown" for all. */
	probe = path_openat2(fd, ".", O_PATH);
	if (probe < 0) {
		close(fd);
		return probe;
	}
	close(probe);
	*ret = (struct root){ .fd = fd, .live = false };
	return 0;
}

void root_close(struct root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
}

static void path_record(const struct root *root, enum root_question question, const char *path, const char *prefix)
{
	struct root_record *record = root->record;

	for (size_t i = 0; i < record->n; i++) {
		if (record->items[i].question == question && strcmp(record->items[i].path, path) == 0 &&
		    strcmp(record->items[i].prefix, prefix) == 0)
			return;
	}
	*MEM_PUSH(record->m, record->items, record->n) = (struct root_access){ question, mem_strdup(record->m, path),
									       mem_strdup(record->m, prefix) };
}

/* A folder is opened by root_list() alone, which knows more of it. */
static void path_record_open(const struct root *root, const char *path, int flags)
{
	if (flags & O_PATH)
		path_record(root, flags & O_NOFOLLOW ? ROOT_LINK : ROOT_EXISTENCE, path, "");
	else if (!(flags & O_DIRECTORY))
		path_record(root, ROOT_CONTENT, path, "");
}

static int path_open_plain(const struct root *root, const char *path, int flags)
{
	int fd;

	if (!root->live)
		return path_openat2(root->fd, path, flags);
	fd = openat(root->fd, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * A look first, which opens nothing: to open a device, a terminal or /proc/kmsg does something by
 * itself. What was looked at is what is opened then, whatever the path is by that time.
 */
static int path_open_of_others(const struct root *root, const char *path, int flags)
{
	CLEANUP_CLOSE int place = path_open_plain(root, path, O_PATH | (flags & O_NOFOLLOW));
	char again[32];
	struct statfs fs;
	struct stat st;
	int fd;

	if (place < 0)
		return place;
	if (fstat(place, &st) < 0 || fstatfs(place, &fs) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return -EINVAL;
	snprintf(again, sizeof again, "/proc/self/fd/%d", place);
	fd = open(again, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int root_openat(const struct root *root, const char *path, int flags)
{
	if (root->record)
		path_record_open(root, path, flags);
	if (root->is_others && !(flags & (O_PATH | O_DIRECTORY)))
		return path_open_of_others(root, path, flags);
	return path_open_plain(root, path, flags);
}

int root_stat(const struct root *root, const char *path, struct stat *ret)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (root->live) {
		if (fstatat(root->fd, path, &st, 0) < 0)
			return -errno;
	} else {
		fd = root_openat(root, path, O_PATH);
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
	}
	*ret = st;
	return 0;
}

int root_readlink(const struct root *root, const char *path, char *ret, size_t size)
{
	CLEANUP_CLOSE int fd = -1;
	char target[PATH_MAX];
	ssize_t length;

	if (root->live) {
		length = readlinkat(root->fd, path, target, sizeof target);
	} else {
		fd = root_openat(root, path, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return fd;
		length = readlinkat(fd, "", target, sizeof target);
		/* An empty path on something else than a link. */
		if (length < 0 && errno == ENOENT)
			errno = EINVAL;
	}
	if (length < 0)
		return -errno;
	if ((size_t)length >= sizeof target || (size_t)length >= size)
		return -ENAMETOOLONG;
	memcpy(ret, target, (size_t)length);
	ret[length] = '\0';
	return 0;
}

/* O_NONBLOCK: a FIFO in a captured tree must not hold the launcher up. */
#define PATH_FILE_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)
static int path_open_file(const struct root *root, const char *path)
{
	return root_openat(root, path, PATH_FILE_FLAGS);
}

/* Until the end of the file or `size` bytes, whichever comes first. */
static ssize_t path_read_all(int fd, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = retry_read(fd, buffer + done, size - done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Up to `max` bytes in the pool, and how many; one more is -EFBIG unless `cut`. */
static int path_read_pool(int fd, struct mem *m, size_t max, bool cut, char **ret, size_t *ret_n)
{
	size_t room = max < sizeof path_buffer ? max + 1 : sizeof path_buffer;
	ssize_t n = path_read_all(fd, path_buffer, room), more;
	char *text;

	if (n < 0)
		return (int)n;
	if ((size_t)n < room) {
		text = mem_alloc(m, (size_t)n + 1);
		memcpy(text, path_buffer, (size_t)n);
	} else {
		text = mem_alloc(m, max + 2);
		memcpy(text, path_buffer, (size_t)n);
		more = path_read_all(fd, text + n, max + 1 - (size_t)n);
		if (more < 0)
			return (int)more;
		n += more;
		if ((size_t)n > max && !cut)
			return -EFBIG;
		if ((size_t)n > max)
			n = (ssize_t)max;
		text[n] = '\0';
	}
	*ret = text;
	*ret_n = (size_t)n;
	return 0;
}

static int path_read_file(const struct root *root, struct mem *m, const char *path, size_t max, bool cut, char **ret,
			  size_t *ret_n)
{
	CLEANUP_CLOSE int fd = path_open_file(root, path);

	return fd < 0 ? fd : path_read_pool(fd, m, max, cut, ret, ret_n);
}

int root_read(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	char *text;
	size_t n;
	int r = path_read_file(root, m, path, max, false, &text, &n);

	if (r < 0)
		return r;
	if (!ret_length && memchr(text, '\0', n))
		return -EILSEQ;
	*ret_text = text;
	if (ret_length)
		*ret_length = n;
	return 0;
}

int root_read_with(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text,
		   size_t *ret_length, struct stat *ret_file)
{
	CLEANUP_CLOSE int fd = root_openat(root, path, PATH_FILE_FLAGS | O_NOFOLLOW);

	if (fd < 0)
		return fd;
	if (fstat(fd, ret_file) < 0)
		return -errno;
	return path_read_pool(fd, m, max, false, ret_text, ret_length);
}

int root_read_start(const struct root *root, struct mem *m, const char *path, size_t max, char **ret_text)
{
	char *text, *last;
	size_t n;
	int r = path_read_file(root, m, path, max, true, &text, &n);

	if (r < 0)
		return r;
	if (memchr(text, '\0', n))
		return -EILSEQ;
	last = strrchr(text, '\n');
	if (!last)
		return -ENODATA;
	last[1] = '\0';
	*ret_text = text;
	return 0;
}

int root_read_pieces(const struct root *root, const char *path, root_take_piece *take, void *user)
{
	CLEANUP_CLOSE int fd = path_open_file(root, path);
	char piece[PATH_READ_SMALL];
	size_t n = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t more = retry_read(fd, piece + n, sizeof piece - 1 - n);
		char *end, kept;

		if (more < 0)
			return (int)more;
		n += (size_t)more;
		piece[n] = '\0';
		if (n == 0)
			return 0;
		end = more ? memrchr(piece, '\n', n) : piece + n - 1;
		if (!end && n == sizeof piece - 1)
			return -EFBIG;
		if (!end)
			continue;
		kept = end[1];
		end[1] = '\0';
		take(user, piece);
		end[1] = kept;
		n -= (size_t)(end + 1 - piece);
		memmove(piece, end + 1, n);
		if (!more)
			return 0;
	}
}

/* One read(2) into a buffer of `size` bytes, NUL-terminated text or -errno. */
static int path_read_once(const struct root *root, const char *path, char *buffer, size_t size)
{
	CLEANUP_CLOSE int fd = path_open_file(root, path);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = retry_read(fd, buffer, size);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENODATA;
	if ((size_t)n == size)
		return -EFBIG;
	/* Kernels around 5.15 counted the end of a node's cpulist into the file. */
	if (n > 1 && buffer[n - 1] == '\0' && buffer[n - 2] == '\n')
		n--;
	buffer[n] = '\0';
	return memchr(buffer, '\0', (size_t)n) ? -EILSEQ : 0;
}

int root_read_record(const struct root *root, struct mem *m, const char *path, char **ret_text)
{
	int r = path_read_once(root, path, path_buffer, sizeof path_buffer);

	/* Rare, and no longer worth saving a system call. */
	if (r == -EFBIG)
		return root_read(root, m, path, PATH_READ_MAX, ret_text, NULL);
	if (r < 0)
		return r;
	*ret_text = mem_strdup(m, path_buffer);
	return 0;
}

/* The one line of a file, without its end. */
__attribute__((format(printf, 4, 0))) static int path_read_value(const struct root *root, char *buffer, size_t size,
								 const char *format, va_list args)
{
	char path[PATH_MAX];
	char *end;
	int length, r;

	length = vsnprintf(path, sizeof path, format, args);
	if (length < 0 || (size_t)length >= sizeof path)
		return -ENAMETOOLONG;
	r = path_read_once(root, path, buffer, size);
	if (r < 0)
		return r;
	end = strchr(buffer, '\n');
	if (!end || end[1])
		return -EINVAL;
	*end = '\0';
	return 0;
}

int root_read_line(const struct root *root, char *ret, size_t size, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = path_read_value(root, path_buffer, sizeof path_buffer, format, args);
	va_end(args);
	if (r < 0)
		return r;
	if (strlen(path_buffer) >= size)
		return -EFBIG;
	memcpy(ret, path_buffer, strlen(path_buffer) + 1);
	return 0;
}

int root_read_i64(const struct root *root, int64_t *ret, const char *format, ...)
{
	char line[64];
	const char *end;
	int64_t value;
	va_list args;
	int r;

	va_start(args, format);
	r = path_read_value(root, line, sizeof line, format, args);
	va_end(args);
	if (r < 0)
		return r;
	r = text_parse_i64(line, &value, &end);
	if (r < 0)
		return r;
	if (end[strspn(end, " \t")])
		return -EINVAL;
	*ret = value;
	return 0;
}

int root_read_bitmap(const struct root *root, struct bitmap *ret, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = path_read_value(root, path_buffer, sizeof path_buffer, format, args);
	va_end(args);
	return r < 0 ? r : bitmap_parse_list(path_buffer, ret);
}

static int path_compare_names(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the names of one getdents64() answer that start with `prefix`. */
static void path_add_names(struct mem *m, const char *buffer, size_t length, const char *prefix, char ***names,
			   size_t *n)
{
	for (size_t at = 0; at < length;) {
		const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);

		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    text_starts_with(entry->d_name, prefix))
			*MEM_PUSH(m, *names, *n) = mem_strdup(m, entry->d_name);
		at += entry->d_reclen;
	}
}

int root_list(const struct root *root, struct mem *m, const char *path, const char *prefix, char ***ret_names)
{
	/* Not opendir(): that asks fstat() and allocates 32 KiB for the same answer. */
	CLEANUP_CLOSE int fd = root_openat(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	char **names = NULL;
	size_t n = 0;

	if (root->record)
		path_record(root, ROOT_NAMES, path, prefix);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t length = getdents64(fd, path_buffer, sizeof path_buffer);

		if (length < 0)
			return -errno;
		if (length == 0)
			break;
		path_add_names(m, path_buffer, (size_t)length, prefix, &names, &n);
		if (n > PATH_NAMES_MAX)
			return -EFBIG;
	}
	if (n)
		qsort(names, n, sizeof *names, path_compare_names);
	*MEM_PUSH(m, names, n) = NULL;
	*ret_names = names;
	return 0;
}
