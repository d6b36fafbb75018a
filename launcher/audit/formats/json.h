/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_FORMATS_JSON_H
#define ALLOCRUN_AUDIT_FORMATS_JSON_H

#include <jansson.h>

#include "live/live.h"

/* What the parts of --format json share. New references. */

/* By which a finding's process is known: the fields that the list has as well. */
json_t *json_process_name(const struct live_process *p);
/* All that is known of one. */
json_t *json_process(struct mem *m, const struct live_process *p);

#endif
