/* SPDX-License-Identifier: Apache-2.0 */
/* Locked memory, hugetlb pools, /dev/shm, mappings: what runs out with an error. Pure. */
#include "audit/checks/assess.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "facts/names.h"
#include "known/conf.h"
#include "report/report.h"
#include "util/environment.h"
#include "util/kernel_abi.h"
#include "util/size.h"
#include "util/text.h"

#define GIB (INT64_C(1) << 30)
/* The kernel's default since 5.16 (include/uapi/linux/resource.h); before it, 64 KiB. */
#define MEMLOCK_DEFAULT (INT64_C(8) << 20)
/* What Docker gives without --shm-size (docs.docker.com, docker run). */
#define SHM_DEFAULT (INT64_C(64) << 20)
/* What NVIDIA's containers ask for: --shm-size=1g (NGC, "Running PyTorch"). */
#define SHM_LEAST GIB

static bool memlock_has(const struct process_facts *process, int capability)
{
	return process->status.capabilities_known == TRI_YES && process->status.effective >> capability & 1;
}

/* The limit that the policy sets, NULL = it leaves the one that is there. */
static const struct limit *memlock_wanted(const struct audit_facts *a)
{
	for (size_t i = 0; i < a->plan->n_operations; i++) {
		const struct operation *op = &a->plan->operations[i];

		if (op->kind == OP_RLIMIT && op->u.rlimit.resource == RLIMIT_MEMLOCK && op->outcome == OUTCOME_PLANNED)
			return &op->u.rlimit.limit;
	}
	return NULL;
}

/* `soft`: what the server will have. */
static struct finding memlock_report(struct mem *m, const struct audit_facts *a, int64_t soft)
{
	const char *size = size_format(m, soft);

	if (soft == FACT_UNLIMITED)
		return finding_ok(m, "unlimited");
	if (audit_gpus_unknown(a->machine))
		return finding_unknown(m, "%s; %s", size, audit_gpus_unknown(a->machine));
	if (!audit_count_gpus(a->machine))
		return finding_ok(m, "%s; no GPU is visible, so nothing registers memory", size);
	if (a->node->n_rdma == FACT_UNKNOWN)
		return finding_unknown(m, "%s; whether there are RDMA devices cannot be read", size);
	if (a->node->n_rdma == 0)
		return finding_ok(m, "%s; no RDMA device registers memory", size);
	return (soft <= MEMLOCK_DEFAULT ? finding_fail : finding_warn)(m, "%s, and %s may register more", size,
								       audit_count(m, a->node->n_rdma, "RDMA device"));
}

