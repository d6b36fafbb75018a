/* SPDX-License-Identifier: Apache-2.0 */
/* Where the memory of a process is, and whose it is. Pure. */
#include "audit/checks/assess_process.h"

#include <string.h>

#include "live/watch.h"
#include "report/report.h"
#include "util/environment.h"
#include "util/size.h"
#include "util/text.h"

/* Less than this says nothing about an allocator: a start value. */
#define VERDICT_LEAST (INT64_C(256) << 20)
/*
 * What is not the allocator's and yet no finding: pymalloc maps arenas of its own, and
 * libraries have data. A fine vLLM 0.32 has 222 MiB of it in its API server.
 */
#define VERDICT_OTHERS_LEAST (INT64_C(512) << 20)

/* Less than this goes back and comes again all the time. */
#define USAGE_DUE_LEAST (INT64_C(16) << 20)
/* What goes back later than that is kept, for all that an operator sees of it. */
#define USAGE_DUE_MOST_MS 60000

static int64_t usage_or_zero(int64_t bytes)
{
	return bytes > 0 ? bytes : 0;
}

static const char *usage_split(struct mem *m, const struct live_process *p)
{
	return mem_printf(m, "anonymous %s, file %s, shared %s, hugetlb %s", size_format(m, p->status.rss_anon),
			  size_format(m, p->status.rss_file), size_format(m, p->status.rss_shmem),
			  size_format(m, usage_or_zero(p->status.hugetlb)));
}

#define ANONYMOUS "anonymous memory"

/* What has grown most over the samples of --watch. */
struct growth {
	int64_t bytes; /* of the kind that grew most */
	const char *kind;
	int64_t allocator; /* by how much what the allocator has grew; FACT_UNKNOWN */
	int64_t seconds;
};

static void usage_add_growth(int64_t from, int64_t to, const char *kind, struct growth *g)
{
	if (from == FACT_UNKNOWN || to == FACT_UNKNOWN || to - from <= g->bytes)
		return;
	g->bytes = to - from;
	g->kind = kind;
}

static bool usage_find_growth(const struct audit_facts *a, const struct live_process *p, struct growth *ret)
{
	const struct live_sample *first, *last;
	const struct live_point *from, *to;

	if (!a->samples || a->samples->n < 2)
		return false;
	first = &a->samples->items[0];
	last = &a->samples->items[a->samples->n - 1];
	from = samples_find(first, p);
	to = samples_find(last, p);
	if (!from || !to)
		return false;
	*ret = (struct growth){ .allocator = FACT_UNKNOWN, .seconds = (last->after_ms - first->after_ms + 500) / 1000 };
	if (from->allocator_resident != FACT_UNKNOWN && to->allocator_resident != FACT_UNKNOWN)
		ret->allocator = usage_or_zero(to->allocator_resident - from->allocator_resident);
	usage_add_growth(from->rss_anon, to->rss_anon, ANONYMOUS, ret);
	usage_add_growth(from->rss_shmem, to->rss_shmem, "shared memory", ret);
	usage_add_growth(from->rss_file, to->rss_file, "mapped files", ret);
	usage_add_growth(from->hugetlb, to->hugetlb, "hugetlb memory", ret);
	return ret->kind;
}

/* Memory of other kinds than anonymous is no allocator's, nor is what it does not know of. */
static bool usage_is_elsewhere(const struct live_process *p)
{
	int64_t own = usage_or_zero(p->status.rss_anon), others = 0;
	int64_t rest = usage_or_zero(p->status.rss_file) + usage_or_zero(p->status.rss_shmem) +
		       usage_or_zero(p->status.hugetlb);

	if (p->allocator_resident != FACT_UNKNOWN && p->allocator_resident < own) {
		others = own - p->allocator_resident;
		own = p->allocator_resident;
	}
	return rest > own - others;
}

/* A tenth of what it had, and something to speak of, is growth. */
static bool usage_is_growing(const struct live_process *p, const struct growth *g)
{
	int64_t total = usage_or_zero(p->status.rss_anon) + usage_or_zero(p->status.rss_file) +
			usage_or_zero(p->status.rss_shmem);

	return g->bytes > (INT64_C(16) << 20) && g->bytes > total / 10;
}

