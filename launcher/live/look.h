/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_LOOK_H
#define ALLOCRUN_LIVE_LOOK_H

#include "live/context.h"
#include "live/objects.h"

/* What serving_detect() and its parts share: one process that is looked into. */
struct serving {
	struct live_context *c;
	struct live_process *process;
	const struct live_program *program;
	struct live_memory *memory;
	struct live_objects objects;
	uint64_t malloc_base; /* of the object that serves malloc; 0 = nobody */
	const char *maps;     /* text of /proc/PID/maps; NULL = unreadable */
	const char *folder;   /* /proc/PID */
};

/*
 * Does what the process shows bear out that the bundled build serves malloc? NULL, or what contradicts it:
 * text without a pool.
 */
const char *proof_find_doubt(struct serving *s, const struct live_auxv *auxv);
/* With a doubt (NULL: none) nobody is known to serve malloc. */
void serving_doubt(struct serving *s, const char *doubt);
/* Is the allocator of the table set up? An answer only where the table says where to look. */
enum tristate proof_is_initialised(struct live_memory *memory, const struct symtab *table, uint64_t base);

/* Between exec and the loader's last step there is nothing to see; it takes milliseconds. */
#define SERVING_TRIES 40

/* Fills library->build and is_impostor; the library's other fields are there. */
void serving_find_build(struct serving *s, const struct live_object *object, struct live_library *library);
/*
 * The options in force of the allocator that serves malloc, its threads and its counters,
 * into the process. Nothing where the build does not say where they are.
 */
void serving_read_options(struct serving *s);

#endif
