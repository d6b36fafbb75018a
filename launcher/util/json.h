/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_JSON_H
#define ALLOCRUN_UTIL_JSON_H

#include <jansson.h>

#include "util/mem.h"

/* What readers of JSON share. */

static inline void json_release(json_t **json)
{
	json_decref(*json);
}

/* Before a json_t *: it is released at the end of its block. */
#define CLEANUP_JSON __attribute__((cleanup(json_release)))

/* A member that is a text, in the pool; NULL: there is none. */
static inline char *json_dup_text(struct mem *m, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? mem_strdup(m, text) : NULL;
}

#endif
