/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_SUPPORT_H
#define ALLOCRUN_TEST_SUPPORT_H

/* cmocka.h wants these before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facts/machine.h"
#include "util/bitmap.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * A captured machine of tests/machines, opened as the root of all reads, with its facts.
 * `environment` has the lines of the folder's file of that name, empty without one.
 */
struct machine {
	struct root root;
	struct mem mem;
	const char *const *environment;
	struct facts facts;
};

void machine_open(struct machine *ret, const char *name);
/* What machine_open() detects: all, or what a launch looks at. True at the start. */
extern bool machine_is_thorough;
/* The same with other variables than the folder's. NULL-terminated. */
void machine_open_with(struct machine *ret, const char *name, const char *const *environment);
void machine_close(struct machine *machine);

/* A temporary folder that a test fills and reads as a root. Everything fails the test. */
struct tree {
	char path[64];
	struct root root;
	struct mem mem;
};

void tree_open(struct tree *ret);
void tree_close(struct tree *tree);
/* `path` begins with a slash; its folders are made. */
void tree_write(struct tree *tree, const char *path, const char *text);
void tree_write_bytes(struct tree *tree, const char *path, const void *bytes, size_t size);
void tree_symlink(struct tree *tree, const char *path, const char *target);
void tree_mkdir(struct tree *tree, const char *path);
void tree_chmod(struct tree *tree, const char *path, unsigned int mode);
void tree_remove(struct tree *tree, const char *path);
/* The path outside of the root, in the tree's pool. */
char *tree_outside(struct tree *tree, const char *path);

/* Forms in which a file can be garbage: each gives the bytes and what they are called. */
struct garbage {
	const char *name;
	const char *bytes; /* NULL: the file is missing */
	size_t size;
};

#define GARBAGE_FORMS 6
void garbage_forms(struct mem *m, struct garbage ret[GARBAGE_FORMS]);

typedef void garbage_check(const struct facts *facts, const char *path, const char *form);

/*
 * Detects the machine once for each of its files and each form, with that one file
 * replaced, and has the facts checked.
 */
void garbage_check_machine(const char *machine, garbage_check *check);

/* A small 64-bit ELF file of the host's byte order, made up. NULL or 0 = without. */
struct elf_spec {
	uint16_t machine; /* EM_…; 0 = EM_X86_64 */
	const char *interpreter;
	const char *soname;
	const char *runpath;
	const char *const *needed;   /* NULL-terminated */
	const char *const *versions; /* names of version definitions, NULL-terminated */
	const char *const *symbols;  /* what it defines, NULL-terminated; "?NAME": what it asks for */
	const unsigned char *build_id;
	size_t build_id_size;
	uint64_t align; /* of the PT_LOAD; 0 = 4096 */
	bool is_static; /* no PT_DYNAMIC */
};

unsigned char *elf_make(struct mem *m, const struct elf_spec *spec, size_t *ret_size);
void tree_write_elf(struct tree *tree, const char *path, const struct elf_spec *spec);
/* A program that glibc's loader starts. */
extern const struct elf_spec elf_glibc_program;

void assert_list_equal(const struct bitmap *b, const char *list);

#endif
