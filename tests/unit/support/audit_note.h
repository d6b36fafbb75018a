/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_AUDIT_NOTE_H
#define ALLOCRUN_TEST_AUDIT_NOTE_H

#include <stdlib.h>

#include "audit/audit.h"

/*
 * "thp-defrag warn" into the file that AUDIT_CASES names, if any: tests/run sees to it that
 * every check has a case of each kind.
 */
void audit_note(check_assess *assess, enum check_status status);

#endif
