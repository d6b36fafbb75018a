/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_SYSTEMD_H
#define ALLOCRUN_KNOWN_SYSTEMD_H

#include "util/mem.h"

/*
 * A service's own folder, of $RUNTIME_DIRECTORY as systemd.exec(5) has it: the first of "/run/a:/run/b". In the
 * pool; NULL where there is none below /run, or its name could lead out of there. Pure.
 */
#define SYSTEMD_RUNTIME_VARIABLE "RUNTIME_DIRECTORY"
char *systemd_runtime_folder(struct mem *m, const char *value);

#endif
