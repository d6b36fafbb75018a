/* SPDX-License-Identifier: Apache-2.0 */
/* Is there memory left: limit, machine, page cache, commit charge, swap. Pure. */
#include "audit/checks/assess.h"

#include <stdlib.h>
#include <string.h>

#include "facts/names.h"
#include "report/report.h"
#include "util/size.h"

/*
 * Above this the kernel takes anonymous memory readily (sysctl/vm.rst: 60 weighs it as
 * the page cache); a start value.
 */
#define SWAPPINESS_MOST 10
/* Percent of the memory that may be committed, under overcommit_memory=2: a start value. */
#define COMMIT_LEAST 80

static bool memory_is_limited(const struct cgroup_facts *cgroup)
{
	return cgroup->memory_max != FACT_UNKNOWN && cgroup->memory_max != FACT_UNLIMITED;
}

/* What cannot be had back at once: kubelet's working set, usage without inactive files. */
static int64_t memory_used(const struct audit_facts *a)
{
	int64_t used = a->machine->cgroup.memory_current, inactive = a->node->cgroup.inactive_file;

	return inactive > 0 && inactive < used ? used - inactive : used;
}

/* "; anon 3 GiB, shmem 1 GiB" */
static const char *memory_describe(struct mem *m, const struct node_cgroup *c)
{
	const char *peak = c->peak > 0 ? mem_printf(m, ", peak %s", size_format(m, c->peak)) : "";

	if (c->anon == FACT_UNKNOWN || c->shmem == FACT_UNKNOWN)
		return peak;
	return mem_printf(m, "; anonymous %s, shmem %s%s", size_format(m, c->anon), size_format(m, c->shmem), peak);
}

static enum check_status memory_status(const struct thresholds *t, int64_t percent, enum threshold warn,
				       enum threshold fail)
{
	if (percent > t->values[fail])
		return CHECK_FAIL;
	return percent >= t->values[warn] ? CHECK_WARN : CHECK_OK;
}

static struct finding memory_finding(struct mem *m, enum check_status status, const char *text)
{
	switch (status) {
	case CHECK_FAIL:
		return finding_fail(m, "%s", text);
	case CHECK_WARN:
		return finding_warn(m, "%s", text);
	default:
		return finding_ok(m, "%s", text);
	}
}

/* Without a limit of its own the machine's memory is the limit. */
static struct finding headroom_of_machine(struct mem *m, const struct audit_facts *a, const struct thresholds *t)
{
	int64_t total = a->machine->memory_total, available = a->node->memory.available, percent;

	if (total == FACT_UNKNOWN || available == FACT_UNKNOWN)
		return finding_unknown(m, "no limit, and /proc/meminfo does not say what is "
					  "available");
	percent = audit_percent(total - available, total);
	return memory_finding(m, memory_status(t, percent, THRESHOLD_OOM_HEADROOM_WARN, THRESHOLD_OOM_HEADROOM_FAIL),
			      mem_printf(m, "no limit; %lld%% of the machine's %s in use", (long long)percent,
					 size_format(m, total)));
}

static struct finding headroom_of_cgroup(struct mem *m, const struct audit_facts *a, const struct thresholds *t)
{
	const struct cgroup_facts *cgroup = &a->machine->cgroup;
	int64_t used = memory_used(a), percent = audit_percent(used, cgroup->memory_max);
	const char *text = mem_printf(m, "%lld%% of %s in use, without files that nobody needs%s", (long long)percent,
				      size_format(m, cgroup->memory_max), memory_describe(m, &a->node->cgroup));
	enum check_status status = memory_status(t, percent, THRESHOLD_OOM_HEADROOM_WARN, THRESHOLD_OOM_HEADROOM_FAIL);

	if (a->node->cgroup.oom_kills > 0)
		return finding_fail(m, "%s killed for want of memory below %s; %s",
				    audit_count(m, a->node->cgroup.oom_kills, "process"),
				    cgroup->memory_path ? cgroup->memory_path : "the limit", text);
	if (status != CHECK_FAIL && a->node->cgroup.oom_kills == FACT_UNKNOWN)
		return finding_unknown(m, "how many processes were killed cannot be read; %s", text);
	return memory_finding(m, status, text);
}

