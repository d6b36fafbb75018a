/* SPDX-License-Identifier: Apache-2.0 */
/* Transparent hugepages: mode, stalls, what a parent has switched off, fragments. Pure. */
#include "audit/checks/assess.h"

#include <string.h>

#include "facts/names.h"
#include "report/report.h"
#include "util/size.h"
#include "util/text.h"

/*
 * Below so many faults since boot a share says nothing. Fragments of a node with less
 * free memory neither: what the page cache holds is compacted when it is needed.
 */
#define FAULTS_LEAST 1000
#define FREE_LEAST (INT64_C(1) << 30)
/* Percent of the free memory that lies in whole huge pages: a start value. */
#define HUGE_LEAST 10

/* Sizes other than the PMD's that are given out unasked; NULL = none. */
static const char *thp_eager_sizes(struct mem *m, const struct thp_facts *thp)
{
	const char *list = NULL;

	for (size_t i = 0; i < thp->n_sizes; i++) {
		if (strcmp(thp->sizes[i].enabled, "always") == 0)
			text_list(m, &list, size_format(m, thp->sizes[i].size));
	}
	return list;
}

/* "inherit" says that a size does as the plain file does: only it makes "always" come true. */
static bool thp_is_overruled(const struct thp_facts *thp)
{
	for (size_t i = 0; i < thp->n_sizes; i++) {
		if (strcmp(thp->sizes[i].enabled, "inherit") == 0)
			return false;
	}
	return thp->n_sizes > 0;
}

static struct finding thp_assess_mode(struct mem *m, const struct audit_facts *a)
{
	const struct thp_facts *thp = &a->machine->thp;
	const char *eager = thp_eager_sizes(m, thp), *wanted = audit_setting(a->plan, "thp");

	if (thp->known == TRI_NO)
		return finding_skip(m, "the kernel has no transparent hugepages");
	if (thp->known != TRI_YES)
		return finding_unknown(m, "/sys/kernel/mm/transparent_hugepage cannot be read");
	if (thp->enabled == THP_ALWAYS && !thp_is_overruled(thp))
		return finding_warn(m, "enabled=always: every large mapping of every process "
				       "gets them");
	if (eager)
		return finding_warn(m, "enabled=%s, but always for %s", thp_mode_name(thp->enabled), eager);
	if (thp->enabled == THP_NEVER && strcmp(wanted, "on") == 0)
		return finding_fail(m, "enabled=never, and the policy asks for thp on");
	if (thp->enabled == THP_NEVER && strcmp(wanted, "advised") == 0)
		return finding_warn(m, "enabled=never, and the policy asks for thp advised");
	return finding_ok(m, "enabled=%s", thp_mode_name(thp->enabled));
}

ASSESS(audit_thp_mode)
{
	return audit_by_policy(m, a, "thp-enabled", "enabled", thp_mode_name(a->machine->thp.enabled),
			       thp_assess_mode(m, a));
}

/* Huge page faults that fell back for want of a whole block, in percent; FACT_UNKNOWN. */
static int64_t thp_fallback_share(const struct node_vmstat *events, int64_t *ret_tries)
{
	int64_t fallbacks = events->thp_fallbacks, tries;

	if (events->thp_faults == FACT_UNKNOWN || fallbacks == FACT_UNKNOWN)
		return FACT_UNKNOWN;
	/* A memory limit that is reached counts here too, and is no fragment. */
	if (events->thp_fallbacks_charge > 0)
		fallbacks -= events->thp_fallbacks_charge;
	if (fallbacks < 0)
		fallbacks = 0;
	if (__builtin_add_overflow(events->thp_faults, fallbacks, &tries))
		return FACT_UNKNOWN;
	*ret_tries = tries;
	return audit_percent(fallbacks, tries);
}

static struct finding thp_assess_defrag(struct mem *m, const struct audit_facts *a, const struct thresholds *t)
{
	const struct thp_facts *thp = &a->machine->thp;
	const char *defrag = thp->defrag;
	int64_t tries = 0, share = thp_fallback_share(&a->node->events, &tries);
	bool is_eager = thp->enabled == THP_ALWAYS || thp_eager_sizes(m, thp);

	if (thp->known == TRI_NO)
		return finding_skip(m, "the kernel has no transparent hugepages");
	if (thp->known != TRI_YES || !*defrag)
		return finding_unknown(m, "/sys/kernel/mm/transparent_hugepage/defrag cannot be "
					  "read");
	if (thp->enabled == THP_NEVER && !is_eager)
		return finding_ok(m, "defrag=%s, without effect: enabled=never", defrag);
	if (strcmp(defrag, "always") == 0)
		return is_eager ? finding_fail(m, "defrag=always: any page fault may stop to "
						  "compact memory") :
				  finding_warn(m, "defrag=always: faults in advised memory stop to compact it");
	/* Both make the fault wait in memory that has asked: harmless until there is none left. */
	if (strstr(defrag, "madvise") && tries >= FAULTS_LEAST && share >= t->values[THRESHOLD_THP_FALLBACK_WARN])
		return finding_warn(m,
				    "defrag=%s, and %lld%% of the huge page faults found no "
				    "block: those "
				    "in advised memory had stopped to compact first",
				    defrag, (long long)share);
	return finding_ok(m, "defrag=%s", defrag);
}

