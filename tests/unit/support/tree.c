/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder that a test fills. */
#include "support/support.h"
#include "detect/detect.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MACHINES_DIR
#define MACHINES_DIR "tests/machines" /* from the top of the repository */
#endif

void tree_open(struct tree *ret)
{
	ret->mem = MEM_INIT;
	snprintf(ret->path, sizeof ret->path, "/tmp/allocrun-test-XXXXXX");
	assert_non_null(mkdtemp(ret->path));
	assert_int_equal(root_open(ret->path, &ret->root), 0);
}

static int tree_remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_close(struct tree *tree)
{
	root_close(&tree->root);
	assert_int_equal(nftw(tree->path, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	mem_free_all(&tree->mem);
}

char *tree_outside(struct tree *tree, const char *path)
{
	return mem_printf(&tree->mem, "%s%s", tree->path, path);
}

static void tree_make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail_msg("%s: %s", path, strerror(errno));
		*slash = '/';
	}
}

void tree_write_bytes(struct tree *tree, const char *path, const void *bytes, size_t size)
{
	char *outside = tree_outside(tree, path);
	int fd;

	tree_make_parents(outside);
	fd = open(outside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

void tree_write(struct tree *tree, const char *path, const char *text)
{
	tree_write_bytes(tree, path, text, strlen(text));
}

void tree_symlink(struct tree *tree, const char *path, const char *target)
{
	char *outside = tree_outside(tree, path);

	tree_make_parents(outside);
	assert_int_equal(symlink(target, outside), 0);
}

void tree_mkdir(struct tree *tree, const char *path)
{
	tree_make_parents(tree_outside(tree, mem_printf(&tree->mem, "%s/", path)));
}

void tree_chmod(struct tree *tree, const char *path, unsigned int mode)
{
	assert_int_equal(chmod(tree_outside(tree, path), (mode_t)mode), 0);
}

void tree_remove(struct tree *tree, const char *path)
{
	assert_int_equal(remove(tree_outside(tree, path)), 0);
}
