/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit itself could not see. Pure. */
#include "audit/checks/assess.h"
#include "audit/runner.h"
#include "util/text.h"

/* More than these in one line nobody reads. */
#define GAPS_MOST 4

/* What every check takes for granted, and could not be had. */
static const char *gaps_of_machine(struct mem *m, const struct facts *f)
{
	const struct {
		bool is_unknown;
		const char *what;
	} parts[] = {
		{ !f->kernel[0], "the kernel's version" },
		{ f->page_size == FACT_UNKNOWN, "the page size" },
		{ f->memory_total == FACT_UNKNOWN, "the memory" },
		{ bitmap_is_empty(&f->process.status.cpus), "the CPUs that we may use" },
		{ f->numa.known == TRI_UNKNOWN, "the NUMA nodes" },
		{ f->thp.known == TRI_UNKNOWN, "transparent hugepages" },
		{ f->cgroup.memory_max == FACT_UNKNOWN, "the memory limit" },
		{ f->cgroup.cpu_quota_milli == FACT_UNKNOWN, "the CPU quota" },
		{ f->process.status.capabilities_known == TRI_UNKNOWN, "the capabilities" },
	};
	const char *list = NULL;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].is_unknown)
			text_list(m, &list, parts[i].what);
	}
	return list;
}

ASSESS(audit_gaps)
{
	const char *list = gaps_of_machine(m, a->machine);
	size_t n = a->node->n_gaps;

	for (size_t i = 0; i < n && i < GAPS_MOST; i++)
		text_list(m, &list, mem_printf(m, "%s (%s)", a->node->gaps[i].path, a->node->gaps[i].reason));
	if (n > GAPS_MOST)
		text_list(m, &list, mem_printf(m, "%zu more files", n - GAPS_MOST));
	if (list) {
		struct finding f = finding_unknown(m, "not known: %s", list);

		f.fix = runner_find(checks, "audit-limits")->fix;
		return f;
	}
	return a->machine->is_live ?
		       finding_ok(m, "all that was looked for could be read") :
		       finding_ok(m, "a captured machine: all files could be read, and nothing was tried");
}
