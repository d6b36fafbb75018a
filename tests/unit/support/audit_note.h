/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_AUDIT_NOTE_H
#define ALLOCRUN_TEST_AUDIT_NOTE_H

#include <stdio.h>
#include <stdlib.h>

#include "audit/audit.h"

/*
 * "thp-defrag warn" into the file that AUDIT_CASES names, if any: tests/run sees to it that
 * every check has a case of each kind.
 */
static inline void audit_note(check_assess *assess, enum check_status status)
{
	const char *path = getenv("AUDIT_CASES");
	FILE *file = path ? fopen(path, "a") : NULL;

	for (const struct check *check = checks; file && check->id; check++) {
		if (check->assess == assess)
			fprintf(file, "%s %s\n", check->id, check_status_name(status));
	}
	if (file)
		fclose(file);
}

#endif
