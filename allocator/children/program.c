/* SPDX-License-Identifier: Apache-2.0 */
#include "children.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "known/inheritance.h"

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __aarch64__
#define OWN_MACHINE EM_AARCH64
#else
#error "no machine of the bundled builds"
#endif

/* What a file may say before it counts as unknown. */
#define HEADERS_MOST 32
#define DYNAMIC_MOST 256
#define NEEDED_MOST 128
#define CHAIN_MOST 4096
#define SCRIPTS_MOST 5 /* the kernel's limit of "#!" levels */
#define SCRIPT_LINE 256

enum libc { LIBC_NONE, LIBC_GLIBC, LIBC_MUSL, LIBC_OTHER };

/* Of glibc; musl has none. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

struct program {
	int fd;
	uint64_t start;
	size_t size;
	unsigned char window[512];
	Elf64_Phdr headers[HEADERS_MOST];
	size_t n_headers;
	/* From PT_DYNAMIC, as addresses; 0: absent. */
	uint64_t strings, symbols, hash, gnu_hash;
	uint64_t needed[NEEDED_MOST];
	size_t n_needed;
};

/* Up to `size` bytes at `offset`; how many there are. */
static size_t program_copy(struct program *p, uint64_t offset, void *ret, size_t size)
{
	size_t n;

	if (size > sizeof p->window) {
		long r = syscall(SYS_pread64, p->fd, ret, size, offset);

		return r > 0 ? (size_t)r : 0;
	}
	if (offset < p->start || offset > p->start + p->size || p->start + p->size - offset < size) {
		long r = syscall(SYS_pread64, p->fd, p->window, sizeof p->window, offset);

		p->start = offset;
		p->size = r > 0 ? (size_t)r : 0;
	}
	n = p->size - (size_t)(offset - p->start);
	n = n < size ? n : size;
	memcpy(ret, p->window + (offset - p->start), n);
	return n;
}

static bool program_get(struct program *p, uint64_t offset, void *ret, size_t size)
{
	return program_copy(p, offset, ret, size) == size;
}

/* The beginning of a string, as long as there is room. */
static bool program_string(struct program *p, uint64_t offset, char *ret, size_t size)
{
	size_t n = program_copy(p, offset, ret, size - 1);

	ret[n] = '\0';
	return n > 0;
}

/* An address of the loaded program as an offset in the file; 0: there is none. */
static uint64_t program_offset(const struct program *p, uint64_t address)
{
	for (size_t i = 0; i < p->n_headers; i++) {
		const Elf64_Phdr *h = &p->headers[i];

		if (h->p_type == PT_LOAD && address >= h->p_vaddr && address - h->p_vaddr < h->p_filesz)
			return h->p_offset + (address - h->p_vaddr);
	}
	return 0;
}

const char *children_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static enum libc libc_of(const char *loader)
{
	static const char glibc[][9] = { "ld-linux", "ld64.so.", "ld.so.", "ld-2." };
	const char *name = children_basename(loader);

	if (strncmp(name, "ld-musl-", strlen("ld-musl-")) == 0)
		return LIBC_MUSL;
	for (size_t i = 0; i < sizeof glibc / sizeof *glibc; i++) {
		if (strncmp(name, glibc[i], strlen(glibc[i])) == 0)
			return LIBC_GLIBC;
	}
	return LIBC_OTHER;
}

static enum libc libc_own(void)
{
	return gnu_get_libc_version ? LIBC_GLIBC : LIBC_MUSL;
}

static const Elf64_Phdr *program_header(const struct program *p, uint32_t type)
{
	for (size_t i = 0; i < p->n_headers; i++) {
		if (p->headers[i].p_type == type)
			return &p->headers[i];
	}
	return NULL;
}

static bool program_read_dynamic(struct program *p, const Elf64_Phdr *h)
{
	for (size_t i = 0; i < DYNAMIC_MOST && (i + 1) * sizeof(Elf64_Dyn) <= h->p_filesz; i++) {
		Elf64_Dyn d;

		if (!program_get(p, h->p_offset + i * sizeof d, &d, sizeof d))
			return false;
		switch (d.d_tag) {
		case DT_NULL:
			return true;
		case DT_STRTAB:
			p->strings = d.d_un.d_val;
			break;
		case DT_SYMTAB:
			p->symbols = d.d_un.d_val;
			break;
		case DT_HASH:
			p->hash = d.d_un.d_val;
			break;
		case DT_GNU_HASH:
			p->gnu_hash = d.d_un.d_val;
			break;
		case DT_NEEDED:
			if (p->n_needed < NEEDED_MOST)
				p->needed[p->n_needed++] = d.d_un.d_val;
			break;
		}
	}
	return true;
}

