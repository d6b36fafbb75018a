/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server runs and where its memory comes from. Pure. */
#include <ctype.h>
#include <string.h>

#include <linux/mempolicy.h>

#include "decide/decision.h"
#include "facts/names.h"
#include "util/kernel_abi.h"

#define AFFINITY "CPU affinity"
#define MEMORY "memory policy"

/* The nodes that were chosen, or why nothing is done, or why it cannot be. */
struct placement {
	struct bitmap nodes; /* for CPUs and memory */
	bool is_interleaved; /* memory over all of them, CPUs left alone */
	const char *why;     /* they were chosen */
	const char *leave;   /* not NULL: nothing is done */
	const char *refuse;  /* not NULL: it is wanted and cannot be done */
};

/* The nodes with CPUs that this process may use. */
static struct bitmap numa_cpu_nodes(const struct facts *f)
{
	struct bitmap nodes = { { 0 } };

	for (size_t i = 0; i < f->numa.n_nodes; i++) {
		struct bitmap cpus = f->numa.nodes[i].cpus;

		bitmap_and(&cpus, &f->process.status.cpus);
		if (!bitmap_is_empty(&cpus))
			bitmap_set(&nodes, f->numa.nodes[i].id);
	}
	return nodes;
}

static bool numa_has_memory(const struct facts *f, const struct numa_node *node)
{
	if (!bitmap_is_empty(&f->process.status.memory_nodes) && !bitmap_has(&f->process.status.memory_nodes, node->id))
		return false;
	return node->memory_total != 0;
}

/* The nodes of the visible GPUs; a node without CPUs gives the nearest one with. */
static void numa_place_at_gpus(const struct decision *d, bool is_asked_for, struct placement *p)
{
	const struct facts *f = d->facts;
	struct bitmap cpu_nodes = numa_cpu_nodes(f);
	int n_visible = 0;

	for (size_t i = 0; i < f->gpu.n_gpus; i++) {
		const struct gpu *gpu = &f->gpu.gpus[i];
		struct bitmap nodes = { { 0 } };

		if (gpu->visible == TRI_NO)
			continue;
		n_visible++;
		/* The firmware of most virtual machines names no node (numa_node=-1); of one there is no doubt. */
		if (bitmap_has(&cpu_nodes, gpu->node))
			bitmap_set(&nodes, gpu->node);
		else if (bitmap_count(&cpu_nodes) == 1)
			nodes = cpu_nodes;
		else
			numa_find_nearest(&f->numa, gpu->node, &cpu_nodes, &nodes);
		if (bitmap_is_empty(&nodes)) {
			p->leave = mem_printf(d->m, "the NUMA node of GPU %s is not known", gpu->address);
			break;
		}
		bitmap_or(&p->nodes, &nodes);
	}
	if (n_visible == 0)
		p->leave = "no GPU is visible: the scheduler places threads better than a fixed choice";
	if (p->leave && is_asked_for)
		p->refuse = n_visible ? p->leave : "no GPU is visible to the command";
	if (!p->leave && !is_asked_for && bitmap_is_equal(&p->nodes, &cpu_nodes))
		p->leave = mem_printf(d->m, "the %d visible GPUs are spread over all nodes", n_visible);
	p->why = n_visible == 1 ? "the node of the visible GPU" :
				  mem_printf(d->m, "the node%s of the %d visible GPUs",
					     bitmap_count(&p->nodes) > 1 ? "s" : "", n_visible);
}

static void numa_place_interleaved(const struct decision *d, const char *where, struct placement *p)
{
	const struct facts *f = d->facts;
	struct bitmap cpu_nodes = numa_cpu_nodes(f);

	for (size_t i = 0; i < f->numa.n_nodes; i++) {
		const struct numa_node *node = &f->numa.nodes[i];

		/* Memory-only nodes are a device's memory or slow memory: never by default. */
		if (bitmap_has(&cpu_nodes, node->id) && numa_has_memory(f, node))
			bitmap_set(&p->nodes, node->id);
	}
	p->is_interleaved = true;
	p->why = mem_printf(d->m, "one table read from all nodes: page by page over those with CPUs (%s)", where);
	if (bitmap_count(&p->nodes) < 2)
		p->leave = "fewer than two nodes have both CPUs and memory for this process";
}

