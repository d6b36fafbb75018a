/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_ELF_READER_H
#define ALLOCRUN_PROGRAM_ELF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/* The headers of an ELF file at `path` below the root; ret->problem says what is wrong. */
void elf_read(const struct root *root, struct mem *m, const char *path, struct elf_facts *ret);
/* The same from memory: `size` bytes of the file. Pure; the fuzzer's entry. */
void elf_parse(struct mem *m, const unsigned char *bytes, size_t size, struct elf_facts *ret);

/*
 * The bytes of an ELF file, wherever they lie: in memory as a whole, or in a file of
 * which only the pieces that are asked for are read. Nothing in an ELF file is
 * trusted: every offset and length goes through elf_view(), which knows the end.
 */
#define ELF_HEAD_SIZE (4 * 1024)
#define ELF_WINDOW_SIZE (8 * 1024)

struct elf_reader {
	const unsigned char *bytes; /* the whole file; NULL = read from fd */
	int fd;
	uint64_t size;      /* of the file */
	struct stat status; /* the file's, when it is one */
	size_t head_size;
	uint64_t window_start;
	size_t window_size;
	unsigned char head[ELF_HEAD_SIZE];
	unsigned char window[ELF_WINDOW_SIZE];
};

/* An ELF file whose header was understood. */
struct elf_file {
	struct elf_reader *reader;
	bool is_64;
	bool is_swapped; /* the other byte order than ours */
	uint64_t phoff;
	unsigned int phnum, phentsize;
	/* From PT_DYNAMIC, as file offsets; 0 = absent. */
	uint64_t dynamic, dynamic_size;
	uint64_t strings, strings_size;
	uint64_t verdef, verdef_count;
	uint64_t verneed, verneed_count;
	uint64_t symbols, hash, gnu_hash;
};

/* -errno of open, fstat or read; -ENODATA when it is empty, -EISDIR for a folder. */
int elf_reader_open(const struct root *root, const char *path, struct elf_reader *ret);
void elf_reader_close(struct elf_reader *reader);

/* `length` bytes at `offset`, good until the next call; NULL beyond the end of the file. */
const unsigned char *elf_view(struct elf_reader *reader, uint64_t offset, size_t length);

/* As elf_parse() for a reader; *ret_file can be given to the functions below afterwards. */
void elf_parse_reader(struct elf_reader *reader, struct mem *m, struct elf_facts *ret, struct elf_file *ret_file);
/* A string of the dynamic string table, NULL when there is none at this place. */
char *elf_dynamic_string(const struct elf_file *file, struct mem *m, uint64_t offset);

/*
 * The highest N of the version definitions GLIBC_2.N: what a libc.so.6 offers.
 * -ENODATA when it defines none.
 */
int elf_glibc_minor(const struct elf_file *file, struct mem *m, int64_t *ret);
/* The highest N of the versions GLIBC_2.N that a library asks for; -ENODATA: none. */
int elf_glibc_needed(const struct elf_file *file, struct mem *m, int64_t *ret);

/* Is the function or variable among the dynamic symbols: defined here, or asked of others? */
bool elf_defines(const struct elf_file *file, const char *symbol);
bool elf_asks_for(const struct elf_file *file, const char *symbol);

/* Of a name, as DT_GNU_HASH has it. */
uint32_t elf_hash_gnu(const char *name);

uint16_t elf_get16(const struct elf_file *file, const unsigned char *at);
uint32_t elf_get32(const struct elf_file *file, const unsigned char *at);
uint64_t elf_get64(const struct elf_file *file, const unsigned char *at);

#endif
