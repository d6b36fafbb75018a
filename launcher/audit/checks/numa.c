/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA: may we bind, does the kernel move pages, where are the GPUs, whose memory is it. Pure. */
#include "audit/checks/assess.h"

#include <errno.h>
#include <string.h>

#include <linux/mempolicy.h>

#include "facts/names.h"
#include "report/report.h"
#include "util/kernel_abi.h"

/* Why NUMA does not matter here; NULL = it does, or nobody knows. */
static const char *numa_irrelevant(const struct facts *f)
{
	if (f->numa.known == TRI_NO)
		return "the kernel shows no NUMA nodes";
	return f->numa.known == TRI_YES && f->numa.n_nodes == 1 ? "one NUMA node" : NULL;
}

static struct finding mempolicy_refused(struct mem *m, const struct audit_facts *a)
{
	const struct operation *wanted = audit_wanted_mempolicy(a);
	int error = a->node->mempolicy.bind_error;
	const char *why = error == EPERM  ? " (a container's seccomp filter; CAP_SYS_NICE lifts it)" :
			  error == ENOSYS ? " (a kernel or filter without the call)" :
					    "";

	if (wanted)
		return finding_fail(m, "set_mempolicy says %s%s, and the policy wants %s", strerror(error), why,
				    wanted->value);
	return finding_warn(m, "set_mempolicy says %s%s; the policy does not need it here", strerror(error), why);
}

/* The check's own way out is for a call that was refused. */
static struct finding mempolicy_untried(struct mem *m, const char *why, const char *fix)
{
	struct finding finding = finding_unknown(m, "not tried: %s", why);

	finding.fix = fix;
	return finding;
}

ASSESS(audit_mempolicy_allowed)
{
	const struct node_mempolicy *probe = &a->node->mempolicy;
	const char *irrelevant = numa_irrelevant(a->machine);

	if (irrelevant)
		return finding_skip(m, "%s: no memory policy to set", irrelevant);
	if (probe->killed_by)
		return finding_fail(m,
				    "set_mempolicy kills the process (signal %d): a seccomp "
				    "filter "
				    "that does not refuse, but ends",
				    probe->killed_by);
	if (probe->problem)
		return mempolicy_untried(m, probe->problem,
					 "allow the audit a process (ulimit "
					 "-u, pids.max)");
	if (!probe->was_tried)
		return mempolicy_untried(m, "only a running machine can be asked",
					 "run allocrun --check on the machine itself, without "
					 "--sysroot");
	if (!(probe->accepted & 1U << MPOL_BIND))
		return mempolicy_refused(m, a);
	return finding_ok(m, "a child process has bound its memory to nodes %s",
			  bitmap_format_list(m, &a->machine->process.status.memory_nodes));
}

static struct finding numa_assess_balancing(struct mem *m, const struct audit_facts *a)
{
	const struct facts *f = a->machine;
	const char *irrelevant = numa_irrelevant(f);
	size_t n_gpus = audit_count_gpus(f);

	if (irrelevant)
		return finding_skip(m, "%s: there is nowhere to move pages to", irrelevant);
	if (a->node->has_balancing == TRI_NO)
		return finding_ok(m, "this kernel has no automatic NUMA balancing");
	if (a->node->balancing == FACT_UNKNOWN)
		return finding_unknown(m, "/proc/sys/kernel/numa_balancing cannot be read");
	if (a->node->balancing == 0)
		return finding_ok(m, "numa_balancing=0");
	if (f->numa.known != TRI_YES)
		return finding_unknown(m, "numa_balancing=%lld, and the NUMA nodes cannot be read",
				       (long long)a->node->balancing);
	if (n_gpus == 0)
		return finding_ok(m,
				  "numa_balancing=%lld; no GPU is visible, so nothing waits "
				  "for it",
				  (long long)a->node->balancing);
	return finding_fail(m, "numa_balancing=%lld on a host with %zu nodes and %s", (long long)a->node->balancing,
			    f->numa.n_nodes, audit_count(m, (int64_t)n_gpus, "visible GPU"));
}

ASSESS(audit_autonuma)
{
	return audit_by_policy(m, a, "numa-balancing", "numa_balancing",
			       mem_printf(m, "%lld", (long long)a->node->balancing), numa_assess_balancing(m, a));
}

/* How one GPU lies: the worst of them is what is reported. */
struct gpu_place {
	enum check_status status;
	const char *text;
};

