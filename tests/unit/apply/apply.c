/* SPDX-License-Identifier: Apache-2.0 */
/* CPU affinity, memory policy, THP, limits: set, and read back from the kernel. */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>

#include "support/apply_child.h"
#include "util/kernel_abi.h"

#define NO_NODE 1000 /* below the kernel's largest number, and online nowhere */

static void test_affinity(void **state)
{
	struct bitmap before = { { 0 } }, one = { { 0 } }, other = { { 0 } };

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof before, (cpu_set_t *)&before), 0);
	bitmap_set(&one, bitmap_next(&before, 0));
	add(STEP_AFFINITY, OP_AFFINITY)->u.cpus = &one;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_true(bitmap_is_equal(&result->cpus, &one));
	/* No such CPU: nothing has changed. */
	bitmap_set(&other, BITMAP_BITS - 1);
	plan.operations[0].u.cpus = &other;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_REFUSED, "Invalid argument");
	assert_true(bitmap_is_equal(&result->cpus, &before));
	/* The kernel takes what there is, without a word. */
	bitmap_or(&other, &one);
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DEGRADED,
		       mem_printf(&pool, "the kernel gave CPUs %s instead: the cpuset has changed",
				  bitmap_format_list(&pool, &one)));
}

static void add_choice(struct operation *op, int mode, int node)
{
	struct mempolicy *choice = MEM_PUSH(&pool, op->u.memory.choices, op->u.memory.n_choices);

	choice->mode = mode;
	bitmap_set(&choice->nodes, node);
}

/* What this machine says to a call that is in order: 0 or an error. */
static int probe_mempolicy(int node)
{
	struct bitmap nodes = { { 0 } };
	int status;
	pid_t pid;

	bitmap_set(&nodes, node);
	pid = fork();
	if (pid == 0)
		_exit(syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes.words, 1025) < 0 ? errno : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int first_memory_node(void)
{
	struct root live;
	struct bitmap nodes;
	int r;

	assert_int_equal(root_open(NULL, &live), 0);
	r = root_read_bitmap(&live, &nodes, "/sys/devices/system/node/has_memory");
	return r < 0 ? 0 : bitmap_next(&nodes, 0);
}

static void test_mempolicy(void **state)
{
	int node = first_memory_node();
	const char *refusal;
	struct operation *op;

	(void)state;
	if (probe_mempolicy(node) != 0) {
		print_message("set_mempolicy is refused here: error %d\n", probe_mempolicy(node));
		skip();
	}
	op = add(STEP_MEMPOLICY, OP_MEMPOLICY);
	add_choice(op, MPOL_PREFERRED, node);
	add_choice(op, MPOL_BIND, node);
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_int_equal(result->mode, MPOL_PREFERRED);
	assert_int_equal(result->nodes[0], UINT64_C(1) << node);

	/* The best choice cannot be had: the next, and it is said. */
	op->u.memory.choices = NULL;
	op->u.memory.n_choices = 0;
	add_choice(op, MPOL_BIND, NO_NODE);
	add_choice(op, MPOL_PREFERRED_MANY, NO_NODE);
	add_choice(op, MPOL_PREFERRED, node);
	refusal = "preferred-many 1000 was refused: the kernel does not know the mode, or a node is "
		  "outside of the cpuset";
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DEGRADED, mem_printf(&pool, "preferred %d: %s", node, refusal));
	assert_int_equal(result->mode, MPOL_PREFERRED);

	/* None can be had: the policy is what it was. */
	op->u.memory.n_choices = 2;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_REFUSED, refusal);
	assert_int_equal(result->mode, MPOL_DEFAULT);
}

static int probe_thp(unsigned long flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(prctl(PR_SET_THP_DISABLE, 1, flags, 0, 0) < 0 ? errno : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void test_thp(void **state)
{
	struct operation *op = add(STEP_THP, OP_THP);

	(void)state;
	if (probe_thp(0) != 0)
		skip();
	op->u.thp.disable = 1;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_int_equal(result->thp, 1);
	op->u.thp.flags = PR_THP_DISABLE_EXCEPT_ADVISED;
	apply_in_child(false);
	if (probe_thp(PR_THP_DISABLE_EXCEPT_ADVISED) == 0) {
		assert_outcome(0, OUTCOME_DONE, "");
		assert_int_equal(result->thp, 3);
	} else {
		assert_outcome(0, OUTCOME_REFUSED, "this kernel cannot (6.18 and later can)");
		assert_int_equal(result->thp, 0);
	}
	op->u.thp.disable = op->u.thp.flags = 0;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_int_equal(result->thp, 0);
}

static void test_rlimit(void **state)
{
	struct operation *op = add(STEP_RLIMITS, OP_RLIMIT), *again;
	struct rlimit now;

	(void)state;
	op->u.rlimit.resource = RLIMIT_CORE;
	op->u.rlimit.limit = (struct limit){ 0, 4096 };
	again = add(STEP_RLIMITS, OP_RLIMIT);
	again->u.rlimit.resource = RLIMIT_CORE;
	again->u.rlimit.limit = (struct limit){ FACT_UNLIMITED, FACT_UNLIMITED };
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_outcome(1, OUTCOME_REFUSED, "not permitted: above the hard limit, which needs CAP_SYS_RESOURCE");
	assert_int_equal(result->core.rlim_cur, 0);
	assert_int_equal(result->core.rlim_max, 4096);
	if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1 && geteuid() == 0) {
		apply_in_child(true);
		assert_outcome(1, OUTCOME_DONE, "");
		assert_true(result->core.rlim_cur == RLIM_INFINITY && result->core.rlim_max == RLIM_INFINITY);
	}
	if (getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max == RLIM_INFINITY) {
		plan.operations[0].u.rlimit.limit = (struct limit){ 8192, FACT_UNLIMITED };
		again->u.rlimit.limit = plan.operations[0].u.rlimit.limit;
		apply_in_child(false);
		assert_outcome(1, OUTCOME_DONE, "");
		assert_true(result->core.rlim_cur == 8192 && result->core.rlim_max == RLIM_INFINITY);
	}
	again->u.rlimit.limit = (struct limit){ 2, 1 };
	apply_in_child(false);
	assert_outcome(1, OUTCOME_REFUSED, "Invalid argument");
}

static void test_oom_score(void **state)
{
	struct operation *op = add(STEP_OOM_SCORE, OP_OOM_SCORE);

	(void)state;
	op->u.oom_score_adj = 777;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_DONE, "");
	assert_string_equal(result->oom_score, "777\n");
	op->u.oom_score_adj = -999;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_REFUSED, "not permitted: going below the current value needs CAP_SYS_RESOURCE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESULT_TEST(test_affinity), RESULT_TEST(test_mempolicy), RESULT_TEST(test_thp),
		RESULT_TEST(test_rlimit),   RESULT_TEST(test_oom_score),
	};

	return cmocka_run_group_tests(tests, map_result, unmap_result);
}
