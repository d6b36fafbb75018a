/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_TEXT_H
#define ALLOCRUN_UTIL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/*
 * The small text forms of /proc, /sys and the environment. Nothing here changes
 * its input, and *ret is untouched on failure.
 */

/*
 * The value behind "NAME:" at the start of a line, blanks skipped. NULL when there
 * is none, or when its line has no end: a file that was cut off is not believed.
 */
const char *text_find_field(const char *text, const char *name);
/* The start of the next line; NULL behind the last one. */
const char *text_next_line(const char *text);
/* From `text` to the end of its line, without the blanks at both ends. */
char *text_dup_line(struct mem *m, const char *text);

/*
 * A decimal number at `text`, blanks before it skipped; *ret_end, when not NULL,
 * points behind it. -EINVAL: no number, -ERANGE: does not fit.
 */
int text_parse_i64(const char *text, int64_t *ret, const char **ret_end);
/* The same for an unsigned one in the given base, without sign and 0x. */
int text_parse_u64(const char *text, int base, uint64_t *ret, const char **ret_end);
/* "N kB" as bytes. */
int text_parse_kib(const char *text, int64_t *ret);

/* The folders of one page size below /sys/kernel/mm: "hugepages-NkB", as bytes. -EINVAL: none. */
#define HUGEPAGES_PREFIX "hugepages-"
int text_parse_hugepages(const char *name, int64_t *ret);
/* The length of the word in force in "always [madvise] never", at *ret. -EINVAL: none. */
int text_find_choice(const char *text, const char **ret);

/* "NAME: 12" and "NAME: 12 kB" (in bytes) among the lines of a text; *ret is kept where there is none. */
void text_read_i64(const char *text, const char *name, int64_t *ret);
void text_read_kib(const char *text, const char *name, int64_t *ret);
bool text_starts_with(const char *text, const char *prefix);
/* Is it one of "a b c"? */
bool text_has_word(const char *words, const char *word);
bool text_has_word_of_any_case(const char *words, const char *word);
/* Is it one of a list that NULL ends? NULL: an empty one. */
bool text_is_among(const char *const *list, const char *word);
/* "a", "a, b", from `*list`, which is NULL at first; for lists that stay short. */
void text_list(struct mem *m, const char **list, const char *item);
bool text_is_digits(const char *text);
/* Two digits for each byte, in lower case. */
char *text_hex(struct mem *m, const void *bytes, size_t size);
/*
 * The next piece of "a,b,c" at *cursor, in the pool; NULL at the end. Between two
 * separators lies an empty one, behind the last lies none.
 */
char *text_next_piece(struct mem *m, const char **cursor, char separator);
/* What stands behind the last slash; the whole text when there is none. */
const char *text_basename(const char *path);
/* What stands before the last slash: "/" for "/x", "." for "x". */
char *text_dirname(struct mem *m, const char *path);

#endif
