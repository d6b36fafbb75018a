/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_MALLOC_FILES_H
#define ALLOCRUN_PROGRAM_MALLOC_FILES_H

#include "facts/machine.h"
#include "facts/request.h"
#include "program/elf_reader.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * Who defines malloc: by symbols, whatever a file is called. An allocator that is known by its
 * name and has its malloc in a library of its own (tbbmalloc's proxy) is for decide/ld_preload.h.
 */

/* Of a file that was understood; never MALLOC_UNREAD. */
enum malloc_role malloc_role_of(const struct elf_file *file);

/* The libraries that the command's loader loads with it, below what DT_NEEDED names: command->libraries. */
void malloc_detect_libraries(const struct root *root, struct mem *m, const struct detect_request *request,
			     struct command_facts *command);
/* The entries of LD_PRELOAD, and of /etc/ld.so.preload in `file` (NULL = none), as the command would load them. */
void malloc_detect_preloads(const struct root *root, struct mem *m, const struct detect_request *request,
			    const struct command_facts *command, const char *file, struct malloc_files *ret);

#endif
