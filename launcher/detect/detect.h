/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_DETECT_H
#define ALLOCRUN_DETECT_DETECT_H

#include "facts/machine.h"
#include "facts/request.h"
#include "util/mem.h"
#include "util/path.h"

/* machine -> facts/machine.h */

/* All detectors in turn. Never fails: what is missing is unknown. */
void facts_detect(const struct root *root, struct mem *m, const struct detect_request *request, struct facts *ret);

/* The control group of another process: `process` is its folder, "/proc/4711". */
void cgroup_detect_process(const struct root *root, struct mem *m, const char *process, struct cgroup_facts *ret);
/* min(allowed and online, quota rounded up), at least 1; FACT_UNKNOWN when neither is known. */
int64_t cpu_count_effective(const struct cpu_facts *cpu, const struct bitmap *allowed);

#endif
