/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_REPORT_PROMETHEUS_H
#define ALLOCRUN_REPORT_PROMETHEUS_H

#include "util/buffer.h"

/* Prometheus' text format, as its textfile collector takes it. */

/* A label's value, cleaned and escaped, in the pool. */
const char *prometheus_escape(struct mem *m, const char *text);
/* What stands before the series of a metric. `type`: gauge, counter. */
void prometheus_head(struct buffer *b, const char *name, const char *type, const char *help);

#endif
