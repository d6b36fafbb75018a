/* SPDX-License-Identifier: Apache-2.0 */
/* Machines with one file of them replaced by garbage. */
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

void garbage_forms(struct mem *m, struct garbage ret[GARBAGE_FORMS])
{
	static const char binary[] = "\x7f"
				     "E\0\xff\xfe\n\0[\0]\x80-\n";
	static const char words[] = "no such [ thing : here\n\n";
	static const size_t long_size = 1024 * 1024;
	char *letters = mem_alloc(m, long_size + 1), *lines = mem_alloc(m, long_size + 1);

	memset(letters, '9', long_size);
	for (size_t i = 0; i < long_size; i++)
		lines[i] = "0-1,[always]\n"[i % 13];
	ret[0] = (struct garbage){ "missing", NULL, 0 };
	ret[1] = (struct garbage){ "empty", "", 0 };
	ret[2] = (struct garbage){ "binary", binary, sizeof binary - 1 };
	ret[3] = (struct garbage){ "1 MB in one line", letters, long_size };
	ret[4] = (struct garbage){ "1 MB in lines", lines, long_size };
	ret[5] = (struct garbage){ "words", words, sizeof words - 1 };
}

/* One file of a machine into the tree; folders are walked. */
static void garbage_copy(struct tree *tree, const char *from, const char *path)
{
	struct root source;
	char **names, *text;
	struct stat st;
	size_t size;

	assert_int_equal(root_open(from, &source), 0);
	assert_int_equal(root_list(&source, &tree->mem, path, "", &names), 0);
	for (; *names; names++) {
		char *entry = mem_printf(&tree->mem, "%s/%s", strcmp(path, "/") ? path : "", *names);

		assert_int_equal(root_stat(&source, entry, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			garbage_copy(tree, from, entry);
			continue;
		}
		assert_int_equal(root_read(&source, &tree->mem, entry, PATH_READ_MAX, &text, &size), 0);
		tree_write_bytes(tree, entry, text, size);
	}
	root_close(&source);
}

/* All files below `path` of the tree, by their paths. */
static void garbage_list(struct tree *tree, const char *path, char ***files, size_t *n)
{
	struct stat st;
	char **names;

	assert_int_equal(root_list(&tree->root, &tree->mem, path, "", &names), 0);
	for (; *names; names++) {
		char *entry = mem_printf(&tree->mem, "%s/%s", strcmp(path, "/") ? path : "", *names);

		assert_int_equal(root_stat(&tree->root, entry, &st), 0);
		if (S_ISDIR(st.st_mode))
			garbage_list(tree, entry, files, n);
		else
			*MEM_PUSH(&tree->mem, *files, *n) = entry;
	}
}

static void garbage_check_file(struct tree *tree, const struct garbage *forms, const char *path, garbage_check *check)
{
	struct detect_request request = { .thorough = true };
	char *text;
	size_t size;

	assert_int_equal(root_read(&tree->root, &tree->mem, path, PATH_READ_MAX, &text, &size), 0);
	for (size_t i = 0; i < GARBAGE_FORMS; i++) {
		struct mem m = MEM_INIT;
		struct facts facts;

		if (forms[i].bytes)
			tree_write_bytes(tree, path, forms[i].bytes, forms[i].size);
		else
			tree_remove(tree, path);
		facts_detect(&tree->root, &m, &request, &facts);
		check(&facts, path, forms[i].name);
		mem_free_all(&m);
	}
	tree_write_bytes(tree, path, text, size);
}

void garbage_check_machine(const char *machine, garbage_check *check)
{
	struct garbage forms[GARBAGE_FORMS];
	struct tree tree;
	char **files = NULL;
	char from[PATH_MAX];
	size_t n = 0;

	tree_open(&tree);
	snprintf(from, sizeof from, "%s/%s", MACHINES_DIR, machine);
	garbage_copy(&tree, from, "/");
	garbage_forms(&tree.mem, forms);
	garbage_list(&tree, "/", &files, &n);
	for (size_t i = 0; i < n; i++)
		garbage_check_file(&tree, forms, files[i], check);
	tree_close(&tree);
}
