/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own state: THP, resource limits, oom score. Pure. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "decide/decision.h"
#include "facts/names.h"
#include "util/kernel_abi.h"
#include "util/size.h"

#define THP "transparent hugepages"
#define OOM_SCORE "oom-score"

static struct operation *thp_set(const struct decision *d, unsigned long disable, unsigned long flags,
				 const char *value, const char *why)
{
	struct operation *op = policy_add(d, STEP_THP, OP_THP, THP);

	op->u.thp.disable = disable;
	op->u.thp.flags = flags;
	op->value = value;
	op->why = why;
	return op;
}

static void thp_decide_advised(const struct decision *d, const char *where)
{
	const struct thp_facts *thp = &d->facts->thp;

	if (d->facts->process.status.thp == THP_PROCESS_EXCEPT_ADVISED)
		policy_leave(d, STEP_THP, THP, "already only where advised");
	else if (thp->enabled == THP_MADVISE && d->facts->process.status.thp != THP_PROCESS_DISABLED)
		policy_leave(d, STEP_THP, THP, "the host gives them only where advised already (enabled=madvise)");
	else if (thp->enabled == THP_NEVER)
		policy_leave(d, STEP_THP, THP, "the host has them off (enabled=never)");
	else
		thp_set(d, 1, PR_THP_DISABLE_EXCEPT_ADVISED, "only where advised",
			mem_printf(d->m, "no hugepage that nobody asked for: no bloat, no stall (%s)", where));
}

static void thp_decide_on(const struct decision *d, const char *where)
{
	const struct thp_facts *thp = &d->facts->thp;

	if (thp->enabled == THP_NEVER)
		policy_refuse(d, STEP_THP, THP, "the host has them off (enabled=never); only the node can change that");
	else if (d->facts->process.status.thp == THP_PROCESS_ALLOWED)
		policy_leave(d, STEP_THP, THP,
			     mem_printf(d->m, "this process may have them; the allocator asks for them (%s)", where));
	else
		thp_set(d, 0, 0, "allowed",
			mem_printf(d->m, "a parent had switched them off for this process (%s)", where));
}

void policy_decide_thp(const struct decision *d)
{
	const struct thp_facts *thp = &d->facts->thp;
	struct setting s = policy_setting(d, KEY_THP);

	if (policy_is_off(d, STEP_THP, THP))
		return;
	if (thp->known == TRI_NO && strcmp(s.text, "on") == 0)
		policy_refuse(d, STEP_THP, THP, "the kernel has none");
	else if (thp->known == TRI_NO)
		policy_leave(d, STEP_THP, THP, "the kernel has none");
	else if (strcmp(s.text, "advised") == 0)
		thp_decide_advised(d, s.where);
	else if (strcmp(s.text, "on") == 0)
		thp_decide_on(d, s.where);
	else if (strcmp(s.text, "off") == 0 && d->facts->process.status.thp == THP_PROCESS_DISABLED)
		policy_leave(d, STEP_THP, THP, "already off for this process");
	else if (strcmp(s.text, "off") == 0)
		thp_set(d, 1, 0, "off", mem_printf(d->m, "for this process and its children (%s)", s.where));
	else if (d->facts->process.status.thp == THP_PROCESS_DISABLED)
		policy_leave(d, STEP_THP, THP, "inherited, and a parent has switched them off for this process");
	else
		policy_leave(d, STEP_THP, THP, mem_printf(d->m, "inherited (%s)", s.where));
}

/* "inherit", "hard", or a size that both limits shall have room for. */
static void limits_decide_one(const struct decision *d, const char *name, enum key key, const struct limit *now)
{
	const struct setting *s = &d->options->settings[key];
	struct limit wanted = *now;
	struct operation *op;

	if (strcmp(s->text, "inherit") == 0) {
		policy_leave(d, STEP_RLIMITS, name, mem_printf(d->m, "inherited (%s)", s->where));
		return;
	}
	if (now->soft == FACT_UNKNOWN || now->hard == FACT_UNKNOWN) {
		policy_refuse(d, STEP_RLIMITS, name, "the current limit is not known");
		return;
	}
	if (strcmp(s->text, "hard") == 0) {
		wanted.soft = now->hard;
	} else {
		size_parse(s->text, &wanted.soft); /* checked when the option was read */
		if (wanted.hard < wanted.soft)
			wanted.hard = wanted.soft;
	}
	if (wanted.soft == now->soft && wanted.hard == now->hard) {
		policy_leave(d, STEP_RLIMITS, name, mem_printf(d->m, "already %s", limit_format(d->m, now->soft)));
		return;
	}
	op = policy_add(d, STEP_RLIMITS, OP_RLIMIT, name);
	op->u.rlimit.limit = wanted;
	op->value = limit_format(d->m, wanted.soft);
	op->why = mem_printf(d->m, "was %s; %s (%s)", limit_format(d->m, now->soft),
			     strcmp(s->text, "hard") == 0 ? "the soft limit goes up to the hard one" : "asked for",
			     s->where);
}

static void oom_score_decide(const struct decision *d)
{
	const struct setting *s = &d->options->settings[KEY_OOM_SCORE_ADJ];
	struct operation *op;
	long wanted;

	if (policy_is_off(d, STEP_OOM_SCORE, OOM_SCORE))
		return;
	wanted = strtol(s->text, NULL, 10);
	if (strcmp(s->text, "inherit") == 0) {
		policy_leave(d, STEP_OOM_SCORE, OOM_SCORE, mem_printf(d->m, "inherited (%s)", s->where));
	} else if (d->facts->process.limits.oom_score_adj == wanted && wanted != FACT_UNKNOWN) {
		policy_leave(d, STEP_OOM_SCORE, OOM_SCORE, mem_printf(d->m, "already %ld", wanted));
	} else {
		op = policy_add(d, STEP_OOM_SCORE, OP_OOM_SCORE, OOM_SCORE);
		op->u.oom_score_adj = wanted;
		op->value = mem_printf(d->m, "%ld", wanted);
		op->why = mem_printf(d->m, "asked for (%s)", s->where);
	}
}

/* Of a limit that is left alone, too, the record says which it is. */
static void limits_decide(const struct decision *d, const char *name, int resource, enum key key,
			  const struct limit *now)
{
	limits_decide_one(d, name, key, now);
	d->plan->operations[d->plan->n_operations - 1].u.rlimit.resource = resource;
}

void policy_decide_limits(const struct decision *d)
{
	if (!policy_is_off(d, STEP_RLIMITS, "resource limits")) {
		limits_decide(d, "locked memory", RLIMIT_MEMLOCK, KEY_MEMLOCK, &d->facts->process.limits.memlock);
		limits_decide(d, "core dumps", RLIMIT_CORE, KEY_CORE, &d->facts->process.limits.core);
	}
	oom_score_decide(d);
}
