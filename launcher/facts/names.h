/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_NAMES_H
#define ALLOCRUN_FACTS_NAMES_H

#include "facts/machine.h"

/* The facts' values in words, and one of several by its number. */

/* "unknown", or a word of /sys/kernel/mm/transparent_hugepage/enabled. */
const char *thp_mode_name(enum thp_mode mode);
/* NULL: there is no such node. */
const struct numa_node *numa_find_node(const struct numa_facts *numa, int id);

#endif
