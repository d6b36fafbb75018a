/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does LIBRARY serve malloc under this loader, with this environment and user?
 *
 *   LOADER probe LIBRARY        for the launcher (apply/trial.c), before it starts a command
 *
 * A program without a libc of its own: its functions are those of what LD_PRELOAD brings, so
 * that one file serves every libc of a machine, and where LIBRARY did not come the loader itself
 * says why and that there is no malloc. Ends with a PROBE_ status.
 */
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/status.h"

#define SMALL 100
#define LARGE (3 << 20) /* not from a cache or a slab of any allocator: newly mapped */

__attribute__((visibility("hidden"), used, noreturn)) void probe_main(uintptr_t *stack);

/* The loader jumps here with argc, argv and the environment on the stack. */
#if defined __x86_64__
__asm__(".text\n.globl probe_start\n.type probe_start, @function\nprobe_start:\n"
	"\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall probe_main\n");
#elif defined __aarch64__
__asm__(".text\n.globl probe_start\n.type probe_start, %function\nprobe_start:\n"
	"\tmov x29, xzr\n\tmov x0, sp\n\tbl probe_main\n");
#else
#error "no entry point for this machine"
#endif

/* Without a loader of its own glibc's would take it for a static program, and execute it. */
__attribute__((section(".interp"), used)) static const char probe_interpreter[] = "/the/loader/of/the/command";

struct owner {
	uintptr_t address;
	const char *name; /* of the object, as the loader calls it */
};

static int probe_find(struct dl_phdr_info *object, size_t size, void *data)
{
	struct owner *owner = data;

	(void)size;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || owner->address < start ||
		    owner->address - start >= segment->p_memsz)
			continue;
		owner->name = object->dlpi_name;
		return 1;
	}
	return 0;
}

static void probe_check_owner(uintptr_t function, const char *library)
{
	struct owner owner = { function, "" };

	dl_iterate_phdr(probe_find, &owner);
	if (strcmp(owner.name, library) == 0)
		return;
	/* What cannot be told changes nothing in the status. */
	if (write(STDOUT_FILENO, owner.name, strlen(owner.name)) < 0)
		_exit(PROBE_OTHER);
	_exit(PROBE_OTHER);
}

static void probe_take_memory(size_t size)
{
	volatile char *block = malloc(size);

	if (!block)
		_exit(PROBE_NO_MEMORY);
	block[0] = block[size - 1] = 1;
	free((void *)(uintptr_t)block);
}

void probe_main(uintptr_t *stack)
{
	const char *library = stack[0] == 2 ? (const char *)stack[2] : "";

	probe_check_owner((uintptr_t)malloc, library);
	probe_check_owner((uintptr_t)free, library);
	probe_take_memory(SMALL);
	probe_take_memory(LARGE);
	_exit(PROBE_SERVES);
}
