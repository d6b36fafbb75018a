/* SPDX-License-Identifier: Apache-2.0 */
/* The launch record against the process now. Pure. */
#include "audit/checks/assess_process.h"

#include <linux/mempolicy.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "decide/plan.h"
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
					  const char *name, struct finding *ret)
{
	const struct live_step *s;

	if (audit_cannot_tell(m, p, ret))
		return NULL;
	s = audit_record_step(p, step, name);
	if (!s)
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
	static const char prefix[] = "CPUs ";
	struct finding f;
	const struct live_step *s = drift_step(m, p, "affinity", NULL, &f);
	struct bitmap wanted;

	if (!s)
		return f;
	if (strncmp(s->value, prefix, sizeof prefix - 1) != 0 ||
	    bitmap_parse_list(s->value + sizeof prefix - 1, &wanted) < 0 || bitmap_is_empty(&p->cpus))
		return finding_unknown(m, "its CPUs cannot be compared with '%s'", s->value);
	/* A worker that narrows its own binding is within what it was given. */
	if (bitmap_is_subset(&p->cpus, &wanted))
		return finding_ok(m, "CPUs %s", bitmap_format_list(m, &p->cpus));
	return finding_fail(m, "CPUs %s, launched on %s", bitmap_format_list(m, &p->cpus), s->value);
}

ASSESS(audit_mempolicy_in_force)
{
	struct finding f;
	const struct live_step *s = drift_step(m, p, "mempolicy", NULL, &f);
	struct mempolicy found = { .mode = (int)p->memory_policy, .nodes = p->policy_nodes };
	const char *words;

	if (!s)
		return f;
	if (p->memory_policy == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/%lld/numa_maps cannot be read", (long long)p->pid);
	words = mempolicy_describe(m, &found);
	/* The kernel keeps the words of a policy whose nodes a cpuset has taken away since. */
	if (!bitmap_is_empty(&p->memory_nodes) && !bitmap_is_subset(&p->policy_nodes, &p->memory_nodes))
		return finding_warn(m, "%s, but its cpuset lets it have memory of nodes %s only", words,
				    bitmap_format_list(m, &p->memory_nodes));
	if (strcmp(words, s->value) == 0)
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
	if (p->thp == THP_PROCESS_UNKNOWN)
		return finding_unknown(m, "the kernel does not say (THP_enabled in /proc/PID/status, 5.0)");
	if (p->thp == THP_PROCESS_DISABLED && strcmp(s->value, "off") != 0)
		return finding_fail(m, "switched off, launched with %s", s->value);
	if (p->thp == THP_PROCESS_ALLOWED && strcmp(s->value, "off") == 0)
		return finding_fail(m, "allowed, launched with %s", s->value);
	return finding_ok(m, "%s", s->value);
}

/* Is it in "sys_nice,CAP_IPC_LOCK"? */
static bool drift_list_has(const char *list, const char *capability)
{
	static const char prefix[] = "cap_";

	for (size_t n; *list; list += n + (list[n] == ',')) {
		const char *word = list;
		size_t length = n = strcspn(list, ",");

		if (strncasecmp(word, prefix, sizeof prefix - 1) == 0) {
			word += sizeof prefix - 1;
			length -= sizeof prefix - 1;
		}
		if (strlen(capability) == length && strncasecmp(word, capability, length) == 0)
			return true;
	}
	return false;
}

/* Those in effect that "none" or "keep LIST" does not name: "cap_sys_admin, 40"; NULL. */
static const char *drift_list_capabilities(struct mem *m, uint64_t mask, const char *value)
{
	const char *keep = strncmp(value, "keep ", 5) == 0 ? value + 5 : "", *list = NULL;

	for (int i = 0; i < 64 && strcmp(keep, "all") != 0; i++) {
		char *name = mask >> i & 1 ? cap_to_name((cap_value_t)i) : NULL;

		if (!name)
			continue;
		if (!drift_list_has(keep, name + (strncmp(name, "cap_", 4) == 0 ? 4 : 0)))
			text_list(m, &list, mem_strdup(m, name));
		cap_free(name);
	}
	return list;
}

/* NULL, or in which way the user is another than the launch set: "vllm (1000:1000, 1 groups)". */
static const char *drift_compare_user(struct mem *m, const struct live_process *p, const struct live_step *s)
{
	const char *ids = strrchr(s->value, '(');
	int64_t uid;

	if (!ids || text_parse_i64(ids + 1, &uid, NULL) < 0 || p->uid == uid)
		return NULL;
	return mem_printf(m, "its user is %lld, launched as %s", (long long)p->uid, s->value);
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
	if (p->capabilities_known != TRI_YES)
		return finding_unknown(m, "its capabilities cannot be read");
	more = drift_list_capabilities(m, p->capabilities, caps->value);
	if (more)
		return finding_fail(m, "in effect are %s, launched with %s", more, caps->value);
	return finding_ok(m, "%s%s%s%s", caps->value, user ? ", user " : "", user ? user->value : "", unread);
}

/* NULL, or how near what is locked is to its limit. */
static const char *limits_check_locked(struct mem *m, const struct live_process *p, const struct thresholds *t)
{
	/* The kernel holds each of the two against the limit (mlock(2), ib_umem_get()). */
	int64_t locked = p->locked > p->pinned ? p->locked : p->pinned, limit = p->memlock.soft;

	if (limit == FACT_UNKNOWN || limit == FACT_UNLIMITED || locked <= 0 ||
	    (p->capabilities_known == TRI_YES && p->capabilities >> CAP_IPC_LOCK & 1) ||
	    audit_percent(locked, limit) < t->values[THRESHOLD_LOCKED_WARN])
		return NULL;
	return mem_printf(m, "%s are locked or pinned, of at most %s", size_format(m, locked), size_format(m, limit));
}

static const char *limits_format(struct mem *m, int64_t value)
{
	return value == FACT_UNLIMITED ? "unlimited" : mem_printf(m, "%lld", (long long)value);
}

/* What the launch set, against what is. */
static struct finding limits_compare(struct mem *m, const struct live_process *p)
{
	const struct {
		const char *step, *name;
		int64_t now;
	} limits[] = {
		{ "rlimits", "locked memory", p->memlock.soft },
		{ "rlimits", "core dumps", p->core.soft },
		{ "oom-score", "oom-score", p->oom_score_adj },
	};
	const char *well = NULL, *changed = NULL, *unread = NULL;
	struct finding first, f;

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct live_step *s = drift_step(m, p, limits[i].step, limits[i].name, i ? &f : &first);
		const char *now = limits_format(m, limits[i].now);

		if (s && strcmp(now, s->value) == 0)
			text_list(m, &well, mem_printf(m, "%s: %s", limits[i].name, now));
		else if (s && limits[i].now == FACT_UNKNOWN)
			text_list(m, &unread, limits[i].name);
		else if (s)
			text_list(m, &changed,
				  mem_printf(m, "%s: %s, launched with %s", limits[i].name, now, s->value));
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
