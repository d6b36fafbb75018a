/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_JSON_VALUES_H
#define ALLOCRUN_REPORT_JSON_VALUES_H

#include <jansson.h>
#include <stdint.h>

#include "facts/live.h"
#include "util/bitmap.h"
#include "util/mem.h"

/* Facts as JSON values: new references, never NULL save where memory is out. */

/* null for NULL. JSON is UTF-8, a file name need not be: foreign bytes become U+FFFD. */
json_t *json_text(const char *text);
/* null for FACT_UNKNOWN, "unlimited" for FACT_UNLIMITED. */
json_t *json_number(int64_t value);
/* An array of n texts. */
json_t *json_texts(const char *const *texts, size_t n);
/* "0-3,8"; null for the empty set. */
json_t *json_bitmap(const struct bitmap *b);

/* null for NULL. Its options in force are among those of the process. */
json_t *json_purge(const struct live_purge *purge);

/* Serialised with a newline at its end, in the pool. */
char *report_dump_json(struct mem *m, const json_t *json);

#endif
