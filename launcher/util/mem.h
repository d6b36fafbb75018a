/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_MEM_H
#define ALLOCRUN_UTIL_MEM_H

#include <stdarg.h>
#include <stddef.h>

/*
 * A pool of memory that lives as long as one run: facts, options and the plan
 * are built in it and dropped together. Each piece is its own malloc, so that
 * AddressSanitizer sees overruns. When memory runs out the process ends with
 * 125 and one line: there is nothing left to decide with.
 */
struct mem_block;
struct mem_shared;
struct mem {
	struct mem_block *blocks;
	struct mem_shared *shared; /* NULL, or where all of it comes from */
};

#define MEM_INIT ((struct mem){ NULL, NULL })

/*
 * Without memory: `last_resort` (NULL = none), which must not ask for any, then the end with
 * `status`. At first 125 and nothing.
 */
void mem_at_end(int status, void (*last_resort)(void));

/*
 * Memory that is shared with children forked from here on: what they put there through the pool
 * mem_of_shared(), with pointers from one to another, is here as it is there. A stock of `size`
 * bytes, which cost nothing before they are touched; there is no more, and whoever asks for more ends
 * as without memory. Owned by the pool `m`. NULL: there is none to be had.
 */
struct mem_shared *mem_share(struct mem *m, size_t size);
struct mem mem_of_shared(struct mem_shared *shared);
/* How much of it is in use; from here on no more than `more` is given; what is in use beyond `used` is free again. */
size_t mem_shared_used(const struct mem_shared *shared);
void mem_shared_limit(struct mem_shared *shared, size_t more);
void mem_shared_rewind(struct mem_shared *shared, size_t used);

/* Zeroed bytes, owned by the pool. Never NULL. */
void *mem_alloc(struct mem *m, size_t size);
void *mem_dup(struct mem *m, const void *bytes, size_t size);
char *mem_strdup(struct mem *m, const char *s);
char *mem_strndup(struct mem *m, const char *s, size_t n);
char *mem_printf(struct mem *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *mem_vprintf(struct mem *m, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Adds one zeroed element at the end of *array and returns it; *array may move. */
void *mem_append(struct mem *m, void *array, size_t *count, size_t size);

/* mem_append() for a typed pointer: MEM_PUSH(m, facts->gpus, facts->n_gpus)->id = 3 */
#define MEM_PUSH(m, array, count) ((__typeof__(array))mem_append((m), &(array), &(count), sizeof *(array)))

/* What belongs to `from` belongs to `m` from now on; `from` is empty. */
void mem_absorb(struct mem *m, struct mem *from);

void mem_free_all(struct mem *m);

#endif