static void numa_place_at(const struct decision *d, const char *list, const char *where, struct placement *p)
{
	struct bitmap online = { { 0 } };

	bitmap_parse_list(list, &p->nodes); /* checked when the option was read */
	for (size_t i = 0; i < d->facts->numa.n_nodes; i++)
		bitmap_set(&online, d->facts->numa.nodes[i].id);
	p->why = mem_printf(d->m, "asked for (%s)", where);
	if (!bitmap_is_subset(&p->nodes, &online))
		p->refuse = mem_printf(d->m, "nodes %s are asked for (%s), and this machine has %s", list, where,
				       bitmap_format_list(d->m, &online));
}

/* Asked for in so many words, and not a profile's wish. */
static bool numa_is_explicit(const struct setting *s)
{
	return s->origin != ORIGIN_BUILT_IN && strcmp(s->text, "auto") != 0;
}

/* Why a choice that nobody asked for by name is not ours to make; NULL = it is. */
static const char *numa_find_owner(const struct decision *d)
{
	const struct facts *f = d->facts;
	bool has_gpu = false;

	if (f->process.memory_policy != FACT_UNKNOWN && f->process.memory_policy != MPOL_DEFAULT)
		return "a memory policy was set from outside, as by numactl";
	for (size_t i = 0; i < f->gpu.n_gpus; i++)
		has_gpu |= f->gpu.gpus[i].visible != TRI_NO;
	if (!d->framework || !d->options->argv)
		return NULL;
	return framework_binds_itself(d->framework, d->command.argv,
				      wrapper_environment(d->m, &d->command,
							  (const char *const *)d->options->environment),
				      has_gpu);
}

static void numa_choose(const struct decision *d, struct placement *p)
{
	const struct facts *f = d->facts;
	struct setting s = policy_setting(d, KEY_NUMA);
	bool is_explicit = numa_is_explicit(&s);
	const char *owner = numa_find_owner(d);

	if (strcmp(s.text, "off") == 0)
		p->leave = mem_printf(d->m, "numa is off (%s)", s.where);
	else if (f->numa.known != TRI_YES || f->numa.n_nodes == 0)
		p->leave = "the kernel shows no NUMA nodes";
	else if (isdigit((unsigned char)s.text[0]))
		numa_place_at(d, s.text, s.where, p);
	else if (strcmp(s.text, "gpu") == 0)
		numa_place_at_gpus(d, true, p);
	else if (f->numa.n_nodes == 1)
		p->leave = "one NUMA node: there is nothing to choose";
	else if (owner && !is_explicit)
		p->leave = owner;
	else if (strcmp(s.text, "interleave") == 0)
		numa_place_interleaved(d, s.where, p);
	else
		numa_place_at_gpus(d, false, p);
	/* Interleaving over what is there has nothing to do on one node; a place has to exist. */
	if (p->leave && !p->refuse && is_explicit && (strcmp(s.text, "gpu") == 0 || isdigit((unsigned char)s.text[0])))
		p->refuse = p->leave;
	if (is_explicit && owner && !p->leave && !p->refuse)
		plan_warn(d->m, d->plan, "numa %s (%s) goes ahead although %s", s.text, s.where, owner);
}

static void numa_decide_affinity(const struct decision *d, const struct placement *p)
{
	const struct facts *f = d->facts;
	struct bitmap cpus = { { 0 } }, usable = f->process.status.cpus;
	struct operation *op;

	BITMAP_FOR_EACH (id, &p->nodes) {
		const struct numa_node *node = numa_find_node(&f->numa, id);

		if (node)
			bitmap_or(&cpus, &node->cpus);
	}
	/* Never wider than what we were given, where that is known. */
	if (!bitmap_is_empty(&f->process.status.cpus))
		bitmap_and(&cpus, &f->process.status.cpus);
	/* An offline CPU is in the list of the allowed ones and in none of a node. */
	if (!bitmap_is_empty(&f->cpu.online))
		bitmap_and(&usable, &f->cpu.online);
	if (p->is_interleaved) {
		policy_leave(d, STEP_AFFINITY, AFFINITY,
			     "memory is interleaved; threads stay where the scheduler puts them");
	} else if (bitmap_is_empty(&cpus)) {
		policy_refuse(d, STEP_AFFINITY, AFFINITY,
			      mem_printf(d->m, "%s no CPU that this process may use (allowed: %s)",
					 nodes_have(d->m, &p->nodes),
					 bitmap_format_list(d->m, &f->process.status.cpus)));
	} else if (bitmap_is_equal(&cpus, &usable)) {
		policy_leave(d, STEP_AFFINITY, AFFINITY, "already exactly the CPUs of these nodes");
	} else {
		op = policy_add(d, STEP_AFFINITY, OP_AFFINITY, AFFINITY);
		op->u.cpus = mem_dup(d->m, &cpus, sizeof cpus);
		op->value = mem_printf(d->m, "CPUs %s", bitmap_format_list(d->m, &cpus));
		op->why = p->why;
	}
}