/*
 * What was freed and goes back by itself, and in how many ms: not kept, only not gone yet.
 * Without a thread that purges it would wait for the program to allocate.
 */
static int64_t usage_find_due(const struct live_process *p, int64_t *ret_ms)
{
	const struct conf_item *decay = conf_find(&p->options, "dirty_decay_ms");

	/* It keeps what the demand of that window needs; the rest, and all of it when idle, goes. */
	if (audit_purge_runs(p) && p->allocator_dirty > 0 && p->purge->window_ms <= USAGE_DUE_MOST_MS) {
		*ret_ms = p->purge->window_ms;
		return p->allocator_dirty;
	}
	if (p->options_evidence != EVIDENCE_PROVED || p->purge_threads <= 0 || p->allocator_dirty <= 0 || !decay ||
	    text_parse_i64(decay->value, ret_ms, NULL) < 0 || *ret_ms < 0 || *ret_ms > USAGE_DUE_MOST_MS)
		return 0;
	return p->allocator_dirty;
}

/* What lies between blocks in use, and the allocator's own tables: no purge brings it back. 0: little, or unknown. */
static int64_t usage_find_fragmentation(const struct live_process *p)
{
	int64_t bytes = p->allocator_resident - p->allocator_dirty - p->allocator_live;

	return p->allocator_dirty == FACT_UNKNOWN || p->allocator_live == FACT_UNKNOWN || bytes < USAGE_DUE_LEAST ?
		       0 :
		       bytes;
}

static const char *usage_describe_garbage(struct mem *m, const struct live_process *p, int64_t due, int64_t ms)
{
	if (p->allocator_dirty < USAGE_DUE_LEAST)
		return "";
	if (due < USAGE_DUE_LEAST)
		return mem_printf(m, "; %s of it are freed and kept", size_format(m, p->allocator_dirty));
	return mem_printf(m, "; %s of it are due to go back within %lld s", size_format(m, due),
			  (long long)(ms / 1000 + (ms % 1000 != 0)));
}

/*
 * "4 GiB resident for 1 GiB in use; 2 GiB of it are due to go back within 10 s; 1 GiB of it is
 * fragmentation": garbage has a cure, and fragmentation another one.
 */
static const char *usage_describe_allocator(struct mem *m, const struct live_process *p, int64_t due, int64_t ms)
{
	const char *in_use = p->allocator_live == FACT_UNKNOWN ?
				     "" :
				     mem_printf(m, " for %s in use", size_format(m, p->allocator_live));
	int64_t lost = usage_find_fragmentation(p);
	const char *fragmented = lost ? mem_printf(m, "; %s of it is fragmentation", size_format(m, lost)) : "";

	return mem_printf(m, "%s: the allocator has %s resident%s%s%s", usage_split(m, p),
			  size_format(m, p->allocator_resident), in_use, usage_describe_garbage(m, p, due, ms),
			  fragmented);
}

/* What the allocator has, where that is known; what the program has need not be. */
static struct finding usage_judge_holding(struct mem *m, const struct live_process *p, const struct thresholds *t)
{
	int64_t ms = 0, due = usage_find_due(p, &ms), live = p->allocator_live, percent;
	int64_t resident = p->allocator_resident - due;
	int64_t gap = audit_percent(p->status.rss_anon - p->allocator_resident, p->status.rss_anon);
	const char *share = usage_describe_allocator(m, p, due, ms);

	if (p->status.rss_anon - p->allocator_resident >= VERDICT_OTHERS_LEAST &&
	    gap > t->values[THRESHOLD_NOT_ALLOCATOR])
		return finding_warn(m, "not the allocator: %lld %% of the anonymous memory is not its own; %s",
				    (long long)gap, share);
	percent = live > 0 ? audit_percent(resident, live) : 0;
	if (resident >= VERDICT_LEAST && percent > t->values[THRESHOLD_RETENTION_FAIL])
		return finding_fail(m, "the allocator holds %lld %% of what is in use; %s", (long long)percent, share);
	if (resident >= VERDICT_LEAST && percent > t->values[THRESHOLD_RETENTION_WARN])
		return finding_warn(m, "the allocator holds %lld %% of what is in use; %s", (long long)percent, share);
	return finding_ok(m, "%s%s", usage_is_elsewhere(p) ? "mostly not the allocator: " : "", share);
}