/* "6 GiB in use, above memory.high of 5 GiB: ..."; NULL: it is not. */
static const char *headroom_above_high(struct mem *m, const struct audit_facts *a)
{
	int64_t high = a->machine->cgroup.memory_high, most = a->machine->cgroup.memory_max;

	if (high == FACT_UNKNOWN || high == FACT_UNLIMITED || a->machine->cgroup.memory_current == FACT_UNKNOWN ||
	    high >= most || memory_used(a) < high)
		return NULL;
	return mem_printf(m, "%s in use, above memory.high of %s: allocations are slowed down",
			  size_format(m, memory_used(a)), size_format(m, high));
}

ASSESS(audit_oom_headroom)
{
	const struct cgroup_facts *cgroup = &a->machine->cgroup;
	const char *above;
	struct finding f;

	if (cgroup->memory_max == FACT_UNKNOWN)
		return finding_unknown(m, "the memory limit of the control group cannot be read");
	if (memory_is_limited(cgroup) && cgroup->memory_current == FACT_UNKNOWN)
		return finding_unknown(m, "a limit of %s, and how much is in use cannot be read",
				       size_format(m, cgroup->memory_max));
	f = memory_is_limited(cgroup) ? headroom_of_cgroup(m, a, t) : headroom_of_machine(m, a, t);
	above = headroom_above_high(m, a);
	if (!above)
		return f;
	return f.status == CHECK_FAIL ? finding_fail(m, "%s; %s", f.observed, above) :
					finding_warn(m, "%s; %s", above, f.observed);
}

/* The memory of the nodes that a strict policy binds to; FACT_UNKNOWN: none, or not known. */
static int64_t limit_bound_memory(const struct audit_facts *a)
{
	const struct operation *wanted = audit_wanted_mempolicy(a);
	int64_t sum = 0;

	if (!wanted || strcmp(audit_setting(a->plan, "numa-strict"), "yes") != 0)
		return FACT_UNKNOWN;
	BITMAP_FOR_EACH (id, &wanted->u.memory.choices[0].nodes) {
		const struct numa_node *node = numa_find_node(&a->machine->numa, id);

		if (!node || node->memory_total < 0 || __builtin_add_overflow(sum, node->memory_total, &sum))
			return FACT_UNKNOWN;
	}
	return sum;
}

ASSESS(audit_cgroup_limit)
{
	int64_t limit = a->machine->cgroup.memory_max, total = a->machine->memory_total;
	int64_t bound = limit_bound_memory(a);
	const struct part *decay = audit_planned_option(a->plan, "MALLOC_CONF", "dirty_decay_ms");

	if (limit == FACT_UNKNOWN)
		return finding_unknown(m, "the memory limit of the control group cannot be read");
	if (limit == FACT_UNLIMITED)
		return finding_skip(m, "no memory limit");
	/* The user's own variable is the matter of allocator-environment. */
	if (decay && strcmp(decay->value, "-1") == 0 && strcmp(decay->why, "MALLOC_CONF") != 0)
		return finding_fail(m,
				    "dirty_decay_ms:-1 (%s) never gives memory back, under a "
				    "limit of %s",
				    decay->why, size_format(m, limit));
	if (bound != FACT_UNKNOWN && bound < limit)
		return finding_warn(m,
				    "numa-strict binds to nodes with %s, and the limit is %s: "
				    "the nodes are "
				    "full before it is reached",
				    size_format(m, bound), size_format(m, limit));
	if (total == FACT_UNKNOWN)
		return finding_unknown(m, "a limit of %s; how much the machine has cannot be read",
				       size_format(m, limit));
	if (limit > total)
		return finding_warn(m, "a limit of %s on a machine with %s protects nothing", size_format(m, limit),
				    size_format(m, total));
	return finding_ok(m, "%s of the machine's %s", size_format(m, limit), size_format(m, total));
}

/* What files may take: what is free, and what they have already. */
static int64_t cache_room(const struct audit_facts *a)
{
	const struct cgroup_facts *cgroup = &a->machine->cgroup;
	int64_t room = a->node->memory.available, anonymous;

	if (room == FACT_UNKNOWN || !memory_is_limited(cgroup))
		return room;
	if (cgroup->memory_current == FACT_UNKNOWN || a->node->cgroup.file == FACT_UNKNOWN)
		return FACT_UNKNOWN;
	anonymous = cgroup->memory_current - a->node->cgroup.file;
	if (anonymous > cgroup->memory_max)
		return 0;
	return cgroup->memory_max - anonymous < room ? cgroup->memory_max - anonymous : room;
}