static void numa_add_choice(struct mem *m, struct operation *op, int mode, const struct bitmap *nodes)
{
	*MEM_PUSH(m, op->u.memory.choices, op->u.memory.n_choices) = (struct mempolicy){ mode, *nodes };
}

/* "3:1", the nodes' weights where they differ; NULL where even shares are what they say. */
static const char *numa_weights(const struct decision *d, const struct bitmap *nodes)
{
	const char *list = NULL;
	int64_t first = FACT_UNKNOWN;
	bool differ = false;

	BITMAP_FOR_EACH (id, nodes) {
		const struct numa_node *node = numa_find_node(&d->facts->numa, id);
		int64_t weight = node ? node->weight : FACT_UNKNOWN;

		if (weight == FACT_UNKNOWN)
			return NULL;
		if (!list)
			first = weight;
		differ |= weight != first;
		list = mem_printf(d->m, "%s%s%lld", list ? list : "", list ? ":" : "", (long long)weight);
	}
	return differ ? list : NULL;
}

static void numa_choose_interleave(const struct decision *d, const struct placement *p, const struct bitmap *nodes,
				   struct operation *op)
{
	const char *weights = numa_weights(d, nodes);

	op->why = p->why;
	if (weights) {
		numa_add_choice(d->m, op, MODE_WEIGHTED_INTERLEAVE, nodes);
		op->why = mem_printf(d->m, "%s, as the nodes are weighted: %s", p->why, weights);
	}
	numa_add_choice(d->m, op, MPOL_INTERLEAVE, nodes);
}

static void numa_choose_near(const struct decision *d, const struct placement *p, const struct bitmap *nodes,
			     struct operation *op)
{
	bool is_strict = setting_is_on(&d->options->settings[KEY_NUMA_STRICT]);
	bool is_several = bitmap_count(nodes) > 1;
	const struct bitmap none = { { 0 } };

	if (is_strict) {
		numa_add_choice(d->m, op, MPOL_BIND, nodes);
	} else {
		/* Several nodes need kernel 5.15; before it, each thread's own is the next best. */
		numa_add_choice(d->m, op, is_several ? MPOL_PREFERRED_MANY : MPOL_PREFERRED, nodes);
		if (is_several)
			numa_add_choice(d->m, op, MPOL_LOCAL, &none);
	}
	op->why = mem_printf(d->m, "%s; when %s full, %s", p->why, is_several ? "they are" : "it is",
			     is_strict ? "the OOM killer ends the process (numa-strict)" :
					 "memory comes from elsewhere");
}

static void numa_decide_memory(const struct decision *d, const struct placement *p)
{
	const struct facts *f = d->facts;
	struct bitmap nodes = { { 0 } };
	struct operation *op;

	BITMAP_FOR_EACH (id, &p->nodes) {
		const struct numa_node *node = numa_find_node(&f->numa, id);

		if (node && numa_has_memory(f, node))
			bitmap_set(&nodes, id);
	}
	if (bitmap_is_empty(&nodes)) {
		policy_refuse(d, STEP_MEMPOLICY, MEMORY,
			      mem_printf(d->m, "%s no memory that this process may use (allowed: %s)",
					 nodes_have(d->m, &p->nodes),
					 bitmap_format_list(d->m, &f->process.status.memory_nodes)));
		return;
	}
	op = policy_add(d, STEP_MEMPOLICY, OP_MEMPOLICY, MEMORY);
	(p->is_interleaved ? numa_choose_interleave : numa_choose_near)(d, p, &nodes, op);
	op->value = mempolicy_describe(d->m, &op->u.memory.choices[0]);
}

void policy_decide_numa(const struct decision *d)
{
	struct placement p = { .why = NULL };

	numa_choose(d, &p);
	if (p.refuse || p.leave) {
		static const struct {
			enum step step;
			const char *name;
		} steps[] = { { STEP_AFFINITY, AFFINITY }, { STEP_MEMPOLICY, MEMORY } };

		for (size_t i = 0; i < 2; i++) {
			if (policy_is_off(d, steps[i].step, steps[i].name))
				continue;
			(p.refuse ? policy_refuse : policy_leave)(d, steps[i].step, steps[i].name,
								  p.refuse ? p.refuse : p.leave);
		}
		return;
	}
	if (!policy_is_off(d, STEP_AFFINITY, AFFINITY))
		numa_decide_affinity(d, &p);
	if (!policy_is_off(d, STEP_MEMPOLICY, MEMORY))
		numa_decide_memory(d, &p);
}