static struct finding usage_judge_allocator(struct mem *m, const struct live_process *p, const struct thresholds *t)
{
	struct finding f = usage_judge_holding(m, p, t);
	int64_t lost = usage_find_fragmentation(p);

	if (f.status > CHECK_UNKNOWN && lost > usage_or_zero(p->allocator_dirty) && p->allocator_live < lost)
		f.fix = "fragmentation: sizes that live long lie between those that do not. Fewer arenas (--conf "
			"narenas:N, --profile memory) or a restart; --profile debug and jeprof say who allocates them";
	return f;
}

/* Where nothing says what the allocator has. */
static struct finding usage_judge_kinds(struct mem *m, const struct live_process *p)
{
	struct finding f;

	if (usage_is_elsewhere(p))
		return finding_ok(m, "mostly not the allocator: %s", usage_split(m, p));
	if (p->status.rss_anon < VERDICT_LEAST)
		return finding_ok(m, "%s: little, whosever it is", usage_split(m, p));
	f = finding_unknown(m, "%s; the allocator's share is not known", usage_split(m, p));
	f.fix = "a bundled build of jemalloc says what it has; of any allocator --watch SECONDS says what grows";
	return f;
}

/* Anonymous memory that grows, and most of it is not what the allocator has. */
static bool usage_is_leak_of_others(const struct growth *g)
{
	return strcmp(g->kind, ANONYMOUS) == 0 && g->allocator != FACT_UNKNOWN && g->allocator < g->bytes / 2;
}

/* "not the allocator: shared memory grew by 1 GiB in 10 s" */
static const char *usage_describe_growth(struct mem *m, const struct growth *g)
{
	bool is_of_others = usage_is_leak_of_others(g);
	bool is_elsewhere = is_of_others || strcmp(g->kind, ANONYMOUS) != 0;
	const char *own = is_of_others ? mem_printf(m, ", the allocator's by %s", size_format(m, g->allocator)) : "";

	return mem_printf(m, "%s%s grew by %s in %lld s%s", is_elsewhere ? "not the allocator: " : "", g->kind,
			  size_format(m, g->bytes), (long long)g->seconds, own);
}

/* Is it in the control group of its parent, which speaks for both? */
static bool usage_shares_cgroup(const struct audit_facts *a, const struct live_process *p)
{
	for (size_t i = 0; i < a->live->n_processes; i++) {
		const struct live_process *other = &a->live->processes[i];

		if (other->pid == p->parent && other->cgroup == p->cgroup)
			return true;
	}
	return false;
}

ASSESS(audit_process_headroom)
{
	struct audit_facts seen = *a;
	struct facts machine = *a->machine;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (!p->cgroup)
		return finding_unknown(m, "/proc/%lld/cgroup cannot be read", (long long)p->pid);
	if (usage_shares_cgroup(a, p))
		return finding_skip(m, "in the control group of its parent");
	if (p->cgroup->limits.memory_max == FACT_UNLIMITED)
		return finding_skip(m, "its control group has no limit");
	/* As for our own group, with that of the process in its place. */
	machine.cgroup = p->cgroup->limits;
	seen.machine = &machine;
	seen.node = p->cgroup->usage;
	return audit_oom_headroom(m, &seen, t, NULL);
}

