/* SPDX-License-Identifier: Apache-2.0 */
/* Our own process, which becomes the command. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "detect/detectors.h"
#include "detect/process.h"
#include "util/seccomp.h"

#define SELF "/proc/self"

/* What the file cannot say, or where /proc is not mounted. */
static void process_ask_kernel(struct process_facts *process)
{
	int thp = prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L), mode;
	cpu_set_t set[BITMAP_BITS / CPU_SETSIZE];

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0)
		process->memory_policy = mode;
	if (thp == THP_PROCESS_ALLOWED || thp == THP_PROCESS_DISABLED || thp == THP_PROCESS_EXCEPT_ADVISED)
		process->status.thp = (enum thp_process)thp;
	if (!bitmap_is_empty(&process->status.cpus) || sched_getaffinity(0, sizeof set, set) < 0)
		return;
	for (int cpu = 0; cpu < BITMAP_BITS; cpu++) {
		if (CPU_ISSET_S((size_t)cpu, sizeof set, set))
			bitmap_set(&process->status.cpus, cpu);
	}
}

void process_detect(const struct root *root, struct mem *m, struct process_facts *ret)
{
	/* Read once: all that a start looks at stays as it is. */
	const char *status = root->live ? seccomp_status() : NULL;
	struct process_stat stat;

	*ret = (struct process_facts){
		.status = process_status_unknown,
		.memory_policy = FACT_UNKNOWN,
		.start_time = FACT_UNKNOWN,
	};
	if (status)
		status_parse(m, status, &ret->status);
	else
		status_read(root, m, SELF, &ret->status);
	limits_read(root, m, SELF, &ret->limits);
	if (!root->live)
		return;
	process_ask_kernel(ret);
	ret->fatal_call = seccomp_find_fatal();
	if (stat_read(root, 0, &stat) == 0)
		ret->start_time = stat.start_time;
}
