/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _dl_find_object for a library that brings its unwinder along.
 *
 * Heap profiling unwinds the stack with libgcc's unwinder, linked in because slim
 * images lack libgcc_s. As built on a present-day system it calls _dl_find_object,
 * which glibc has from 2.35 on and musl not at all. The unwinder is bound to this
 * function instead: glibc's own where there is one, for it takes no lock; elsewhere a
 * walk over the loaded objects, which is what libgcc did before.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* glibc's struct dl_find_object, as it is on 64-bit x86 and ARM. */
struct found_object {
	unsigned long long flags;
	void *map_start, *map_end;
	struct link_map *link_map;
	void *eh_frame;
	unsigned long long reserved[7];
};

typedef int (*find_object)(void *address, struct found_object *ret);

/* By another name in C: newer headers declare it with their own struct. */
int find_object_of(void *address, struct found_object *ret) __asm__("_dl_find_object");

static find_object libc_find_object;

/* After our own relocations, and before the program has threads. */
static void __attribute__((constructor)) find_libc_function(void)
{
	libc_find_object = (find_object)dlsym(RTLD_NEXT, "_dl_find_object");
	/* A program that asks later is not to hear of this. */
	(void)dlerror();
}

struct search {
	uintptr_t address;
	struct found_object *ret;
};

static int search_object(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct search *search = argument;
	uintptr_t eh_frame = 0, start = 0, end = 0;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t to = from + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			eh_frame = from;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && search->address >= from && search->address < to) {
			start = from;
			end = to;
		}
	}
	if (!end)
		return 0;
	if (!eh_frame)
		return -1;
	*search->ret = (struct found_object){
		.map_start = (void *)start,
		.map_end = (void *)end,
		.eh_frame = (void *)eh_frame,
	};
	return 1;
}

int find_object_of(void *address, struct found_object *ret)
{
	struct search search = { (uintptr_t)address, ret };

	if (libc_find_object)
		return libc_find_object(address, ret);
	return dl_iterate_phdr(search_object, &search) == 1 ? 0 : -1;
}