static bool program_needs_malloc(struct program *p)
{
	uint64_t strings = program_offset(p, p->strings);

	for (size_t i = 0; strings && i < p->n_needed; i++) {
		char name[64];

		if (program_string(p, strings + p->needed[i], name, sizeof name) && inheritance_has_malloc(name))
			return true;
	}
	return false;
}

/* Is the symbol at this place `name`, and defined? */
static bool program_is_definition(struct program *p, uint64_t index, const char *name)
{
	Elf64_Sym symbol;
	char found[16];

	return program_get(p, program_offset(p, p->symbols) + index * sizeof symbol, &symbol, sizeof symbol) &&
	       symbol.st_shndx != SHN_UNDEF &&
	       program_string(p, program_offset(p, p->strings) + symbol.st_name, found, sizeof found) &&
	       strcmp(found, name) == 0;
}

static bool program_defines_by_gnu_hash(struct program *p, const char *name)
{
	uint64_t at = program_offset(p, p->gnu_hash), word, chains;
	uint32_t head[4], hash = 5381, index, link; /* buckets, first symbol, words of the filter, its shift */

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!at || !program_get(p, at, head, sizeof head) || !head[0] || !head[2])
		return false;
	at += sizeof head;
	if (!program_get(p, at + hash / 64 % head[2] * 8, &word, sizeof word) || !(word >> hash % 64 & 1) ||
	    !(word >> (hash >> (head[3] & 31)) % 64 & 1))
		return false;
	at += (uint64_t)head[2] * 8;
	chains = at + (uint64_t)head[0] * 4;
	if (!program_get(p, at + hash % head[0] * 4, &index, sizeof index) || index < head[1])
		return false;
	for (int i = 0; i < CHAIN_MOST && program_get(p, chains + (uint64_t)(index - head[1]) * 4, &link, sizeof link);
	     i++, index++) {
		if ((link | 1) == (hash | 1) && program_is_definition(p, index, name))
			return true;
		if (link & 1)
			break;
	}
	return false;
}

static bool program_defines_by_hash(struct program *p, const char *name)
{
	uint64_t at = program_offset(p, p->hash);
	uint32_t head[2], hash = 0, index; /* buckets, symbols */

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (!at || !program_get(p, at, head, sizeof head) || !head[0] ||
	    !program_get(p, at + 8 + hash % head[0] * 4, &index, sizeof index))
		return false;
	for (int i = 0; index && i < CHAIN_MOST; i++) {
		if (program_is_definition(p, index, name))
			return true;
		if (!program_get(p, at + 8 + ((uint64_t)head[0] + index) * 4, &index, sizeof index))
			break;
	}
	return false;
}

/* Of its own, or of an allocator or a sanitizer that it is linked with. */
static bool program_has_malloc(struct program *p)
{
	const Elf64_Phdr *dynamic = program_header(p, PT_DYNAMIC);

	if (!dynamic || !program_read_dynamic(p, dynamic))
		return false;
	if (program_needs_malloc(p))
		return true;
	return p->gnu_hash ? program_defines_by_gnu_hash(p, "malloc") : program_defines_by_hash(p, "malloc");
}

/*
 * Static programs that only execute another one, which is to have what we have. What other static
 * programs execute no library sees.
 */
static bool program_hands_on(const char *file)
{
	static const char names[][16] = { "catatonit", "docker-init", "dumb-init", "gosu", "su-exec",
					  "tini",      "tini-static", "uv",        "uvx" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(names[i], children_basename(file)) == 0)
			return true;
	}
	return false;
}

static bool program_read_headers(struct program *p, const Elf64_Ehdr *elf)
{
	if (elf->e_phentsize != sizeof *p->headers || elf->e_phnum > HEADERS_MOST ||
	    !program_get(p, elf->e_phoff, p->headers, elf->e_phnum * sizeof *p->headers))
		return false;
	p->n_headers = elf->e_phnum;
	return true;
}

