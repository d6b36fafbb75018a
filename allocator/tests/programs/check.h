/* SPDX-License-Identifier: Apache-2.0 */
/* What the test programs share. A failed CHECK says where and what, and ends the
 * program with status 1. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: failed: %s (errno: %s)\n", __FILE__, __LINE__, #condition, \
				strerror(errno)); \
			_exit(1); \
		} \
	} while (0)

/* A test that the library under test does not serve proves nothing: the file that
 * gives the process its FUNCTION must be the one in $EXPECT_LIBRARY. */
static inline void check_served(const char *function)
{
	const char *expected = getenv("EXPECT_LIBRARY");
	void *address = dlsym(RTLD_DEFAULT, function);
	Dl_info info;

	CHECK(expected != NULL);
	CHECK(address != NULL);
	CHECK(dladdr(address, &info) != 0);
	if (strcmp(info.dli_fname, expected) != 0) {
		fprintf(stderr, "%s comes from %s, not from %s\n", function, info.dli_fname, expected);
		_exit(1);
	}
}

/* Run by an emulator of another machine, which has threads, memory and limits of its
 * own: some of what a process can see of itself is not the program's. */
static inline int is_emulated(void)
{
	return getenv("EMULATED") != NULL;
}

static inline int is_aligned(const void *p, size_t alignment)
{
	return ((uintptr_t)p & (alignment - 1)) == 0;
}

/* A size that cannot be had, hidden from the compiler's own opinion of it. */
static inline size_t impossible_size(void)
{
	volatile size_t size = (size_t)1 << 62;
	return size;
}

#endif
