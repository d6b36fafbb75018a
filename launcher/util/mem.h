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
struct mem {
	struct mem_block *blocks;
};

#define MEM_INIT ((struct mem){ NULL })

/*
 * Without memory: `last_resort` (NULL = none), which must not ask for any, then the end with
 * `status`. At first 125 and nothing.
 */
void mem_at_end(int status, void (*last_resort)(void));

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