ASSESS(audit_memory_verdict)
{
	struct growth g;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (p->status.rss_anon == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/%lld/status does not say", (long long)p->pid);
	f = p->allocator_resident != FACT_UNKNOWN ? usage_judge_allocator(m, p, t) : usage_judge_kinds(m, p);
	if (!usage_find_growth(a, p, &g) || !usage_is_growing(p, &g))
		return f;
	if (f.status == CHECK_FAIL)
		return finding_fail(m, "%s; %s", f.observed, usage_describe_growth(m, &g));
	return finding_warn(m, "%s; %s", usage_describe_growth(m, &g),
			    f.status == CHECK_OK ? usage_split(m, p) : f.observed);
}

/* The nodes on which the process's memory should lie: those of the visible GPUs. */
static struct bitmap usage_gpu_nodes(const struct facts *machine)
{
	struct bitmap nodes = { { 0 } };

	for (size_t i = 0; i < machine->gpu.n_gpus; i++) {
		if (machine->gpu.gpus[i].visible != TRI_NO && machine->gpu.gpus[i].node >= 0)
			bitmap_set(&nodes, machine->gpu.gpus[i].node);
	}
	return nodes;
}

ASSESS(audit_local_memory)
{
	struct bitmap nodes = usage_gpu_nodes(a->machine);
	int64_t local = 0, total = 0, percent;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (a->machine->numa.n_nodes < 2 || bitmap_is_empty(&nodes))
		return finding_skip(m, "one NUMA node, or no GPU whose node is known");
	if (!p->node_bytes)
		return finding_unknown(m, "/proc/%lld/numa_maps cannot be read", (long long)p->pid);
	for (size_t i = 0; i < p->n_node_bytes; i++) {
		total += p->node_bytes[i];
		local += bitmap_has(&nodes, (int)i) ? p->node_bytes[i] : 0;
	}
	/* A shell in front of the server says nothing about the server's memory. */
	if (total < VERDICT_LEAST)
		return finding_skip(m, "it has %s, too little to judge", size_format(m, total));
	percent = audit_percent(local, total);
	if (percent < t->values[THRESHOLD_GPU_LOCAL_FAIL])
		return finding_fail(m, "%lld %% of its memory is on the GPUs' nodes %s", (long long)percent,
				    bitmap_format_list(m, &nodes));
	if (percent < t->values[THRESHOLD_GPU_LOCAL_WARN])
		return finding_warn(m, "%lld %% of its memory is on the GPUs' nodes %s", (long long)percent,
				    bitmap_format_list(m, &nodes));
	return finding_ok(m, "%lld %% of its memory is on the GPUs' nodes %s", (long long)percent,
			  bitmap_format_list(m, &nodes));
}

ASSESS(audit_rdma_hooks)
{
	const char *mode, *library = NULL;
	struct growth g;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (!p->loaded)
		return finding_unknown(m, "what it has loaded is not known");
	for (char **l = p->loaded; *l && !library; l++) {
		if (text_starts_with(text_basename(*l), "libucm") || text_starts_with(text_basename(*l), "libucs"))
			library = text_basename(*l);
	}
	if (!library)
		return finding_skip(m, "no UCX library is loaded");
	if (!p->environment)
		return finding_unknown(m, "%s is loaded, and its environment cannot be read", library);
	mode = environment_get((const char *const *)p->environment, "UCX_MEM_MMAP_HOOK_MODE");
	if (mode && strcmp(mode, "none") == 0)
		return finding_ok(m, "%s is loaded, UCX_MEM_MMAP_HOOK_MODE=none", library);
	/* What the hooks leak was mapped by others than the allocator. */
	if (usage_find_growth(a, p, &g) && usage_is_growing(p, &g) && usage_is_leak_of_others(&g))
		return finding_fail(m, "%s is loaded, UCX_MEM_MMAP_HOOK_MODE is %s, and %s", library,
				    mode ? mode : "not set", usage_describe_growth(m, &g));
	return finding_warn(m, "%s is loaded, and UCX_MEM_MMAP_HOOK_MODE is %s", library, mode ? mode : "not set");
}

ASSESS(audit_mappings)
{
	int64_t most = a->node->max_map_count, percent;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (p->n_mappings == FACT_UNKNOWN || most <= 0)
		return finding_unknown(m, "/proc/%lld/maps or vm.max_map_count cannot be read", (long long)p->pid);
	percent = audit_percent(p->n_mappings, most);
	if (percent > t->values[THRESHOLD_MAPS_FAIL])
		return finding_fail(m, "%lld mappings of at most %lld", (long long)p->n_mappings, (long long)most);
	if (percent > t->values[THRESHOLD_MAPS_WARN])
		return finding_warn(m, "%lld mappings of at most %lld", (long long)p->n_mappings, (long long)most);
	return finding_ok(m, "%lld mappings of at most %lld", (long long)p->n_mappings, (long long)most);
}
