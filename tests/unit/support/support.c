/* SPDX-License-Identifier: Apache-2.0 */
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

/* The NAME=VALUE lines of a captured machine. */
static const char *const *machine_read_environment(const struct root *root, struct mem *m)
{
	const char **environment = NULL;
	size_t n = 0;
	char *text, *rest;

	if (root_read(root, m, "/environment", PATH_READ_MAX, &text, NULL) == 0) {
		for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			*MEM_PUSH(m, environment, n) = line;
	}
	*MEM_PUSH(m, environment, n) = NULL;
	return environment;
}

static void machine_detect(struct machine *machine)
{
	struct detect_request request = {
		.environment = machine->environment,
		.thorough = true,
	};

	facts_detect(&machine->root, &machine->mem, &request, &machine->facts);
}

void machine_open_with(struct machine *ret, const char *name, const char *const *environment)
{
	char path[PATH_MAX];

	ret->mem = MEM_INIT;
	snprintf(path, sizeof path, "%s/%s", MACHINES_DIR, name);
	if (root_open(path, &ret->root) < 0)
		fail_msg("%s: cannot be opened as a root", path);
	ret->environment = environment ? environment : machine_read_environment(&ret->root, &ret->mem);
	machine_detect(ret);
}

void machine_open(struct machine *ret, const char *name)
{
	machine_open_with(ret, name, NULL);
}

void machine_close(struct machine *machine)
{
	root_close(&machine->root);
	mem_free_all(&machine->mem);
}

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

/* The image that elf_make() fills, and how far. */
struct elf_image {
	unsigned char bytes[16384];
	size_t size;
};

static uint64_t elf_put(struct elf_image *image, const void *bytes, size_t size)
{
	uint64_t at;

	image->size = (image->size + 7) & ~(size_t)7;
	at = image->size;
	assert_true(image->size + size <= sizeof image->bytes);
	memcpy(image->bytes + at, bytes, size);
	image->size += size;
	return at;
}

/* A name in the string table that is being made; its place there. */
static uint64_t elf_put_name(char *names, size_t *n, size_t room, const char *name)
{
	uint64_t at = *n;

	assert_true(*n + strlen(name) + 1 <= room);
	memcpy(names + *n, name, strlen(name) + 1);
	*n += strlen(name) + 1;
	return at;
}

static void elf_put_note(struct elf_image *image, const struct elf_spec *spec, Elf64_Phdr *header)
{
	unsigned char note[12 + 4 + 64] = { 0 };
	uint32_t fields[3] = { 4, (uint32_t)spec->build_id_size, NT_GNU_BUILD_ID };

	memcpy(note, fields, sizeof fields);
	memcpy(note + 12, "GNU", 4);
	memcpy(note + 16, spec->build_id, spec->build_id_size);
	header->p_type = PT_NOTE;
	header->p_filesz = 16 + spec->build_id_size;
	header->p_offset = header->p_vaddr = elf_put(image, note, header->p_filesz);
	header->p_align = 4;
}

static void elf_put_dynamic(struct elf_image *image, const struct elf_spec *spec, Elf64_Phdr *header)
{
	Elf64_Dyn table[64] = { 0 };
	struct {
		Elf64_Verdef definition;
		Elf64_Verdaux name;
	} versions[32] = { 0 };
	char names[4096] = { 0 };
	size_t n = 0, n_names = 1, n_versions = 0;

	if (spec->soname)
		table[n++] = (Elf64_Dyn){ DT_SONAME, { elf_put_name(names, &n_names, sizeof names, spec->soname) } };
	if (spec->runpath)
		table[n++] = (Elf64_Dyn){ DT_RUNPATH, { elf_put_name(names, &n_names, sizeof names, spec->runpath) } };
	for (size_t i = 0; spec->needed && spec->needed[i]; i++)
		table[n++] = (Elf64_Dyn){ DT_NEEDED, { elf_put_name(names, &n_names, sizeof names, spec->needed[i]) } };
	for (; spec->versions && spec->versions[n_versions]; n_versions++) {
		versions[n_versions].definition.vd_version = 1;
		versions[n_versions].definition.vd_cnt = 1;
		versions[n_versions].definition.vd_aux = sizeof(Elf64_Verdef);
		versions[n_versions].definition.vd_next = spec->versions[n_versions + 1] ? sizeof *versions : 0;
		versions[n_versions].name.vda_name = (Elf64_Word)elf_put_name(names, &n_names, sizeof names,
									      spec->versions[n_versions]);
	}
	if (n_versions) {
		table[n++] = (Elf64_Dyn){ DT_VERDEF, { elf_put(image, versions, n_versions * sizeof *versions) } };
		table[n++] = (Elf64_Dyn){ DT_VERDEFNUM, { n_versions } };
	}
	table[n++] = (Elf64_Dyn){ DT_STRTAB, { elf_put(image, names, n_names) } };
	table[n++] = (Elf64_Dyn){ DT_STRSZ, { n_names } };
	n++; /* DT_NULL */
	header->p_type = PT_DYNAMIC;
	header->p_filesz = n * sizeof *table;
	header->p_offset = header->p_vaddr = elf_put(image, table, header->p_filesz);
	header->p_align = 8;
}

unsigned char *elf_make(struct mem *m, const struct elf_spec *spec, size_t *ret_size)
{
	struct elf_image image = { .size = 0 };
	Elf64_Phdr headers[4] = { { 0 } };
	Elf64_Shdr section = { 0 };
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = spec->machine ? spec->machine : EM_X86_64,
		.e_phoff = sizeof header,
		.e_phentsize = sizeof *headers,
		.e_phnum = 1,
		.e_shentsize = sizeof section,
		.e_shnum = 1,
	};
	unsigned char *copy;

	image.size = sizeof header + sizeof headers;
	if (spec->interpreter) {
		Elf64_Phdr *p = &headers[header.e_phnum++];

		p->p_type = PT_INTERP;
		p->p_filesz = strlen(spec->interpreter) + 1;
		p->p_offset = p->p_vaddr = elf_put(&image, spec->interpreter, p->p_filesz);
	}
	if (spec->build_id)
		elf_put_note(&image, spec, &headers[header.e_phnum++]);
	if (!spec->is_static)
		elf_put_dynamic(&image, spec, &headers[header.e_phnum++]);
	headers[0] =
		(Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = image.size, .p_align = spec->align ? spec->align : 4096 };
	header.e_shoff = elf_put(&image, &section, sizeof section);
	memcpy(image.bytes, &header, sizeof header);
	memcpy(image.bytes + sizeof header, headers, sizeof headers);
	copy = mem_alloc(m, image.size);
	memcpy(copy, image.bytes, image.size);
	*ret_size = image.size;
	return copy;
}

const struct elf_spec elf_glibc_program = {
	.interpreter = "/lib64/ld-linux-x86-64.so.2",
	.needed = (const char *const[]){ "libc.so.6", NULL },
};

void tree_write_elf(struct tree *tree, const char *path, const struct elf_spec *spec)
{
	size_t size;
	unsigned char *bytes = elf_make(&tree->mem, spec, &size);

	tree_write_bytes(tree, path, bytes, size);
}

void assert_list_equal(const struct bitmap *b, const char *list)
{
	struct mem m = MEM_INIT;

	assert_string_equal(bitmap_format_list(&m, b), list);
	mem_free_all(&m);
}
