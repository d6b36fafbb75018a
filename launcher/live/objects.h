/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_OBJECTS_H
#define ALLOCRUN_LIVE_OBJECTS_H

#include "live/memory.h"

/*
 * The objects that the dynamic loader of a process has loaded, in the order in which
 * it looks symbols up (r_debug.r_map), and what each of them defines. 64-bit programs
 * of our own byte order.
 */
struct live_object {
	uint64_t base;    /* what is added to addresses in the file */
	char *name;       /* as the loader has it; "" for the program itself */
	bool is_apart;    /* in a namespace of its own (dlmopen): it serves nobody outside of it */
	uint64_t dynamic; /* its dynamic section, as the loader has it; an address in memory */
	/* Addresses in memory; 0 = absent. */
	uint64_t symbols, strings, gnu_hash, hash;
};

struct live_objects {
	struct live_object *items;
	size_t n;
	bool is_static;   /* no loader: nothing was preloaded */
	uint64_t loader;  /* the base of the loader itself */
	uint64_t debug;   /* where the list was found: the loader's struct r_debug */
	uint64_t dynamic; /* of what the kernel has executed, by its program headers */
	bool is_direct;   /* that is the loader itself: "ld-linux-x86-64.so.2 PROGRAM" */
};

/* What the kernel told the program at its start: /proc/PID/auxv. */
struct live_auxv {
	uint64_t phdr, phent, phnum, secure; /* phdr: program headers in memory */
	uint64_t base;                       /* of the loader; 0: none, or the loader is the program */
};

/* Pure. -EINVAL when there are no program headers of a 64-bit program, -ENOEXEC: of a 32-bit one. */
int auxv_parse(const char *bytes, size_t size, struct live_auxv *ret);

/*
 * -EFAULT: unreadable, -ELOOP: a list without an end, -EAGAIN: the loader is at work, or
 * has not begun.
 */
int objects_read(struct live_memory *memory, struct mem *m, const struct live_auxv *auxv, struct live_objects *ret);

/* Where the object defines the symbol; 0 = it does not. */
uint64_t object_find(struct live_memory *memory, const struct live_object *object, const char *symbol);

/* For what reads dynamic sections: the address that a value there means, and the tables, into *object. */
uint64_t object_address(const struct live_object *object, uint64_t value);
int object_read_dynamic(struct live_memory *memory, uint64_t dynamic, struct live_object *object);
/*
 * The object of an ELF file that lies in memory at `base`, by its own headers; -ENOEXEC, -EFAULT.
 */
int object_read(struct live_memory *memory, uint64_t base, struct live_object *ret);
/*
 * To what the object's own calls of `symbol` go, where the loader has bound them: each such address to
 * `take` until that is true.
 */
typedef bool object_take(void *user, uint64_t address);
bool object_find_binding(struct live_memory *memory, const struct live_object *object, const char *symbol,
			 object_take *take, void *user);

/* Its GNU build ID in hex, from its notes in memory; NULL = it has none. */
char *object_build_id(struct live_memory *memory, struct mem *m, const struct live_object *object);

#endif
