/* SPDX-License-Identifier: Apache-2.0 */
#include "program/shim.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

#define SHIM_OWN_NAME "allocrun"
#define SHIM_MARK "allocrun: a launcher"
/* Notes stand right behind the program headers. */
#define SHIM_HEAD 4096

/* An ELF note, which neither strip(1) nor the linker's --gc-sections takes away. */
static const struct {
	Elf64_Nhdr header;
	char name[12];
	char mark[24];
} shim_note __attribute__((section(".note.allocrun"), used,
			   aligned(4))) = { { sizeof SHIM_OWN_NAME, sizeof SHIM_MARK, 1 }, SHIM_OWN_NAME, SHIM_MARK };

static bool shim_is_this(const struct stat *st)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == st->st_dev && self.st_ino == st->st_ino;
}

bool shim_is_launcher(const struct root *root, const char *path)
{
	char head[SHIM_HEAD];
	struct stat st;
	ssize_t n;
	int fd;

	if (root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (root->live && shim_is_this(&st))
		return true;
	fd = root_openat(root, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = pread(fd, head, sizeof head, 0);
	close(fd);
	return n > SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0 &&
	       memmem(head, (size_t)n, shim_note.mark, sizeof SHIM_MARK) != NULL;
}

/* The name at the end of a path to this program; NULL = it is allocrun's own, or leads elsewhere. */
static const char *shim_name_of(const char *path)
{
	const char *name = text_basename(path);
	struct stat st;

	/* A descriptor's number is nobody's name. */
	if (!*name || text_starts_with(name, SHIM_OWN_NAME) || text_starts_with(path, "/dev/fd/") ||
	    text_starts_with(path, "/proc/"))
		return NULL;
	return stat(path, &st) == 0 && shim_is_this(&st) ? name : NULL;
}

const char *shim_name(const char *executed, const char *argv0)
{
	const char *name = executed ? shim_name_of(executed) : NULL;

	return name || !argv0 || !strchr(argv0, '/') ? name : shim_name_of(argv0);
}
