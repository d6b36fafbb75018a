/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library that does nothing: what counts is its name, what it needs, and whether it has a
 * malloc: none, one that serves (WITH_MALLOC), or one that hands on to the next (WITH_WRAPPER).
 */
int empty_library_is_loaded;

#if defined WITH_MALLOC
#include <stddef.h>

void *__libc_malloc(size_t size);
void __libc_free(void *block);
void *malloc(size_t size);
void free(void *block);

void *malloc(size_t size)
{
	return __libc_malloc(size);
}

void free(void *block)
{
	__libc_free(block);
}
#elif defined WITH_WRAPPER
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

void *malloc(size_t size)
{
	void *(*next)(size_t) = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");

	return next(size);
}

void free(void *block)
{
	void (*next)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "free");

	next(block);
}
#endif
