/* SPDX-License-Identifier: Apache-2.0 */
/* What the process checks share. Pure. */
#include "audit/checks/assess_process.h"

#include <string.h>

bool audit_cannot_tell(struct mem *m, const struct live_process *p, struct finding *ret)
{
	switch (p->state) {
	case LIVE_RUNNING:
		return false;
	case LIVE_GONE:
	case LIVE_ZOMBIE:
	case LIVE_KERNEL_THREAD:
		*ret = finding_skip(m, "%s", p->problem);
		return true;
	case LIVE_UNREADABLE:
		*ret = finding_unknown(m, "%s", p->problem);
		ret->fix = "see in which state it is: cat /proc/PID/status /proc/PID/stack; and whether its file "
			   "systems answer: findmnt, df";
		return true;
	case LIVE_DENIED:
		break;
	}
	*ret = finding_unknown(m, "%s", p->problem);
	/* Where what is mapped could be seen, it is the right user already. */
	ret->fix = p->loaded ? "run it with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE, Kubernetes: "
			       "capabilities.add: [SYS_PTRACE], systemd: ExecStartPost=+)" :
			       "run it as the process's own user, or as root with CAP_SYS_PTRACE (docker run --cap-add "
			       "SYS_PTRACE, systemd: ExecStartPost=+)";
	return true;
}

bool audit_is_libc(const struct live_library *library)
{
	return strcmp(library->allocator, "glibc") == 0 || strcmp(library->allocator, "musl") == 0;
}

bool audit_is_child(const struct audit_facts *a, const struct live_process *p)
{
	for (size_t i = 0; i < a->live->n_processes; i++) {
		if (a->live->processes[i].pid == p->parent)
			return true;
	}
	return false;
}

const struct live_step *audit_record_step(const struct live_process *p, const char *step, const char *resource)
{
	for (size_t i = 0; p->record && !p->record->problem && i < p->record->n_steps; i++) {
		const struct live_step *s = &p->record->steps[i];

		if (strcmp(s->step, step) == 0 &&
		    (!resource || (s->set.kind == SET_LIMIT && strcmp(s->set.resource, resource) == 0)))
			return s;
	}
	return NULL;
}
