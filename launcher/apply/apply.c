/* SPDX-License-Identifier: Apache-2.0 */
#include "apply/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#include "known/inheritance.h"
#include "util/environment.h"
#include "util/kernel_abi.h"

/* The kernel's largest MAX_NUMNODES; it takes one more than the number of bits. */
#define NODE_BITS 1024

/* 0, 1 for degraded, or -errno; *ret_detail is set where more is known than strerror() says. */
typedef int applier(struct mem *m, struct operation *op, char ***environment, const char **ret_detail);

static int apply_affinity(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	struct bitmap now = { { 0 } };

	(void)environment;
	if (sched_setaffinity(0, sizeof *op->u.cpus, (const cpu_set_t *)op->u.cpus) < 0)
		return -errno;
	if (sched_getaffinity(0, sizeof now, (cpu_set_t *)&now) < 0)
		return -errno;
	if (bitmap_is_equal(&now, op->u.cpus))
		return 0;
	*ret_detail = mem_printf(m, "the kernel gave CPUs %s instead: the cpuset has changed",
				 bitmap_format_list(m, &now));
	return 1;
}

static int mempolicy_set(const struct mempolicy *policy)
{
	struct mempolicy now = { .mode = -1 };

	if (syscall(SYS_set_mempolicy, policy->mode, policy->nodes.words, NODE_BITS + 1) < 0)
		return -errno;
	/* Where even asking is blocked, the call's own answer has to do. */
	if (syscall(SYS_get_mempolicy, &now.mode, now.nodes.words, NODE_BITS + 1, NULL, 0) < 0)
		return 0;
	if (mempolicy_is_answer(policy, &now))
		return 0;
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
	return -EBUSY;
}

static const char *mempolicy_explain(int error)
{
	switch (error) {
	case EPERM:
		return "not permitted: a container's seccomp profile blocks set_mempolicy without CAP_SYS_NICE";
	case ENOSYS:
		/* Where nodes were seen the kernel has the call. */
		return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0 ?
			       "a seccomp filter answers that there is no set_mempolicy" :
			       "the kernel is built without NUMA";
	case EINVAL:
		return "the kernel does not know the mode, or a node is outside of the cpuset";
	case EBUSY:
		return "the kernel reports another policy than the one that was set";
	default:
		return strerror(error);
	}
}

/* Walks the choices, best first, with the real call on the real nodes. */
static int apply_mempolicy(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	int r = -EINVAL;

	(void)environment;
	for (size_t i = 0; i < op->u.memory.n_choices; i++) {
		const char *name = mempolicy_describe(m, &op->u.memory.choices[i]);

		r = mempolicy_set(&op->u.memory.choices[i]);
		if (r == 0) {
			if (i > 0)
				*ret_detail = mem_printf(m, "%s: %s", name, *ret_detail);
			return i > 0 ? 1 : 0;
		}
		*ret_detail = mem_printf(m, "%s was refused: %s", name, mempolicy_explain(-r));
	}
	return r;
}

static int apply_thp(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	int wanted = op->u.thp.disable ? (int)(1 | op->u.thp.flags) : 0, now;

	(void)environment;
	if (prctl(PR_SET_THP_DISABLE, op->u.thp.disable, op->u.thp.flags, 0, 0) < 0) {
		int error = errno;

		if (error == EINVAL && op->u.thp.flags)
			*ret_detail = "this kernel cannot (6.18 and later can)";
		return -error;
	}
	now = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	if (now != wanted) {
		*ret_detail = mem_printf(m, "the kernel reports state %d instead of %d", now, wanted);
		return -EBUSY;
	}
	return 0;
}

static rlim_t limit_to_rlim(int64_t value)
{
	return value == FACT_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
}

static int apply_rlimit(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	const struct rlimit wanted = { limit_to_rlim(op->u.rlimit.limit.soft), limit_to_rlim(op->u.rlimit.limit.hard) };

	(void)m;
	(void)environment;
	if (setrlimit((__rlimit_resource_t)op->u.rlimit.resource, &wanted) == 0)
		return 0;
	if (errno == EPERM)
		*ret_detail = "not permitted: above the hard limit, which needs CAP_SYS_RESOURCE";
	return errno == EPERM ? -EPERM : -errno;
}

static int apply_oom_score(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%d", (int)op->u.oom_score_adj);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int error = 0;

	(void)m;
	(void)environment;
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)length) != length)
		error = errno;
	close(fd);
	if (error == EACCES || error == EPERM)
		*ret_detail = "not permitted: going below the current value needs CAP_SYS_RESOURCE";
	return -error;
}

static int apply_environment(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	(void)ret_detail;
	*environment = environment_with(m, *environment, op->u.environment.variable, op->u.environment.text);
	return 0;
}

static int apply_children(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	const struct parts *marks = op->u.children.marks;

	(void)ret_detail;
	for (size_t i = 0; i < marks->n; i++)
		*environment = environment_with(m, *environment, marks->items[i].name, marks->items[i].value);
	if (op->u.children.has_pid)
		*environment = environment_with(m, *environment, INHERITANCE_PID, mem_printf(m, "%d", (int)getpid()));
	return 0;
}

/* What changing the user changes, and what a failure half way puts back. */
struct identity {
	uid_t uid[3];
	gid_t gid[3];
	gid_t *groups;
	int n_groups;
};

