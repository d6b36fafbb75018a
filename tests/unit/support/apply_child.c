/* SPDX-License-Identifier: Apache-2.0 */
#include "support/apply_child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct result *result;

struct plan plan;

int map_result(void **state)
{
	(void)state;
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return result == MAP_FAILED;
}

int unmap_result(void **state)
{
	(void)state;
	return munmap(result, sizeof *result);
}

int forget_plan(void **state)
{
	plan = (struct plan){ 0 };
	return pool_free(state);
}

struct operation *add(enum step step, enum operation_kind kind)
{
	return plan_add(&pool, &plan, step, kind, "it", LADDER_PREFER);
}

void read_capabilities(void)
{
	static const char *const names[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	while (status && fgets(line, sizeof line, status)) {
		for (size_t i = 0; i < 5; i++) {
			if (strncmp(line, names[i], 6) == 0)
				sscanf(line + 7, "%31s", result->capabilities[i]);
		}
	}
}

void look_around(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);

	for (size_t i = 0; i < plan.n_operations; i++) {
		result->outcomes[i] = plan.operations[i].outcome;
		snprintf(result->details[i], sizeof result->details[i], "%s",
			 plan.operations[i].detail ? plan.operations[i].detail : "");
	}
	sched_getaffinity(0, sizeof result->cpus, (cpu_set_t *)&result->cpus);
	result->mode = -1;
	syscall(SYS_get_mempolicy, &result->mode, result->nodes, 1025, NULL, 0);
	result->thp = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	result->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	result->n_groups = getgroups(8, result->groups);
	getrlimit(RLIMIT_CORE, &result->core);
	if (getresuid(&result->uid[0], &result->uid[1], &result->uid[2]) < 0 ||
	    getresgid(&result->gid[0], &result->gid[1], &result->gid[2]) < 0)
		_exit(3);
	if (fd < 0 || read(fd, result->oom_score, sizeof result->oom_score - 1) < 0)
		result->oom_score[0] = '\0';
	read_capabilities();
}

void drop_privileges(void)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(4);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

void apply_in_child(bool is_privileged)
{
	char *none[] = { NULL }, **environment = none;
	const char *home;
	int status;
	pid_t pid;

	memset(result, 0, sizeof *result);
	assert_true(plan.n_operations <= OPERATIONS_MAX);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!is_privileged)
			drop_privileges();
		apply_plan(&pool, &plan, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
		look_around();
		home = environment_get((const char *const *)environment, "HOME");
		snprintf(result->home, sizeof result->home, "%s", home ? home : "unset");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void assert_outcome(size_t i, enum outcome outcome, const char *detail)
{
	assert_string_equal(result->details[i], detail);
	assert_string_equal(outcome_name(result->outcomes[i]), outcome_name(outcome));
}
