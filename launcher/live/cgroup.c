/* SPDX-License-Identifier: Apache-2.0 */
#include "live/context.h"

#include <string.h>

#include "detect/detect.h"
#include "detect/node.h"

static struct live_cgroup *live_cgroup_read(struct live_context *c, const char *folder, char *text)
{
	struct live_cgroup *cgroup = mem_alloc(c->m, sizeof *cgroup);
	struct node_facts *usage = mem_alloc(c->m, sizeof *usage);

	*usage = node_unknown;
	cgroup->text = mem_strdup(c->m, text);
	cgroup_detect_process(c->root, c->m, folder, &cgroup->limits);
	node_detect_cgroup(c->root, c->m, &cgroup->limits, usage);
	cgroup->usage = usage;
	return cgroup;
}

void live_cgroup_detect(struct live_context *c, struct live_process *process)
{
	char *folder = mem_printf(&c->scratch, "/proc/%lld", (long long)process->pid), *text;

	if (root_read_record(c->root, &c->scratch, mem_printf(&c->scratch, "%s/cgroup", folder), &text) < 0)
		return;
	for (size_t i = 0; i < c->n_cgroups && !process->cgroup; i++) {
		if (strcmp(c->cgroups[i]->text, text) == 0)
			process->cgroup = c->cgroups[i];
	}
	if (!process->cgroup)
		process->cgroup = *MEM_PUSH(c->m, c->cgroups, c->n_cgroups) = live_cgroup_read(c, folder, text);
}
