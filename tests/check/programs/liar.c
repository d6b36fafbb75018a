/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liar WAY LIBRARY: glibc serves malloc in it, and it shows a list of objects in which LIBRARY does.
 *
 *   mapped    the library's file is mapped by hand, never set up; its entry is made up
 *   loaded    the library is loaded by dlopen(3) (jemalloc: GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384), and
 * its entry stands first in a list made by hand debug     the same, and DT_DEBUG points to a struct r_debug of its own
 *   headers   the same, and the kernel has other program headers of it, with a dynamic section of its own
 *   alone     as loaded, and nothing else is in the list
 *   honest    nothing of the kind
 *
 * "done", then it waits.
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ENTRIES_MAX 64

static struct link_map entries[ENTRIES_MAX];
static Elf64_auxv_t auxv[64];

/* Its segments, as a loader would, and no more. */
static struct link_map map_by_hand(const char *path)
{
	int fd = open(path, O_RDONLY);
	Elf64_Phdr headers[16];
	Elf64_Ehdr header;
	struct link_map map = { 0 };
	char *base = NULL;

	if (fd < 0 || pread(fd, &header, sizeof header, 0) != sizeof header ||
	    pread(fd, headers, header.e_phnum * sizeof *headers, (off_t)header.e_phoff) < 0)
		exit(1);
	base = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (int i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr *h = &headers[i];
		uint64_t page = h->p_vaddr & ~4095ull, end = h->p_vaddr + h->p_memsz;

		if (h->p_type == PT_DYNAMIC)
			map.l_ld = (Elf64_Dyn *)(base + h->p_vaddr);
		if (h->p_type != PT_LOAD)
			continue;
		mmap(base + page, end - page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		mmap(base + page, h->p_vaddr + h->p_filesz - page,
		     h->p_flags & PF_W ? PROT_READ | PROT_WRITE : PROT_READ | (h->p_flags & PF_X ? PROT_EXEC : 0),
		     MAP_PRIVATE | MAP_FIXED, fd, (off_t)(h->p_offset - (h->p_vaddr - page)));
	}
	map.l_addr = (uintptr_t)base;
	map.l_name = (char *)path;
	return map;
}

static struct link_map load(const char *path)
{
	struct link_map *map = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!map) {
		puts(dlerror());
		exit(1);
	}
	return *map;
}

/* The program's own first, then the library, then all others. */
static struct link_map *make_list(const struct link_map *real, struct link_map library, int has_others)
{
	size_t n = 0;

	entries[n++] = *real;
	entries[n++] = library;
	for (const struct link_map *one = real->l_next; has_others && one && n < ENTRIES_MAX; one = one->l_next) {
		if (one->l_addr != library.l_addr)
			entries[n++] = *one;
	}
	for (size_t i = 0; i < n; i++) {
		entries[i].l_next = i + 1 < n ? &entries[i + 1] : NULL;
		entries[i].l_prev = i ? &entries[i - 1] : NULL;
	}
	return entries;
}

/* The loader's own; the program's symbol _r_debug may be a copy of it. */
static struct r_debug *find_debug(void)
{
	for (const Elf64_Dyn *one = _DYNAMIC; one->d_tag != DT_NULL; one++) {
		if (one->d_tag == DT_DEBUG)
			return (struct r_debug *)one->d_un.d_ptr;
	}
	exit(1);
}

static void make_writable(void *at)
{
	mprotect((void *)((uintptr_t)at & ~4095ul), 8192, PROT_READ | PROT_WRITE);
}

/* Program headers of its own for the kernel to tell of, behind a page that is a copy of the first. */
static void change_headers(struct r_debug *debug)
{
	static struct prctl_mm_map mm = { 0 };
	static Elf64_Phdr headers[32];
	static Elf64_Dyn dynamic[2];
	uint64_t at = getauxval(AT_PHDR), n = getauxval(AT_PHNUM), base = 0;
	FILE *stat = fopen("/proc/self/stat", "r");
	unsigned long f[52] = { 0 };
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t size = read(fd, auxv, sizeof auxv);

	memcpy(headers, (void *)at, n * sizeof *headers);
	dynamic[0] = (Elf64_Dyn){ .d_tag = DT_DEBUG, .d_un.d_ptr = (uintptr_t)debug };
	for (uint64_t i = 0; i < n; i++) {
		if (headers[i].p_type == PT_PHDR) {
			base = at - headers[i].p_vaddr;
			headers[i].p_vaddr = (uintptr_t)headers - base;
		}
	}
	for (uint64_t i = 0; i < n; i++) {
		if (headers[i].p_type == PT_DYNAMIC)
			headers[i].p_vaddr = (uintptr_t)dynamic - base;
	}
	for (size_t i = 0; i < (size_t)size / sizeof *auxv; i++) {
		if (auxv[i].a_type == AT_PHDR)
			auxv[i].a_un.a_val = (uintptr_t)headers;
	}
	if (!stat || fscanf(stat, "%*d %*s %*c") < 0)
		exit(1);
	for (int i = 4; i < 52; i++)
		if (fscanf(stat, "%lu", &f[i]) != 1)
			exit(1);
	mm.start_code = f[26];
	mm.end_code = f[27];
	mm.start_stack = f[28];
	mm.start_data = f[45];
	mm.end_data = f[46];
	mm.start_brk = f[47];
	mm.brk = (uintptr_t)sbrk(0);
	mm.arg_start = f[48];
	mm.arg_end = f[49];
	mm.env_start = f[50];
	mm.env_end = f[51];
	mm.auxv = (void *)auxv;
	mm.auxv_size = (uint32_t)size;
	mm.exe_fd = (uint32_t)-1;
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &mm, sizeof mm, 0) < 0) {
		perror("PR_SET_MM_MAP");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static struct r_debug debug;
	struct r_debug *real = find_debug();
	const char *way = argc > 1 ? argv[1] : "honest";
	struct link_map *list = NULL;

	if (argc < 3)
		return 2;
	if (strcmp(way, "honest") != 0)
		list = make_list(real->r_map, strcmp(way, "mapped") == 0 ? map_by_hand(argv[2]) : load(argv[2]),
				 strcmp(way, "alone") != 0);
	debug = *real;
	debug.r_version = 1;
	debug.r_map = list;
	if (strcmp(way, "mapped") == 0 || strcmp(way, "loaded") == 0 || strcmp(way, "alone") == 0)
		real->r_map = list;
	if (strcmp(way, "headers") == 0)
		change_headers(&debug);
	for (Elf64_Dyn *one = _DYNAMIC; strcmp(way, "debug") == 0 && one->d_tag != DT_NULL; one++) {
		if (one->d_tag == DT_DEBUG) {
			make_writable(one);
			one->d_un.d_ptr = (uintptr_t)&debug;
		}
	}
	free(malloc(100));
	puts("done");
	fflush(stdout);
	for (;;)
		pause();
}
