/* SPDX-License-Identifier: Apache-2.0 */
/* The launch record against the process now. Pure. */
#include "audit/checks/assess_process.h"

#include <string.h>
#include <sys/capability.h>

#include "decide/plan.h"
#include "facts/names.h"
#include "report/report.h"
#include "util/kernel_abi.h"
#include "util/size.h"
#include "util/text.h"

ASSESS(audit_launch_record)
{
	struct finding f;

	if (audit_cannot_tell(m, p, &f) && p->state != LIVE_DENIED)
		return f;
	if (!p->record)
		return finding_skip(m, "it has none: not launched by allocrun, or with --record none, or with no "
				       "place to write one (/run/allocrun)");
	if (p->record->is_unread)
		return finding_unknown(m, "%s: %s", p->record->path, p->record->problem);
	if (p->record->problem)
		return finding_warn(m, "%s: %s", p->record->path, p->record->problem);
	for (size_t i = 0; i < p->record->n_steps; i++) {
		const struct live_step *s = &p->record->steps[i];

		if (strcmp(s->outcome, "refused") == 0 || strcmp(s->outcome, "degraded") == 0)
			return finding_warn(m, "%s: step %s (%s) was %s at the launch", p->record->path, s->step,
					    s->name, s->outcome);
	}
	return finding_ok(m, "%s: launched by allocrun %s, every step done", p->record->path,
			  p->record->version ? p->record->version : "?");
}

/*
 * The step, when it was carried out and can be compared; NULL with the finding that
 * says why there is nothing to compare.
 */
static const struct live_step *drift_step(struct mem *m, const struct live_process *p, const char *step,
					  const char *resource, struct finding *ret)
{
	const struct live_step *s;

	if (audit_cannot_tell(m, p, ret))
		return NULL;
	s = audit_record_step(p, step, resource);
	if (!s && resource && audit_record_step(p, step, NULL))
		*ret = finding_skip(m, "the launch left it alone");
	else if (!s)
		*ret = finding_skip(m, "no launch record says what it should be");
	else if (strcmp(s->outcome, "degraded") == 0 || strcmp(s->outcome, "refused") == 0)
		*ret = finding_skip(m, "the launch asked for %s, which was %s", s->value ? s->value : s->name,
				    s->outcome);
	else if (strcmp(s->outcome, "done") != 0 || !s->value)
		*ret = finding_skip(m, "the launch left it alone");
	else
		return s;
	return NULL;
}

ASSESS(audit_affinity_in_force)
{
	struct finding f;
	const struct live_step *s = drift_step(m, p, "affinity", NULL, &f);

	if (!s)
		return f;
	if (s->set.kind != SET_CPUS || bitmap_is_empty(&p->status.cpus))
		return finding_unknown(m, "its CPUs cannot be compared with '%s'", s->value);
	/* A worker that narrows its own binding is within what it was given. */
	if (bitmap_is_subset(&p->status.cpus, s->set.cpus))
		return finding_ok(m, "CPUs %s", bitmap_format_list(m, &p->status.cpus));
	return finding_fail(m, "CPUs %s, launched on %s", bitmap_format_list(m, &p->status.cpus), s->value);
}