static int identity_read(struct mem *m, struct identity *ret)
{
	int n = getgroups(0, NULL);

	if (n < 0)
		return -errno;
	ret->groups = mem_alloc(m, ((size_t)n + 1) * sizeof *ret->groups);
	ret->n_groups = getgroups(n, ret->groups);
	if (ret->n_groups < 0 || getresuid(&ret->uid[0], &ret->uid[1], &ret->uid[2]) < 0 ||
	    getresgid(&ret->gid[0], &ret->gid[1], &ret->gid[2]) < 0)
		return -errno;
	return 0;
}

static int identity_set(const struct account_facts *a)
{
	uid_t uid = (uid_t)a->uid, now[3];
	gid_t gid = (gid_t)a->gid;

	if (setgroups(a->n_groups, a->groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (getresuid(&now[0], &now[1], &now[2]) < 0 || now[0] != uid || now[1] != uid || now[2] != uid)
		return -EBUSY;
	return 0;
}

void apply_user_environment(struct mem *m, const struct operation *op, char ***environment)
{
	for (size_t i = 0; i < op->parts.n; i++)
		*environment = environment_with(m, *environment, op->parts.items[i].name, op->parts.items[i].value);
}

static int apply_user(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	struct identity before;
	int r = identity_read(m, &before);

	if (r < 0)
		return r;
	/* The caps step comes after this one and still needs what it is to drop. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	r = identity_set(op->u.account);
	if (r == -EPERM)
		*ret_detail = "not permitted: changing the user needs CAP_SETUID and CAP_SETGID";
	if (r < 0) {
		/* All or nothing; what cannot be put back either was never changed. */
		if (setresgid(before.gid[0], before.gid[1], before.gid[2]) == 0 &&
		    setgroups((size_t)before.n_groups, before.groups) == 0)
			prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
		return r;
	}
	apply_user_environment(m, op, environment);
	return 0;
}

/* All three vectors that survive exec, by libcap: inheritable, ambient, bounding. */
static int caps_set_inherited(uint64_t keep)
{
	cap_iab_t iab = cap_iab_init();
	int error = 0;

	if (!iab)
		return -ENOMEM;
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		bool is_kept = (keep & (UINT64_C(1) << c)) != 0;

		if (cap_iab_set_vector(iab, CAP_IAB_BOUND, c, is_kept ? CAP_CLEAR : CAP_SET) < 0 ||
		    (is_kept && cap_iab_set_vector(iab, CAP_IAB_AMB, c, CAP_SET) < 0))
			error = errno;
	}
	if (!error && cap_iab_set_proc(iab) < 0)
		error = errno;
	cap_free(iab);
	return -error;
}

/* The ambient set alone, which needs no capability, once `keep` is inheritable. */
static int caps_set_ambient(uint64_t keep)
{
	if (cap_reset_ambient() < 0)
		return -errno;
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if ((keep & (UINT64_C(1) << c)) && cap_set_ambient(c, CAP_SET) < 0)
			return -errno;
	}
	return 0;
}

static int caps_set_own(uint64_t keep)
{
	cap_t caps = cap_init();
	int error = 0;

	if (!caps)
		return -ENOMEM;
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		if (!(keep & (UINT64_C(1) << c)))
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &c, CAP_SET) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &c, CAP_SET) < 0 ||
		    cap_set_flag(caps, CAP_INHERITABLE, 1, &c, CAP_SET) < 0)
			error = errno;
	}
	if (!error && cap_set_proc(caps) < 0)
		error = errno;
	cap_free(caps);
	return -error;
}

static int apply_caps(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	int r = op->u.caps.leaves_bounding ? 0 : caps_set_inherited(op->u.caps.keep);

	(void)m;
	(void)environment;
	if (r == 0)
		r = caps_set_own(op->u.caps.keep);
	if (r == 0 && op->u.caps.leaves_bounding)
		r = caps_set_ambient(op->u.caps.keep);
	if (r == -EPERM)
		*ret_detail = "not permitted: dropping from the bounding set needs CAP_SETPCAP";
	return r;
}

static int apply_no_new_privs(struct mem *m, struct operation *op, char ***environment, const char **ret_detail)
{
	(void)m;
	(void)op;
	(void)environment;
	(void)ret_detail;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static applier *const appliers[] = {
	[OP_NOTHING] = NULL,
	[OP_AFFINITY] = apply_affinity,
	[OP_MEMPOLICY] = apply_mempolicy,
	[OP_THP] = apply_thp,
	[OP_RLIMIT] = apply_rlimit,
	[OP_OOM_SCORE] = apply_oom_score,
	[OP_ENVIRONMENT] = apply_environment,
	[OP_CHILDREN] = apply_children,
	[OP_USER] = apply_user,
	[OP_CAPS] = apply_caps,
	[OP_NO_NEW_PRIVS] = apply_no_new_privs,
};

void apply_plan(struct mem *m, struct plan *plan, enum step first, enum step last, char ***environment)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		struct operation *op = &plan->operations[i];
		const char *detail = NULL;
		int r;

		if (op->step < first || op->step > last || op->outcome != OUTCOME_PLANNED)
			continue;
		r = appliers[op->kind](m, op, environment, &detail);
		op->outcome = r == 0 ? OUTCOME_DONE : r > 0 ? OUTCOME_DEGRADED : OUTCOME_REFUSED;
		op->detail = detail ? detail : r < 0 ? mem_strdup(m, strerror(-r)) : NULL;
	}
}