static const char *gpu_nearest(struct mem *m, const struct numa_facts *numa, int id)
{
	struct bitmap with_cpus = { { 0 } }, nearest;
	bool is_tie;

	for (size_t i = 0; i < numa->n_nodes; i++) {
		if (!bitmap_is_empty(&numa->nodes[i].cpus))
			bitmap_set(&with_cpus, numa->nodes[i].id);
	}
	numa_find_nearest(numa, id, &with_cpus, &nearest);
	if (bitmap_is_empty(&nearest))
		return "";
	is_tie = bitmap_count(&nearest) > 1;
	return mem_printf(m, "; node%s %s %s the nearest that ha%s some", is_tie ? "s" : "",
			  bitmap_format_list(m, &nearest), is_tie ? "are" : "is", is_tie ? "ve" : "s");
}

static struct gpu_place gpu_place(struct mem *m, const struct facts *f, const struct gpu *gpu)
{
	const struct numa_node *node = numa_find_node(&f->numa, gpu->node);
	struct bitmap cpus;

	if (gpu->node == GPU_NODE_UNREAD)
		return (struct gpu_place){ CHECK_UNKNOWN, "on a node that cannot be read (numa_node)" };
	if (gpu->node < 0)
		return (struct gpu_place){ CHECK_WARN, "on no known node (numa_node=-1)" };
	if (!node)
		return (struct gpu_place){ CHECK_WARN, mem_printf(m,
								  "on node %d, which is not "
								  "online",
								  gpu->node) };
	if (bitmap_is_empty(&node->cpus))
		return (struct gpu_place){ CHECK_WARN, mem_printf(m, "on node %d, which has no CPUs%s", gpu->node,
								  gpu_nearest(m, &f->numa, gpu->node)) };
	cpus = node->cpus;
	bitmap_and(&cpus, &f->process.status.cpus);
	if (!bitmap_is_empty(&f->process.status.cpus) && bitmap_is_empty(&cpus))
		return (struct gpu_place){ CHECK_FAIL,
					   mem_printf(m, "on node %d, of which this process may use no CPU (it has %s)",
						      gpu->node, bitmap_format_list(m, &f->process.status.cpus)) };
	if (!bitmap_is_empty(&f->process.status.memory_nodes) &&
	    !bitmap_has(&f->process.status.memory_nodes, gpu->node))
		return (struct gpu_place){
			CHECK_FAIL,
			mem_printf(m, "on node %d, of which this process may use no memory (it has nodes %s)",
				   gpu->node, bitmap_format_list(m, &f->process.status.memory_nodes))
		};
	return (struct gpu_place){ CHECK_OK, NULL };
}

static struct finding gpu_report(struct mem *m, const struct facts *f)
{
	struct gpu_place worst = { CHECK_OK, NULL };
	const char *address = NULL;
	struct bitmap nodes = { { 0 } };
	size_t n_bad = 0;

	for (size_t i = 0; i < f->gpu.n_gpus; i++) {
		struct gpu_place place;

		if (f->gpu.gpus[i].visible == TRI_NO)
			continue;
		place = gpu_place(m, f, &f->gpu.gpus[i]);
		n_bad += place.status != CHECK_OK;
		bitmap_set(&nodes, f->gpu.gpus[i].node);
		if (place.status > worst.status) {
			worst = place;
			address = f->gpu.gpus[i].address;
		}
	}
	if (!n_bad)
		return finding_ok(m, "%s on node%s %s, with CPUs and memory that we may use",
				  audit_count(m, (int64_t)audit_count_gpus(f), "visible GPU"),
				  bitmap_count(&nodes) > 1 ? "s" : "", bitmap_format_list(m, &nodes));
	if (worst.status == CHECK_UNKNOWN)
		return finding_unknown(m, "GPU %s is %s%s", address, worst.text,
				       n_bad > 1 ? mem_printf(m, ", and %zu more", n_bad - 1) : "");
	return (worst.status == CHECK_FAIL ?
			finding_fail :
			finding_warn)(m, "GPU %s is %s%s", address, worst.text,
				      n_bad > 1 ? mem_printf(m, " (%zu more GPUs lie badly)", n_bad - 1) : "");
}