/* By its headers; what cannot be read is as good as what we have. */
static bool program_elf_bears(struct program *p, const char *file)
{
	const Elf64_Phdr *interpreter;
	char loader[256];
	Elf64_Ehdr elf;

	if (!program_get(p, 0, &elf, sizeof elf))
		return true;
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_machine != OWN_MACHINE)
		return false;
	if (!program_read_headers(p, &elf))
		return true;
	interpreter = program_header(p, PT_INTERP);
	/* A loader that is given its program is none of the static ones. */
	if (!interpreter)
		return program_hands_on(file) || libc_of(file) == libc_own();
	if (!program_string(p, interpreter->p_offset, loader, sizeof loader))
		return true;
	/* It hands our environment to programs of another machine. */
	if (strncmp(children_basename(file), "qemu-", strlen("qemu-")) == 0)
		return false;
	return libc_of(loader) == libc_own() && !program_has_malloc(p);
}

/* The interpreter of "#! INTERPRETER [ARGUMENT]"; false: there is none. */
static bool program_script(struct program *p, char *ret, size_t size)
{
	char line[SCRIPT_LINE + 1];
	const char *name;
	size_t n;

	if (!program_string(p, 0, line, sizeof line) || strncmp(line, "#!", 2) != 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	name = line + 2 + strspn(line + 2, " \t");
	n = strcspn(name, " \t");
	if (n == 0 || n >= size)
		return false;
	memcpy(ret, name, n);
	ret[n] = '\0';
	return true;
}

/* A device is not opened: that may do something. */
static int program_open(int folder, const char *file)
{
	struct stat status;

	if (syscall(SYS_newfstatat, folder, file, &status, 0) != 0 || !S_ISREG(status.st_mode))
		return -1;
	return (int)syscall(SYS_openat, folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* -1: not to be found, or not to be read. Its frame is gone before the file is read. */
__attribute__((noinline)) static int program_search(const char *file)
{
	const char *folders = getenv("PATH");
	char path[PATH_MAX];

	if (!folders)
		folders = "/bin:/usr/bin";
	for (;; folders++) {
		size_t n = strcspn(folders, ":"), length = strlen(file);
		struct stat status;

		if (n + length + 2 <= sizeof path) {
			memcpy(path, folders, n);
			path[n] = '/';
			memcpy(path + n + (n > 0), file, length + 1);
			if (syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0 && S_ISREG(status.st_mode) &&
			    syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0)
				return program_open(AT_FDCWD, path);
		}
		folders += n;
		if (!*folders)
			return -1;
	}
}

/* Through its "#!" lines. */
static bool program_chain_bears(struct program *p, const char *file, bool is_own)
{
	char interpreter[SCRIPT_LINE];
	bool bears = true;

	for (int i = 0; i < SCRIPTS_MOST; i++) {
		unsigned char magic[SELFMAG];

		p->start = p->size = p->n_headers = p->n_needed = 0;
		p->strings = p->symbols = p->hash = p->gnu_hash = 0;
		if (!program_get(p, 0, magic, sizeof magic)) {
			bears = true;
		} else if (memcmp(magic, ELFMAG, SELFMAG) == 0) {
			bears = program_elf_bears(p, file);
		} else {
			/* Without a line it is the shell's. */
			if (!program_script(p, interpreter, sizeof interpreter))
				memcpy(interpreter, _PATH_BSHELL, sizeof _PATH_BSHELL);
			file = interpreter;
			if (is_own)
				syscall(SYS_close, p->fd);
			p->fd = program_open(AT_FDCWD, file);
			is_own = true;
			if (p->fd < 0)
				return true;
			continue;
		}
		break;
	}
	if (is_own)
		syscall(SYS_close, p->fd);
	return bears;
}

bool program_bears(const struct target *target)
{
	struct program p;

	if (target->is_open && !*target->file)
		p.fd = target->folder;
	else if (target->is_searched && *target->file && !strchr(target->file, '/'))
		p.fd = program_search(target->file);
	else
		p.fd = program_open(target->folder, target->file);
	if (p.fd < 0)
		return true;
	return program_chain_bears(&p, target->file, p.fd != target->folder);
}
