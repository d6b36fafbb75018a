/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May we set a memory policy? Only the call itself tells: container runtimes forbid
 * set_mempolicy(2) by seccomp and leave get_mempolicy(2) alone. A child calls it, as the
 * policy would be ours for good, and since a filter may kill instead of refuse.
 */
#include "detect/node.h"
#include "util/kernel_abi.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child leaves behind. */
struct probe_result {
	int bind_error;
	uint32_t accepted;
	int is_done;
};

/* The kernel wants one more than the number of bits. */
#define PROBE_BITS (BITMAP_BITS + 1)

/* Those that a policy can ask for beside MPOL_BIND and MPOL_LOCAL. */
static const int probe_modes[] = { MPOL_INTERLEAVE, MPOL_PREFERRED, MPOL_PREFERRED_MANY, MODE_WEIGHTED_INTERLEAVE };

static void probe_in_child(const struct bitmap *nodes, volatile struct probe_result *result)
{
	if (syscall(SYS_set_mempolicy, MPOL_BIND, nodes->words, PROBE_BITS) == 0)
		result->accepted |= 1U << MPOL_BIND;
	else
		result->bind_error = errno;
	for (size_t i = 0; i < sizeof probe_modes / sizeof *probe_modes; i++) {
		if (syscall(SYS_set_mempolicy, probe_modes[i], nodes->words, PROBE_BITS) == 0)
			result->accepted |= 1U << probe_modes[i];
	}
	/* It has no nodes. */
	if (syscall(SYS_set_mempolicy, MPOL_LOCAL, NULL, 0) == 0)
		result->accepted |= 1U << MPOL_LOCAL;
	result->is_done = 1;
}

static const char *probe_run(struct mem *m, const struct bitmap *nodes, struct probe_result *result, int *ret_signal)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		probe_in_child(nodes, result);
		_exit(0);
	}
	if (pid < 0)
		return mem_printf(m, "no process could be started: %s", strerror(errno));
	/* ECHILD where a parent has SIGCHLD ignored: it has ended all the same. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (result->is_done)
		return NULL;
	if (WIFSIGNALED(status))
		*ret_signal = WTERMSIG(status);
	return "the process that tried it ended before it could tell";
}

void node_probe_mempolicy(struct mem *m, const struct bitmap *allowed, struct node_mempolicy *ret)
{
	struct bitmap nodes = *allowed;
	struct probe_result *result;
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, ret->nodes.words, BITMAP_BITS, NULL, 0) == 0)
		ret->mode = mode;
	if (bitmap_is_empty(&nodes))
		bitmap_set(&nodes, 0);
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED) {
		ret->problem = mem_printf(m, "no memory to share with a process: %s", strerror(errno));
		return;
	}
	ret->problem = probe_run(m, &nodes, result, &ret->killed_by);
	ret->was_tried = !ret->problem;
	ret->bind_error = result->bind_error;
	ret->accepted = result->accepted;
	ret->tried = 1U << MPOL_BIND | 1U << MPOL_LOCAL;
	for (size_t i = 0; i < sizeof probe_modes / sizeof *probe_modes; i++)
		ret->tried |= 1U << probe_modes[i];
	munmap(result, sizeof *result);
}
