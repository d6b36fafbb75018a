/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_SIZE_H
#define ALLOCRUN_UTIL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/* Sizes in bytes, as people and the kernel write them. Pure. */

/* As an option: "64M", "1GiB", "unlimited" (FACT_UNLIMITED). -EINVAL, -ERANGE. */
int size_parse(const char *text, int64_t *ret);
/* "2M", "1G", "524288K", as the kernel's memparse() reads it: false when it is not a size. */
bool size_parse_boot(const char *text, int64_t *ret);
/* For people: "1.5 GiB", "unlimited", "unknown". */
char *size_format(struct mem *m, int64_t bytes);
/* As size_parse_boot() reads it: "2M". */
char *size_format_boot(struct mem *m, int64_t bytes);

#endif
