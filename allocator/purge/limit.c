/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read in the middle of an allocation: no malloc, no stdio, no descriptor kept, little stack
 * (the buffers are static, the step lock protects them), and the system calls themselves: open()
 * and read() are cancellation points, and a thread that is cancelled inside malloc leaves its locks.
 */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A path in Kubernetes has about 230 characters; deeper nesting than this has no limit of its own in practice. */
#define LIMITS_PATH 512
#define LIMITS_LEVELS 8

static const struct limits_kind {
	const char *controller; /* of its line in /proc/self/cgroup; "" of the one of version 2 */
	const char *root;
	const char *used;
	const char *limits[2];
	const char *reclaimable; /* in memory.stat, with the groups below */
} limits_kinds[] = {
	{ "", "/sys/fs/cgroup", "memory.current", { "memory.max", "memory.high" }, "\ninactive_file " },
	{ "memory",
	  "/sys/fs/cgroup/memory",
	  "memory.usage_in_bytes",
	  { "memory.limit_in_bytes", NULL },
	  "\ntotal_inactive_file " },
};

static struct limits {
	const struct limits_kind *kind;
	unsigned count;
	char folders[LIMITS_LEVELS][LIMITS_PATH];
} limits;

static char limits_text[8192];
/* No descriptor or no memory was to be had: what was not read is not known, and no reason to think that it is gone. */
static bool limits_is_starved;
/* What limits_left() found last. */
static uint64_t limits_last_left = UINT64_MAX, limits_last = UINT64_MAX;

static bool limits_read(const char *path)
{
	long n = -1;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		limits_is_starved |= errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	} else {
		n = syscall(SYS_read, fd, limits_text, sizeof limits_text - 1);
		/* The program was just closing all that it did not know. */
		limits_is_starved |= n < 0 && errno == EBADF;
		syscall(SYS_close, fd);
	}
	limits_text[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

/* "max", and version 1's huge number for none, are UINT64_MAX too. */
static uint64_t limits_number(const char *folder, const char *file)
{
	char path[LIMITS_PATH + 32];
	uint64_t value;

	strcpy(stpcpy(stpcpy(path, folder), "/"), file);
	if (!limits_read(path) || limits_text[0] < '0' || limits_text[0] > '9')
		return UINT64_MAX;
	value = strtoull(limits_text, NULL, 10);
	return value > (uint64_t)1 << 60 ? UINT64_MAX : value;
}

static uint64_t limits_of(const struct limits_kind *kind, const char *folder)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 2 && kind->limits[i]; i++) {
		uint64_t limit = limits_number(folder, kind->limits[i]);

		least = limit < least ? limit : least;
	}
	return least;
}

static void limits_add(const struct limits_kind *kind, const char *folder)
{
	if (limits.count == LIMITS_LEVELS || limits_of(kind, folder) == UINT64_MAX)
		return;
	strcpy(limits.folders[limits.count++], folder);
	limits.kind = kind;
}

/* The group of the path and all above it; in a namespace of its own the root is the group itself. */
static void limits_walk(const struct limits_kind *kind, const char *path, size_t length)
{
	char folder[LIMITS_PATH];
	size_t root = strlen(kind->root);

	if (root + length >= sizeof folder)
		return;
	if (length == 1)
		length = 0;
	memcpy(folder, kind->root, root);
	memcpy(folder + root, path, length);
	folder[root + length] = '\0';
	/* "/../x" is above what we can see. */
	if (strstr(folder, "/../") == NULL) {
		while (strlen(folder) > root) {
			limits_add(kind, folder);
			*strrchr(folder, '/') = '\0';
		}
	}
	limits_add(kind, kind->root);
}

/* Is the word among those that commas divide? "" is where there is none. */
static bool limits_has_controller(const char *list, size_t length, const char *word)
{
	for (size_t at = 0, n; at <= length; at += n + 1) {
		n = strcspn(list + at, ",:");
		if (n == strlen(word) && memcmp(list + at, word, n) == 0)
			return true;
	}
	return false;
}

/* The path in the line of a kind: "4:cpu,memory:/a/b", "0::/a/b". NULL: there is none. */
static const char *limits_find_path(const char *lines, const struct limits_kind *kind)
{
	for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *list = line + strcspn(line, ":\n");
		size_t length;

		list += *list == ':';
		length = strcspn(list, ":\n");
		if (list[length] == ':' && limits_has_controller(list, length, kind->controller))
			return list + length + 1;
	}
	return NULL;
}

static void limits_search(void)
{
	static char lines[4096];

	limits.count = 0;
	if (!limits_read("/proc/self/cgroup"))
		return;
	memcpy(lines, limits_text, sizeof lines - 1);
	for (unsigned i = 0; i < sizeof limits_kinds / sizeof *limits_kinds && limits.count == 0; i++) {
		const struct limits_kind *kind = &limits_kinds[i];
		const char *path = limits_find_path(lines, kind);

		if (path)
			limits_walk(kind, path, strcspn(path, "\n"));
	}
}

static bool limits_find(void)
{
	static struct limits before;

	before = limits;
	limits_is_starved = false;
	limits_search();
	if (limits_is_starved)
		limits = before;
	return limits.count > 0;
}

/* Page cache that is not in use goes by itself before anybody is killed. */
static uint64_t limits_reclaimable(const char *folder)
{
	char path[LIMITS_PATH + 32];
	const char *found;

	strcpy(stpcpy(path, folder), "/memory.stat");
	if (!limits_read(path))
		return 0;
	found = strstr(limits_text, limits.kind->reclaimable);
	return found ? strtoull(found + strlen(limits.kind->reclaimable), NULL, 10) : 0;
}

static uint64_t limits_left(uint64_t *ret_limit)
{
	uint64_t least = UINT64_MAX;
	int error = errno;

	limits_is_starved = false;
	*ret_limit = UINT64_MAX;
	for (unsigned i = 0; i < limits.count; i++) {
		uint64_t limit = limits_of(limits.kind, limits.folders[i]);
		uint64_t used = limits_number(limits.folders[i], limits.kind->used);
		uint64_t left;

		if (limit == UINT64_MAX || used == UINT64_MAX)
			continue;
		left = used < limit ? limit - used : 0;
		/* The long file is read only where it can matter. */
		if (left < limit / 4)
			left += limits_reclaimable(limits.folders[i]);
		if (left < least) {
			least = left;
			*ret_limit = limit;
		}
	}
	if (limits_is_starved) {
		/* Nobody knows what was mapped since: half of it, and of that half the next time. */
		least = limits_last_left = limits_last_left == UINT64_MAX ? 0 : limits_last_left / 2;
		*ret_limit = limits_last;
	} else {
		limits_last_left = least;
		limits_last = *ret_limit;
	}
	errno = error;
	return least;
}
