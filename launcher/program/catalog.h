/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_CATALOG_H
#define ALLOCRUN_PROGRAM_CATALOG_H

#include "facts/machine.h"
#include "facts/request.h"
#include "util/mem.h"
#include "util/path.h"

/* The bundled builds, and the libraries that the request names. */
void catalog_detect(const struct root *root, struct mem *m, const struct detect_request *request,
		    const struct command_facts *command, struct catalog_facts *ret);

/* PREFIX of PREFIX/bin/NAME, the launcher's own file, or of a copy in PREFIX/shims; "" for /bin. NULL: unknown. */
char *catalog_find_prefix(const struct root *own, struct mem *m);

/* The parts of the catalogue's detection: the manifest (catalog.c), one library (library.c). */

/*
 * As catalog_detect() for a prefix that is known: `own` is the root in which the
 * launcher's tree lies, `root` the one in which the command runs. *ret is zeroed, or
 * says why there is no prefix (NULL): then a foreign library is all that is read.
 */
void catalog_read(const struct root *own, const struct root *root, struct mem *m, const char *prefix,
		  const struct detect_request *request, const struct command_facts *command, struct catalog_facts *ret);

/*
 * The text of a manifest, `path` for what is said of it: the builds, or a problem and none. What they are is
 * not looked at. *ret is zeroed. Pure; the fuzzer's entry.
 */
void catalog_parse(struct mem *m, const char *prefix, const char *path, const char *text, size_t size,
		   struct catalog_facts *ret);

/* Does it come with the C library, and so is there when the command is? */
bool library_is_system(const char *name, enum libc_kind libc);

/* The SHA-256 of a file in hex, in the pool. -errno. */
int digest_file(const struct root *root, struct mem *m, const char *path, char **ret);

/* The file behind build->path, in `own`: fills build->problem, and build_id if unknown. */
void library_check(const struct root *own, const struct root *root, struct mem *m, const char *const *environment,
		   struct build_facts *build);

#endif
