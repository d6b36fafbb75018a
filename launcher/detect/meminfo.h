/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_MEMINFO_H
#define ALLOCRUN_DETECT_MEMINFO_H

#include "facts/machine.h"
#include "util/mem.h"
#include "util/path.h"

/* Nothing known yet. */
extern const struct meminfo meminfo_unknown;

/* What the text does not say *ret keeps. Pure. */
void meminfo_parse(const char *text, struct meminfo *ret);
/* All unknown, and -errno, when it cannot be read. */
int meminfo_read(const struct root *root, struct mem *m, struct meminfo *ret);

#endif