ASSESS(audit_page_cache)
{
	const struct cgroup_facts *cgroup = &a->machine->cgroup;
	int64_t whole = a->machine->memory_total, room = cache_room(a), percent;

	if (cgroup->memory_max == FACT_UNKNOWN || whole == FACT_UNKNOWN || room == FACT_UNKNOWN)
		return finding_unknown(m, "how much files may take of the memory cannot be read");
	if (memory_is_limited(cgroup) && cgroup->memory_max < whole)
		whole = cgroup->memory_max;
	percent = audit_percent(room, whole);
	if (percent < t->values[THRESHOLD_PAGE_CACHE_FAIL])
		return finding_fail(m, "%s, %lld%% of %s, are left for files", size_format(m, room), (long long)percent,
				    size_format(m, whole));
	if (percent < t->values[THRESHOLD_PAGE_CACHE_WARN])
		return finding_warn(m, "%s, %lld%% of %s, are left for files", size_format(m, room), (long long)percent,
				    size_format(m, whole));
	return finding_ok(m, "%s, %lld%% of %s, are left for files", size_format(m, room), (long long)percent,
			  size_format(m, whole));
}

ASSESS(audit_overcommit)
{
	const struct meminfo *memory = &a->node->memory;
	int64_t mode = a->node->overcommit_memory, percent;
	const char *text;

	if (mode == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/sys/vm/overcommit_memory cannot be read");
	if (mode != 2)
		return finding_ok(m, "overcommit_memory=%lld: address space costs nothing", (long long)mode);
	if (memory->commit_limit == FACT_UNKNOWN || memory->committed == FACT_UNKNOWN)
		return finding_unknown(m, "overcommit_memory=2, and /proc/meminfo does not say "
					  "how much is committed");
	percent = audit_percent(memory->committed, memory->commit_limit);
	text = mem_printf(m, "overcommit_memory=2: %lld%% of %s are committed", (long long)percent,
			  size_format(m, memory->commit_limit));
	/* The default ratio of 50 without swap leaves half of the memory to nobody. */
	if (percent < t->values[THRESHOLD_COMMIT_WARN] && a->machine->memory_total != FACT_UNKNOWN &&
	    audit_percent(memory->commit_limit, a->machine->memory_total) < COMMIT_LEAST)
		return finding_warn(m, "%s, and the machine has %s", text, size_format(m, a->machine->memory_total));
	return memory_finding(m, memory_status(t, percent, THRESHOLD_COMMIT_WARN, THRESHOLD_COMMIT_FAIL), text);
}

ASSESS(audit_swap)
{
	const struct meminfo *memory = &a->node->memory;
	int64_t used = memory->swap_total - memory->swap_free;

	if (memory->swap_total == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/meminfo does not say whether there is swap");
	if (memory->swap_total == 0)
		return finding_ok(m, "no swap");
	if (a->node->cgroup.swap_max == 0)
		return finding_ok(m, "%s of swap, closed to this control group", size_format(m, memory->swap_total));
	if (audit_gpus_unknown(a->machine))
		return finding_unknown(m, "%s of swap; %s", size_format(m, memory->swap_total),
				       audit_gpus_unknown(a->machine));
	if (!audit_count_gpus(a->machine))
		return finding_ok(m, "%s of swap; no GPU waits for what lies in it",
				  size_format(m, memory->swap_total));
	if (memory->swap_free == FACT_UNKNOWN || a->node->swappiness == FACT_UNKNOWN)
		return finding_unknown(m, "%s of swap; how it is used cannot be read",
				       size_format(m, memory->swap_total));
	if (used > 0)
		return finding_warn(m, "%s of %s of swap are in use on a GPU host (swappiness %lld)",
				    size_format(m, used), size_format(m, memory->swap_total),
				    (long long)a->node->swappiness);
	if (a->node->swappiness > SWAPPINESS_MOST)
		return finding_warn(m, "%s of swap on a GPU host, with swappiness %lld",
				    size_format(m, memory->swap_total), (long long)a->node->swappiness);
	return finding_ok(m, "%s of swap, with swappiness %lld", size_format(m, memory->swap_total),
			  (long long)a->node->swappiness);
}
