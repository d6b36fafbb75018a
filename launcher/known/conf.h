/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_CONF_H
#define ALLOCRUN_KNOWN_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "util/mem.h"

/*
 * Allocators' option strings: jemalloc's MALLOC_CONF ("key:value,key:value"), and
 * "key=value,key=value" for the MIMALLOC_* variables and glibc.malloc tunables; and in
 * jemalloc's manner those of the purge thread of the bundled builds (allocator/purge).
 * Pure.
 */

enum conf_kind { CONF_JEMALLOC, CONF_MIMALLOC, CONF_GLIBC, CONF_PURGE, CONF_KINDS };

struct conf_item {
	const char *key;
	const char *value;
	const char *why; /* the reason, or where it comes from */
};

struct conf {
	struct conf_item *items;
	size_t n;
};

/* A piece of an option string that cannot be used, in words. */
struct conf_problem {
	const char *text;
};

struct conf_problems {
	struct conf_problem *items;
	size_t n;
};

/*
 * Reads `text` into *conf, the later of two equal keys winning in place; each item
 * gets `why`. Pieces that are malformed, of an unknown key or with a value that the
 * allocator would refuse are left out and listed in *problems; the rest is read.
 */
void conf_parse(struct mem *m, enum conf_kind kind, const char *text, const char *why, struct conf *conf,
		struct conf_problems *problems);
/* Sets one key, in place when it is there already. */
void conf_set(struct mem *m, struct conf *conf, const char *key, const char *value, const char *why);
const struct conf_item *conf_find(const struct conf *conf, const char *key);
void conf_remove(struct conf *conf, const char *key);
/*
 * The next piece of GLIBC_TUNABLES at *cursor; false at the end. `key` NULL: a tunable of
 * something else than malloc, or none at all; `value` NULL: without one.
 */
struct conf_tunable {
	const char *text; /* the whole piece */
	const char *key, *value;
};
bool conf_next_tunable(struct mem *m, const char **cursor, struct conf_tunable *ret);
/* Where the purge thread of the bundled builds reads its options. */
#define PURGE_VARIABLE "ALLOCRUN_PURGE"
#define CONF_MIMALLOC_PREFIX "MIMALLOC_"
/* "MIMALLOC_PURGE_DELAY=0" -> "purge_delay=0"; NULL: another variable. */
char *conf_mimalloc_piece(struct mem *m, const char *variable);
/* "a:1,b:2", with the separators that `kind` wants. */
char *conf_format(struct mem *m, enum conf_kind kind, const struct conf *conf);

#endif