ASSESS(audit_gpu_nodes)
{
	const struct facts *f = a->machine;
	const char *irrelevant = numa_irrelevant(f);

	if (audit_gpus_unknown(f))
		return finding_unknown(m, "%s", audit_gpus_unknown(f));
	if (audit_count_gpus(f) == 0)
		return finding_skip(m, f->gpu.n_gpus ? "no GPU is visible" : "no GPU");
	if (irrelevant)
		return finding_skip(m, "%s: every GPU is near", irrelevant);
	if (f->numa.known != TRI_YES)
		return finding_unknown(m, "the NUMA nodes cannot be read");
	if (bitmap_is_empty(&f->process.status.cpus))
		return finding_unknown(m, "the CPUs that this process may use cannot be read");
	return gpu_report(m, f);
}

/* Nodes with memory and without CPUs: a device's, or a slower tier. */
static struct bitmap cpuless_nodes(const struct numa_facts *numa, bool *ret_unknown)
{
	struct bitmap nodes = { { 0 } };

	*ret_unknown = false;
	for (size_t i = 0; i < numa->n_nodes; i++) {
		if (!bitmap_is_empty(&numa->nodes[i].cpus))
			continue;
		if (numa->nodes[i].memory_total > 0)
			bitmap_set(&nodes, numa->nodes[i].id);
		*ret_unknown |= numa->nodes[i].memory_total == FACT_UNKNOWN;
	}
	return nodes;
}

static bool cpuless_spreads(int64_t mode)
{
	return mode == MPOL_BIND || mode == MPOL_INTERLEAVE || mode == MODE_WEIGHTED_INTERLEAVE;
}

/* What puts memory there on purpose: our own policy, or the one that the plan would set; NULL. */
static const char *cpuless_aimed(struct mem *m, const struct audit_facts *a, const struct bitmap *nodes)
{
	const struct operation *wanted = audit_wanted_mempolicy(a);
	struct bitmap both = a->node->mempolicy.nodes;

	bitmap_and(&both, nodes);
	if (cpuless_spreads(a->node->mempolicy.mode) && !bitmap_is_empty(&both))
		return mem_printf(m,
				  "the memory policy that this process inherited takes in "
				  "nodes %s",
				  bitmap_format_list(m, &both));
	for (size_t i = 0; wanted && i < wanted->u.memory.n_choices; i++) {
		const struct mempolicy *choice = &wanted->u.memory.choices[i];

		both = choice->nodes;
		bitmap_and(&both, nodes);
		if (cpuless_spreads(choice->mode) && !bitmap_is_empty(&both))
			return mem_printf(m, "the policy asks for %s, which takes in nodes %s",
					  mempolicy_describe(m, choice), bitmap_format_list(m, &both));
	}
	return NULL;
}

ASSESS(audit_cpuless_nodes)
{
	const struct facts *f = a->machine;
	const char *irrelevant = numa_irrelevant(f), *list, *aimed;
	struct bitmap nodes, open;
	bool is_unknown;

	if (irrelevant)
		return finding_skip(m, "%s", irrelevant);
	if (f->numa.known != TRI_YES)
		return finding_unknown(m, "the NUMA nodes cannot be read");
	nodes = cpuless_nodes(&f->numa, &is_unknown);
	if (bitmap_is_empty(&nodes))
		return is_unknown ? finding_unknown(m, "whether nodes without CPUs have memory "
						       "cannot be read") :
				    finding_ok(m, "all %zu nodes with memory have CPUs", f->numa.n_nodes);
	list = bitmap_format_list(m, &nodes);
	aimed = cpuless_aimed(m, a, &nodes);
	if (aimed)
		return finding_fail(m, "nodes %s have memory and no CPUs, and %s", list, aimed);
	open = nodes;
	if (bitmap_is_empty(&f->process.status.memory_nodes))
		return finding_unknown(m,
				       "nodes %s have memory and no CPUs; whether we may use "
				       "them cannot be read",
				       list);
	bitmap_and(&open, &f->process.status.memory_nodes);
	if (bitmap_is_empty(&open))
		return finding_ok(m,
				  "nodes %s have memory and no CPUs; the cpuset keeps us "
				  "out",
				  list);
	if (f->gpu.n_gpus == 0)
		return finding_ok(m,
				  "nodes %s have memory and no CPUs: a slower tier, used when "
				  "the others are full",
				  list);
	return finding_warn(m,
			    "nodes %s have memory and no CPUs, most likely the GPUs' own; "
			    "host memory "
			    "goes there when the others are full",
			    bitmap_format_list(m, &open));
}
