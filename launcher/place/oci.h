/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PLACE_OCI_H
#define ALLOCRUN_PLACE_OCI_H

#include <stddef.h>

#include "util/mem.h"

/* Where an injected allocrun lies in the container, as in the images. */
#define OCI_DESTINATION "/opt/allocrun"

/*
 * A container's config.json (OCI runtime specification, config.md) with the tree at `prefix` mounted and
 * before the command, in the pool; NULL, with the reason in *ret_why, where it had better stay as it is. Pure.
 */
char *oci_inject(struct mem *m, const char *config, size_t size, const char *prefix, const char **ret_why);

#endif
