/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_INHERITANCE_H
#define ALLOCRUN_KNOWN_INHERITANCE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a launch leaves in the environment, for who takes the preload out of it again before a
 * program that is not to have it: children.so in every process below, and an allocrun that is
 * started there. Pure.
 *
 *   _ALLOCRUN_CHILDREN=keep            --children
 *   _ALLOCRUN_PID=4711                 the launched process; not with "keep"
 *   _ALLOCRUN_SET_NAME=VALUE           NAME=VALUE was set by the launch: with another value it is somebody else's
 *   _ALLOCRUN_WAS_NAME=VALUE           and this is what stood there before, if something did
 *
 * An entry without its prefix is an entry again, so that none has to be copied.
 */
#define INHERITANCE_FILE "lib/allocrun/children.so" /* below the prefix */

#define INHERITANCE_MARK "_ALLOCRUN_"
#define INHERITANCE_CHILDREN INHERITANCE_MARK "CHILDREN"
#define INHERITANCE_PID INHERITANCE_MARK "PID"
#define INHERITANCE_SET INHERITANCE_MARK "SET_"
#define INHERITANCE_WAS INHERITANCE_MARK "WAS_"

#define CHILDREN_KEEP "keep"
#define CHILDREN_DROP "drop"

/* Of each kind; mimalloc has some forty options. */
#define INHERITANCE_MOST 64

struct piece {
	const char *text;
	size_t length;
};

/* Pointers into the environment that was read. */
struct inheritance {
	const char *children;              /* --children; NULL: no launch above */
	long pid;                          /* of the launched process; 0: it does not matter */
	const char *set[INHERITANCE_MOST]; /* "NAME=VALUE", of the launch */
	const char *was[INHERITANCE_MOST]; /* "NAME=VALUE", before it */
	size_t n_set, n_was;
	size_t n;             /* entries of the environment */
	struct piece ours[2]; /* the libraries, as LD_PRELOAD has them */
	const char *preload;  /* the value of LD_PRELOAD; NULL */
};

/* `environment` may be NULL. */
void inheritance_read(char *const *environment, struct inheritance *ret);
/* Is our preload still in it, and no other allocator? */
bool inheritance_is_whole(const struct inheritance *i);
/* Is it an allocator or a sanitizer's runtime, by the name of its file? */
bool inheritance_has_malloc(const char *library);
/* Is `name` one of "A,B,C"? */
bool inheritance_names(const char *list, const char *name);
/*
 * The environment without the launch: *ret has room for i->n + 1 entries, `preload` for an entry
 * LD_PRELOAD as long as there is one.
 */
void inheritance_undo(const struct inheritance *i, char *const *environment, char **ret, char *preload);

#endif