ASSESS(audit_thp_defrag)
{
	return audit_by_policy(m, a, "thp-defrag", "defrag", a->machine->thp.defrag, thp_assess_defrag(m, a, t));
}

ASSESS(audit_thp_inherited)
{
	const char *wanted = audit_setting(a->plan, "thp");

	if (a->machine->thp.known == TRI_NO)
		return finding_skip(m, "the kernel has no transparent hugepages");
	switch (a->machine->process.status.thp) {
	case THP_PROCESS_ALLOWED:
		return finding_ok(m, "not switched off for this process");
	case THP_PROCESS_EXCEPT_ADVISED:
		if (strcmp(wanted, "advised") == 0)
			return finding_ok(m, "only where advised, as the policy says");
		return finding_warn(m,
				    "a parent has limited them to advised memory (3); the "
				    "policy says thp %s",
				    wanted);
	case THP_PROCESS_DISABLED:
		if (strcmp(wanted, "off") == 0)
			return finding_ok(m, "switched off, as the policy says");
		return finding_fail(m,
				    "a parent has switched them off for this process and all "
				    "it starts; "
				    "the policy says thp %s",
				    wanted);
	default:
		return finding_unknown(m, "the kernel does not tell whether a parent has "
					  "switched them off");
	}
}

/* The node whose free memory is in the smallest pieces, by its share; NULL = none worth a word. */
static const struct node_free *free_worst(const struct node_facts *node, int64_t *ret_share)
{
	const struct node_free *worst = NULL;

	for (size_t i = 0; i < node->n_free; i++) {
		const struct node_free *f = &node->free[i];
		int64_t share = audit_percent(f->huge, f->bytes);

		if (f->huge == FACT_UNKNOWN || f->bytes < FREE_LEAST || (worst && share >= *ret_share))
			continue;
		worst = f;
		*ret_share = share;
	}
	return worst;
}

static const char *free_describe(struct mem *m, const struct node_free *f, int64_t share)
{
	return !f ? "" :
		    mem_printf(m, "; %lld%% of the %s free on node %d is in whole huge pages", (long long)share,
			       size_format(m, f->bytes), f->node);
}

ASSESS(audit_fragmentation)
{
	const struct node_vmstat *events = &a->node->events;
	int64_t tries = 0, share = thp_fallback_share(events, &tries), free_share = 0;
	const struct node_free *worst = free_worst(a->node, &free_share);
	const char *now = free_describe(m, worst, free_share);
	const char *stalls = events->compact_stalls > 0 ? mem_printf(m, "; %lld allocations stopped to compact",
								     (long long)events->compact_stalls) :
							  "";

	if (a->machine->thp.known == TRI_NO)
		return finding_skip(m, "the kernel has no transparent hugepages");
	if (share == FACT_UNKNOWN && !a->node->n_free)
		return finding_unknown(m, "neither /proc/vmstat nor /proc/buddyinfo can be read");
	if (tries >= FAULTS_LEAST && share > t->values[THRESHOLD_THP_FALLBACK_FAIL])
		return finding_fail(m,
				    "%lld%% of %lld huge page faults since boot found no "
				    "block%s%s",
				    (long long)share, (long long)tries, stalls, now);
	if (tries >= FAULTS_LEAST && share >= t->values[THRESHOLD_THP_FALLBACK_WARN])
		return finding_warn(m,
				    "%lld%% of %lld huge page faults since boot found no "
				    "block%s%s",
				    (long long)share, (long long)tries, stalls, now);
	if (worst && free_share < HUGE_LEAST)
		return finding_warn(m, "%lld%% of the %s free on node %d is in whole huge pages%s",
				    (long long)free_share, size_format(m, worst->bytes), worst->node, stalls);
	if (share == FACT_UNKNOWN)
		return finding_unknown(m,
				       "/proc/vmstat does not say how many huge page faults "
				       "fell back%s",
				       now);
	if (tries < FAULTS_LEAST)
		return finding_ok(m, "%lld huge page faults since boot, too few for a share%s", (long long)tries, now);
	return finding_ok(m, "%lld%% of %lld huge page faults since boot found no block%s%s", (long long)share,
			  (long long)tries, stalls, now);
}
