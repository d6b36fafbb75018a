/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_CONF_KEYS_H
#define ALLOCRUN_KNOWN_CONF_KEYS_H

/* Which options the allocators know, and the form of their values. Const tables. */

/* The forms of a value. Ranges are left to the allocator, except signs. */
enum form {
	FORM_BOOL,
	FORM_UNSIGNED, /* in C's notation, as jemalloc and glibc read numbers */
	FORM_POSITIVE, /* one or more */
	FORM_RANGE,    /* between the two that stand in `words` */
	FORM_SIGNED,   /* or -1, "never" or "no limit" */
	FORM_OPTION,   /* mimalloc: a decimal number, or a word for 1 or 0 */
	FORM_SIZE,     /* mimalloc: the same with a unit */
	FORM_WORD,
	FORM_TEXT,
};

struct conf_key {
	const char *name;
	enum form form;
	const char *words; /* "a b c": FORM_WORD's, or what stands for a number */
};

/* The last of each has name NULL. */
extern const struct conf_key conf_jemalloc_keys[];
extern const struct conf_key conf_mimalloc_keys[];
extern const struct conf_key conf_glibc_keys[];
extern const struct conf_key conf_purge_keys[];

/* NULL = there is no key of this name. */
const struct conf_key *conf_find_key(const struct conf_key *keys, const char *name);

#endif