ASSESS(audit_mempolicy_in_force)
{
	struct finding f;
	const struct live_step *s = drift_step(m, p, "mempolicy", NULL, &f);
	struct mempolicy wanted, found = { .mode = (int)p->memory_policy, .nodes = p->policy_nodes };
	const char *words;

	if (!s)
		return f;
	if (p->memory_policy == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/%lld/numa_maps cannot be read", (long long)p->pid);
	words = mempolicy_describe(m, &found);
	if (s->set.kind != SET_POLICY)
		return finding_unknown(m, "%s cannot be compared with '%s'", words, s->value);
	wanted = (struct mempolicy){ .mode = (int)s->set.policy, .nodes = *s->set.nodes };
	/* The kernel keeps the words of a policy whose nodes a cpuset has taken away since. */
	if (!bitmap_is_empty(&p->status.memory_nodes) && !bitmap_is_subset(&p->policy_nodes, &p->status.memory_nodes))
		return finding_warn(m, "%s, but its cpuset lets it have memory of nodes %s only", words,
				    bitmap_format_list(m, &p->status.memory_nodes));
	if (mempolicy_is_answer(&wanted, &found))
		return finding_ok(m, "%s", words);
	/* Servers bind their workers by themselves: that is for a person to judge. */
	return finding_warn(m, "%s, launched with %s", words, s->value);
}

ASSESS(audit_thp_in_force)
{
	struct finding f;
	const struct live_step *s = drift_step(m, p, "thp", NULL, &f);

	if (!s)
		return f;
	if (p->status.thp == THP_PROCESS_UNKNOWN)
		return finding_unknown(m, "the kernel does not say (THP_enabled in /proc/PID/status, 5.0)");
	if (s->set.kind != SET_THP)
		return finding_unknown(m, "it cannot be compared with '%s'", s->value);
	if (p->status.thp == THP_PROCESS_DISABLED && s->set.thp != THP_PROCESS_DISABLED)
		return finding_fail(m, "switched off, launched with %s", s->value);
	if (p->status.thp == THP_PROCESS_ALLOWED && s->set.thp == THP_PROCESS_DISABLED)
		return finding_fail(m, "allowed, launched with %s", s->value);
	return finding_ok(m, "%s", s->value);
}

/* The capabilities of a set: "cap_sys_admin, cap_net_raw"; NULL = none. */
static const char *drift_list_capabilities(struct mem *m, uint64_t mask)
{
	const char *list = NULL;

	for (int i = 0; i < 64; i++) {
		char *name = mask >> i & 1 ? cap_to_name((cap_value_t)i) : NULL;

		if (name)
			text_list(m, &list, mem_strdup(m, name));
		cap_free(name);
	}
	return list;
}

/* NULL, or in which way the user is another than the launch set: "vllm (1000:1000, 1 groups)". */
static const char *drift_compare_user(struct mem *m, const struct live_process *p, const struct live_step *s)
{
	if (s->set.kind != SET_USER || p->status.uid == s->set.uid)
		return NULL;
	return mem_printf(m, "its user is %lld, launched as %s", (long long)p->status.uid, s->value);
}

/* Of the steps that take privileges away: the user too, and what is not read. */
ASSESS(audit_capabilities_left)
{
	struct finding f, other;
	const struct live_step *caps = drift_step(m, p, "caps", NULL, &f);
	const struct live_step *user = drift_step(m, p, "user", NULL, &other);
	const char *more, *changed,
		*unread = drift_step(m, p, "no-new-privs", NULL, &other) ? "; no-new-privs is not compared" : "";

	/* In a container a user may have another number than here. */
	if (user && p->other_mounts != TRI_NO) {
		unread = mem_printf(m, "%s; the user is not compared", unread);
		user = NULL;
	}
	changed = user ? drift_compare_user(m, p, user) : NULL;
	if (changed)
		return finding_fail(m, "%s%s", changed, unread);
	if (!caps && user)
		return finding_ok(m, "user %s%s", user->value, unread);
	if (!caps) {
		f.observed = mem_printf(m, "%s%s", f.observed, unread);
		return f;
	}
	if (p->status.capabilities_known != TRI_YES)
		return finding_unknown(m, "its capabilities cannot be read");
	if (caps->set.kind != SET_CAPABILITIES)
		return finding_unknown(m, "its capabilities cannot be compared with '%s'", caps->value);
	more = drift_list_capabilities(m, p->status.effective & ~caps->set.capabilities);
	if (more)
		return finding_fail(m, "in effect are %s, launched with %s", more, caps->value);
	return finding_ok(m, "%s%s%s%s", caps->value, user ? ", user " : "", user ? user->value : "", unread);
}

/* NULL, or how near what is locked is to its limit. */
static const char *limits_check_locked(struct mem *m, const struct live_process *p, const struct thresholds *t)
{
	/* The kernel holds each of the two against the limit (mlock(2), ib_umem_get()). */
	int64_t locked = p->status.locked > p->status.pinned ? p->status.locked : p->status.pinned,
		limit = p->limits.memlock.soft;

	if (limit == FACT_UNKNOWN || limit == FACT_UNLIMITED || locked <= 0 ||
	    (p->status.capabilities_known == TRI_YES && p->status.effective >> CAP_IPC_LOCK & 1) ||
	    audit_percent(locked, limit) < t->values[THRESHOLD_LOCKED_WARN])
		return NULL;
	return mem_printf(m, "%s are locked or pinned, of at most %s", size_format(m, locked), size_format(m, limit));
}

/* What the launch set, against what is. */
static struct finding limits_compare(struct mem *m, const struct live_process *p)
{
	const struct {
		const char *step, *resource, *name;
		int64_t now;
	} limits[] = {
		{ "rlimits", "memlock", "locked memory", p->limits.memlock.soft },
		{ "rlimits", "core", "core dumps", p->limits.core.soft },
		{ "oom-score", NULL, "oom-score", p->limits.oom_score_adj },
	};
	const char *well = NULL, *changed = NULL, *unread = NULL;
	struct finding first, f;

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct live_step *s = drift_step(m, p, limits[i].step, limits[i].resource, i ? &f : &first);
		const char *name = limits[i].name, *text = limit_format(m, limits[i].now);
		int64_t wanted;

		if (!s)
			continue;
		wanted = s->set.kind == SET_LIMIT ? s->set.limit.soft : s->set.oom_score_adj;
		if (s->set.kind == SET_NOTHING || (s->set.kind == SET_LIMIT && wanted == FACT_UNKNOWN))
			text_list(m, &unread, name);
		else if (limits[i].now == wanted)
			text_list(m, &well, mem_printf(m, "%s: %s", name, text));
		else if (limits[i].now == FACT_UNKNOWN)
			text_list(m, &unread, name);
		else
			text_list(m, &changed, mem_printf(m, "%s: %s, launched with %s", name, text, s->value));
	}
	if (changed)
		return finding_warn(m, "%s", changed);
	if (unread)
		return finding_unknown(m, "%s of /proc/%lld cannot be read", unread, (long long)p->pid);
	return well ? finding_ok(m, "%s", well) : first;
}

ASSESS(audit_limits_in_force)
{
	struct finding f = limits_compare(m, p);
	const char *locked = p->state == LIVE_RUNNING ? limits_check_locked(m, p, t) : NULL;

	if (!locked)
		return f;
	f = f.status == CHECK_WARN ? finding_warn(m, "%s; %s", f.observed, locked) : finding_warn(m, "%s", locked);
	f.fix = "LimitMEMLOCK=infinity in the unit, docker run --ulimit memlock=-1; for one that runs: prlimit --pid PID --memlock=unlimited";
	return f;
}