ASSESS(audit_memlock)
{
	const struct process_facts *process = &a->machine->process;
	const struct limit *wanted = memlock_wanted(a);

	if (process->limits.memlock.soft == FACT_UNKNOWN || process->limits.memlock.hard == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/self/limits cannot be read");
	/* Only the kernel's own capability lifts a hard limit. */
	if (wanted && wanted->hard > process->limits.memlock.hard && !memlock_has(process, CAP_SYS_RESOURCE))
		return finding_warn(m, "the policy asks for %s, and the hard limit is %s", size_format(m, wanted->soft),
				    size_format(m, process->limits.memlock.hard));
	if (process->limits.memlock.soft != FACT_UNLIMITED && memlock_has(process, CAP_IPC_LOCK))
		return finding_ok(m, "%s, which CAP_IPC_LOCK lifts", size_format(m, process->limits.memlock.soft));
	return memlock_report(m, a, wanted ? wanted->soft : process->limits.memlock.soft);
}

ASSESS(audit_locked_memory)
{
	const struct meminfo *memory = &a->node->memory;
	int64_t total = a->machine->memory_total, pinned = 0, fixed = memory->unevictable, percent;
	const char *text;

	if (total == FACT_UNKNOWN || fixed == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/meminfo does not say what is locked");
	/* Old kernels do not count pinned pages. */
	if (a->node->events.pinned_pages > 0 && a->machine->page_size > 0 &&
	    a->node->events.pinned_pages <= INT64_MAX / a->machine->page_size)
		pinned = a->node->events.pinned_pages * a->machine->page_size;
	/* What is both counts once: the larger is what is known to be fixed. */
	fixed = pinned > fixed ? pinned : fixed;
	percent = audit_percent(fixed, total);
	text = mem_printf(m, "%lld%% of %s: unevictable %s, pinned %s", (long long)percent, size_format(m, total),
			  size_format(m, memory->unevictable),
			  a->node->events.pinned_pages == FACT_UNKNOWN ? "not counted by this kernel" :
									 size_format(m, pinned));
	if (percent > t->values[THRESHOLD_LOCKED_FAIL])
		return finding_fail(m, "%s", text);
	return (percent >= t->values[THRESHOLD_LOCKED_WARN] ? finding_warn : finding_ok)(m, "%s", text);
}

/* What mimalloc would reserve: pages of 1 GiB, and on which node (-1: anywhere). */
struct hugetlb_demand {
	int64_t pages;
	int64_t node;
};

static int64_t demand_value(const struct audit_facts *a, const char *variable)
{
	const char *text = environment_get((const char *const *)a->options->environment, variable);
	const struct operation *op = audit_find_operation(a->plan, STEP_OPTIONS, variable);
	char *end;
	long long value;

	if (op && op->kind == OP_ENVIRONMENT && op->u.environment.text)
		text = op->u.environment.text;
	if (!text || !*text)
		return FACT_UNKNOWN;
	value = strtoll(text, &end, 10);
	return *end || value < 0 ? FACT_UNKNOWN : value;
}

static struct hugetlb_demand hugetlb_find_demand(const struct audit_facts *a)
{
	struct hugetlb_demand demand = { demand_value(a, "MIMALLOC_RESERVE_HUGE_OS_PAGES"), FACT_UNKNOWN };

	if (demand.pages > 0)
		demand.node = demand_value(a, "MIMALLOC_RESERVE_HUGE_OS_PAGES_AT");
	else
		demand.pages = 0;
	return demand;
}

static const struct hugetlb_pool *hugetlb_find(const struct hugetlb_pool *pools, size_t n, int64_t size)
{
	for (size_t i = 0; i < n; i++) {
		if (pools[i].page_size == size)
			return &pools[i];
	}
	return NULL;
}

static struct finding hugetlb_assess_demand(struct mem *m, const struct audit_facts *a, const struct thresholds *t,
					    const struct hugetlb_demand *demand)
{
	const struct facts *f = a->machine;
	const struct hugetlb_pool *pool = hugetlb_find(f->hugetlb.pools, f->hugetlb.n_pools, GIB);
	const char *where = "";
	int64_t free;

	if (demand->node >= 0) {
		const struct numa_node *node = numa_find_node(&f->numa, (int)demand->node);

		where = mem_printf(m, " on node %lld", (long long)demand->node);
		pool = node ? hugetlb_find(node->pools, node->n_pools, GIB) : NULL;
	}
	if (!pool)
		return finding_fail(m,
				    "mimalloc is to reserve %lld pages of 1 GiB%s, and there "
				    "is no such pool",
				    (long long)demand->pages, where);
	if (pool->total == FACT_UNKNOWN || pool->free == FACT_UNKNOWN)
		return finding_unknown(m, "the pool of 1 GiB pages%s cannot be read", where);
	free = pool->free - (pool->reserved > 0 ? pool->reserved : 0);
	/* The server that runs has them already. */
	if (free < demand->pages && pool->total - free >= demand->pages)
		return finding_ok(m, "%lld pages of 1 GiB%s are asked for, and so many are in use",
				  (long long)demand->pages, where);
	if (free < demand->pages)
		return finding_fail(m,
				    "mimalloc is to reserve %lld pages of 1 GiB%s, and %lld "
				    "are free",
				    (long long)demand->pages, where, (long long)free);
	if (audit_percent(free - demand->pages, pool->total) < t->values[THRESHOLD_SPARE])
		return finding_warn(m,
				    "%lld pages of 1 GiB%s are asked for and %lld are free: "
				    "next to none is spare",
				    (long long)demand->pages, where, (long long)free);
	return finding_ok(m, "%lld pages of 1 GiB%s are asked for, and %lld are free", (long long)demand->pages, where,
			  (long long)free);
}

/* "1000 of 1024 pages of 2 MiB free"; bytes that are free go to *ret_free. */
static const char *hugetlb_describe(struct mem *m, const struct hugetlb_facts *hugetlb, int64_t *ret_free,
				    bool *ret_unknown)
{
	const char *text = NULL;

	*ret_free = 0;
	*ret_unknown = false;
	for (size_t i = 0; i < hugetlb->n_pools; i++) {
		const struct hugetlb_pool *pool = &hugetlb->pools[i];
		int64_t bytes;

		*ret_unknown |= pool->total == FACT_UNKNOWN || pool->free == FACT_UNKNOWN;
		if (pool->total <= 0)
			continue;
		if (__builtin_mul_overflow(pool->free, pool->page_size, &bytes) ||
		    __builtin_add_overflow(*ret_free, bytes, ret_free))
			*ret_unknown = true;
		text_list(m, &text,
			  mem_printf(m, "%lld of %lld pages of %s free", (long long)pool->free, (long long)pool->total,
				     size_format(m, pool->page_size)));
	}
	return text;
}

ASSESS(audit_hugetlb)
{
	const struct facts *f = a->machine;
	struct hugetlb_demand demand = hugetlb_find_demand(a);
	int64_t free;
	bool is_unknown;
	const char *text = hugetlb_describe(m, &f->hugetlb, &free, &is_unknown), *missing;

	if (demand.pages > 0 && f->hugetlb.n_pools)
		return hugetlb_assess_demand(m, a, t, &demand);
	if (demand.pages > 0)
		return finding_unknown(m,
				       "mimalloc is to reserve %lld pages of 1 GiB, and "
				       "/sys/kernel/mm/hugepages "
				       "cannot be read",
				       (long long)demand.pages);
	if (is_unknown || (!f->hugetlb.n_pools && f->numa.known == TRI_UNKNOWN))
		return finding_unknown(m, "the pools cannot be read");
	missing = audit_missing_pages(m, a);
	if (missing) {
		struct finding finding = finding_warn(m, "%s", missing);

		finding.expected = "the pages that [node] of the policy asks for";
		finding.fix =
			"allocrun --tune; after a boot there are more whole blocks: hugepages= on the kernel command line";
		return finding;
	}
	if (!text)
		return finding_skip(m, f->hugetlb.n_pools ? "no pages are reserved, and none are "
							    "asked for" :
							    "none asked for, and this kernel has no pools");
	if (audit_asks_for_pages(a))
		return finding_ok(m, "%s, as [node] says", text);
	if (f->memory_total == FACT_UNKNOWN && free > 0)
		return finding_unknown(m, "%s; which share of the memory %s are, that nobody uses, is not known", text,
				       size_format(m, free));
	if (f->memory_total != FACT_UNKNOWN && audit_percent(free, f->memory_total) >= t->values[THRESHOLD_SPARE])
		return finding_warn(m, "%s: %s that nobody uses and nothing else can have", text, size_format(m, free));
	return finding_ok(m, "%s", text);
}

/* What is known to be free of it: all shmem of the machine may lie there, and no more. */
static int64_t shm_spare(const struct audit_facts *a)
{
	const struct node_shm *shm = &a->node->shm;
	int64_t used = shm->used != FACT_UNKNOWN ? shm->used : a->node->memory.shmem;

	if (used == FACT_UNKNOWN)
		return FACT_UNKNOWN;
	if (shm->used == FACT_UNKNOWN && used > shm->size / 2)
		return FACT_UNKNOWN;
	return used < shm->size ? shm->size - used : 0;
}

ASSESS(audit_shm)
{
	const struct node_shm *shm = &a->node->shm;
	size_t n_gpus = audit_count_gpus(a->machine);
	int64_t spare;

	if (shm->is_mounted == TRI_UNKNOWN)
		return finding_unknown(m, "whether /dev/shm is there cannot be read");
	if (shm->is_mounted == TRI_NO)
		return (n_gpus > 1 ? finding_fail : finding_warn)(m, "no tmpfs on /dev/shm");
	if (shm->size == FACT_UNLIMITED)
		return finding_ok(m, "/dev/shm has no limit of its own");
	spare = shm->size == FACT_UNKNOWN ? FACT_UNKNOWN : shm_spare(a);
	if (n_gpus > 1 && shm->size != FACT_UNKNOWN && shm->size < SHM_LEAST)
		return (shm->size <= SHM_DEFAULT ? finding_fail : finding_warn)(m, "/dev/shm has %s, for %zu GPUs",
										size_format(m, shm->size), n_gpus);
	if (spare == FACT_UNKNOWN)
		return finding_unknown(m, "/dev/shm has %s; how much is in use cannot be read",
				       size_format(m, shm->size));
	if (audit_percent(spare, shm->size) < t->values[THRESHOLD_SPARE])
		return finding_warn(m, "%s of %s of /dev/shm are free", size_format(m, spare),
				    size_format(m, shm->size));
	return finding_ok(m, "%s%s of %s of /dev/shm are free", shm->used == FACT_UNKNOWN ? "at least " : "",
			  size_format(m, spare), size_format(m, shm->size));
}

ASSESS(audit_max_map_count)
{
	int64_t count = a->node->max_map_count, least = t->values[THRESHOLD_MAX_MAP_COUNT];
	struct finding finding;

	if (count == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/sys/vm/max_map_count cannot be read");
	finding = count < least ?
			  finding_warn(m, "max_map_count=%lld, below %lld", (long long)count, (long long)least) :
			  finding_ok(m, "max_map_count=%lld", (long long)count);
	return audit_by_policy(m, a, "max-map-count", "max_map_count", mem_printf(m, "%lld", (long long)count),
			       finding);
}
