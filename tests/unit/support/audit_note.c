/* SPDX-License-Identifier: Apache-2.0 */
#include "support/audit_note.h"

#include <stdio.h>
#include <stdlib.h>

void audit_note(check_assess *assess, enum check_status status)
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
