/* SPDX-License-Identifier: Apache-2.0 */
/* What people read: --explain, --list, warnings. */
#include "report/report.h"

#include <stdio.h>
#include <string.h>

#include "facts/names.h"
#include "report/page.h"
#include "util/buffer.h"
#include "util/size.h"
#include "util/utf8.h"

static const char *report_word(const char *word)
{
	return *word ? word : "unknown";
}

static void report_command(struct page *t, const struct facts *f, const struct plan *plan, const struct options *o)
{
	const struct command_facts *c = &f->command;
	static const char *const libcs[] = { "libc unknown", "glibc", "musl", "another libc" };
	char *line = mem_strdup(t->out.m, "");

	if (!c->name) {
		page_row(t, "Command", "none given; the plan is for an ordinary glibc program");
		return;
	}
	for (size_t i = 0; o->argv[i] && i < 8; i++)
		line = mem_printf(t->out.m, "%s%s%s", line, i ? " " : "", o->argv[i]);
	page_row(t, "Command", line);
	if (c->error) {
		page_row(t, "", mem_printf(t->out.m, "cannot be executed: %s", strerror(-c->error)));
		return;
	}
	line = mem_strdup(t->out.m, "");
	for (size_t i = 0; i < c->n_chain; i++)
		line = mem_printf(t->out.m, "%s%s%s", line, i ? " -> " : "", c->chain[i]);
	if (c->elf.problem)
		line = mem_printf(t->out.m, "%s (no ELF file)", line);
	else
		line = mem_printf(t->out.m, "%s (%s, %s)", line, c->elf.machine,
				  c->elf.interpreter ? libcs[c->libc] : "static");
	page_row(t, "", line);
	if (plan->framework)
		page_row(t, "", mem_printf(t->out.m, "recognised as %s", plan->framework));
}

/* "12.5", "4", "128": a quota is what somebody wrote as a decimal number. */
static const char *report_quota(struct mem *m, int64_t milli)
{
	if (milli == FACT_UNLIMITED)
		return "no quota";
	if (milli < 0)
		return "quota unknown";
	return milli < 100000 ? mem_printf(m, "quota %.3g CPUs", (double)milli / 1000) :
				mem_printf(m, "quota %.0f CPUs", (double)milli / 1000);
}

/* An empty set is one that could not be read. */
static const char *report_count(struct mem *m, const struct bitmap *cpus)
{
	return bitmap_is_empty(cpus) ? "unknown" : mem_printf(m, "%d", bitmap_count(cpus));
}

static void report_cpus(struct page *t, const struct facts *f)
{
	const struct cpu_facts *c = &f->cpu;
	struct mem *m = t->out.m;

	if (c->effective == FACT_UNKNOWN)
		page_row(t, "CPUs", "unknown");
	else
		page_row(t, "CPUs",
			 mem_printf(m, "%lld usable (%s online, %s allowed, %s)", (long long)c->effective,
				    report_count(m, &c->online), report_count(m, &f->process.status.cpus),
				    report_quota(m, c->quota_milli)));
}

static void report_memory(struct page *t, const struct facts *f)
{
	static const char *const versions[] = { "cgroup unknown", "no cgroup", "cgroup v1", "cgroup v2",
						"cgroup v1 and v2" };
	const struct cgroup_facts *c = &f->cgroup;
	const char *limit = c->memory_max == FACT_UNLIMITED ?
				    "no limit" :
				    mem_printf(t->out.m, "limit %s", size_format(t->out.m, c->memory_max));

	page_row(t, "Memory",
		 mem_printf(t->out.m, "%s, %s (%s)", size_format(t->out.m, f->memory_total), limit,
			    versions[c->version]));
}

static void report_numa(struct page *t, const struct facts *f)
{
	const struct numa_facts *n = &f->numa;
	char *line;

	if (n->known != TRI_YES) {
		page_row(t, "NUMA", n->known == TRI_NO ? "not in this kernel" : "unknown");
		return;
	}
	line = mem_printf(t->out.m, "%zu node%s", n->n_nodes, n->n_nodes == 1 ? "" : "s");
	for (size_t i = 0; i < n->n_nodes && n->n_nodes > 1 && i < 8; i++) {
		const struct numa_node *node = &n->nodes[i];

		line = mem_printf(t->out.m, "%s%s node %d %s, %s", line, i ? ";" : ":", node->id,
				  bitmap_is_empty(&node->cpus) ?
					  "without CPUs" :
					  mem_printf(t->out.m, "CPUs %s", bitmap_format_list(t->out.m, &node->cpus)),
				  size_format(t->out.m, node->memory_total));
	}
	page_row(t, "NUMA", mem_printf(t->out.m, "%s%s", line, n->n_nodes > 8 ? "; ..." : ""));
}

static void report_thp(struct page *t, const struct facts *f)
{
	const struct thp_facts *thp = &f->thp;
	enum thp_process now = f->process.status.thp;
	const char *process = now == THP_PROCESS_ALLOWED        ? "allowed" :
			      now == THP_PROCESS_DISABLED       ? "off" :
			      now == THP_PROCESS_EXCEPT_ADVISED ? "only where advised" :
								  "unknown";

	if (thp->known == TRI_NO)
		page_row(t, "THP", "not in this kernel");
	else
		page_row(t, "THP",
			 mem_printf(t->out.m, "enabled=%s, defrag=%s; for this process: %s",
				    thp_mode_name(thp->enabled), report_word(thp->defrag), process));
}

static void report_hugepages(struct page *t, const struct facts *f)
{
	char *line = mem_strdup(t->out.m, f->hugetlb.n_pools ? "" : "no pools");

	for (size_t i = 0; i < f->hugetlb.n_pools; i++) {
		const struct hugetlb_pool *p = &f->hugetlb.pools[i];

		line = mem_printf(t->out.m, "%s%s%s: %lld of %lld free", line, i ? "; " : "",
				  size_format(t->out.m, p->page_size), (long long)p->free, (long long)p->total);
	}
	page_row(t, "Hugepages", line);
}

static void report_gpus(struct page *t, const struct facts *f)
{
	const struct gpu_facts *g = &f->gpu;
	size_t n_visible = 0;
	char *line;

	for (size_t i = 0; i < g->n_gpus; i++)
		n_visible += g->gpus[i].visible != TRI_NO;
	line = g->n_gpus == 0 ? mem_strdup(t->out.m, "none") :
				mem_printf(t->out.m, "%zu, %zu visible", g->n_gpus, n_visible);
	for (size_t i = 0; i < g->n_gpus; i++) {
		if (g->gpus[i].visible != TRI_NO)
			line = mem_printf(t->out.m, "%s; %s on node %s", line, g->gpus[i].address,
					  g->gpus[i].node == GPU_NODE_UNREAD ? "unknown" :
					  g->gpus[i].node < 0                ? "none (numa_node=-1)" :
								mem_printf(t->out.m, "%d", g->gpus[i].node));
	}
	page_row(t, "GPUs", g->visible_by ? mem_printf(t->out.m, "%s (%s)", line, g->visible_by) : line);
}

static void report_process(struct page *t, const struct facts *f)
{
	const struct process_status *p = &f->process.status;

	page_row(t, "Process",
		 mem_printf(t->out.m, "uid %s, %s capabilities, no_new_privs %s, seccomp %s",
			    p->uid == FACT_UNKNOWN ? "unknown" : mem_printf(t->out.m, "%lld", (long long)p->uid),
			    p->capabilities_known != TRI_YES ?
				    "unknown" :
				    mem_printf(t->out.m, "%d", __builtin_popcountll(p->effective)),
			    p->no_new_privs == TRI_YES ? "on" :
			    p->no_new_privs == TRI_NO  ? "off" :
							 "unknown",
			    p->seccomp == 0 ? "off" :
			    p->seccomp > 0  ? "on" :
					      "unknown"));
}

static void report_machine(struct page *t, const struct facts *f)
{
	page_row(t, "Machine",
		 mem_printf(t->out.m, "Linux %s, %s, %s pages%s", report_word(f->kernel), report_word(f->machine),
			    size_format(t->out.m, f->page_size), f->is_live ? "" : " (captured)"));
	report_cpus(t, f);
	report_memory(t, f);
	report_numa(t, f);
	report_thp(t, f);
	report_hugepages(t, f);
	report_gpus(t, f);
	report_process(t, f);
}

static void report_settings(struct page *t, const struct options *o, const struct plan *plan)
{
	page_heading(t, "Settings, and where they come from");
	for (size_t i = 0; i < plan->settings.n; i++) {
		const struct part *s = &plan->settings.items[i];

		page_add(t, "  %-14s %-26s %s", s->name, s->value, s->why);
		page_end_line(t);
	}
	for (size_t i = 0; i < o->n_policy_files; i++) {
		page_add(t, "  policy file    %s", o->policy_files[i]);
		page_end_line(t);
	}
}

/* One width, so that the steps stand in a column. */
static void report_mark(struct page *t, const struct operation *op)
{
	static const struct {
		const char *color, *word;
	} marks[] = {
		[OUTCOME_PLANNED] = { "32", "planned " },  [OUTCOME_NOTHING] = { "0", "-       " },
		[OUTCOME_OFF] = { "0", "off     " },       [OUTCOME_DONE] = { "32", "ok      " },
		[OUTCOME_DEGRADED] = { "33", "degraded" }, [OUTCOME_REFUSED] = { "31", "REFUSED " },
	};

	page_paint(t, marks[op->outcome].color, marks[op->outcome].word);
}

#define INDENT "                         "

static void report_parts(struct page *t, const struct operation *op)
{
	/* Our library alone stands in the value already. */
	if (op->step == STEP_PRELOAD && op->parts.n == 1 && op->value)
		return;
	for (size_t i = 0; i < op->parts.n; i++) {
		const struct part *p = &op->parts.items[i];

		if (op->step == STEP_PRELOAD)
			page_add(t, INDENT "%c %s: %s", p->value ? '+' : '-', p->name, p->why);
		else
			page_add(t, INDENT "  %-32s %s", mem_printf(t->out.m, "%s:%s", p->name, p->value), p->why);
		page_end_line(t);
	}
}

static void report_operation(struct page *t, const struct plan *plan, const struct operation *op)
{
	page_add(t, "  ");
	report_mark(t, op);
	page_add(t, " %-13s ", step_name(op->step));
	if (op->value) {
		page_add(t, "%s = %s", op->name, op->value);
		page_end_line(t);
		page_add(t, INDENT "%s", op->why);
	} else if (strcmp(op->name, step_name(op->step)) == 0) {
		page_add(t, "%s", op->why);
	} else {
		page_add(t, "%s: %s", op->name, op->why);
	}
	page_end_line(t);
	report_parts(t, op);
	if (op->kind == OP_ENVIRONMENT && op->step == STEP_PRELOAD && plan->trial) {
		page_add(t, INDENT "%s", plan->trial);
		page_end_line(t);
	}
	if (op->detail) {
		page_add(t, INDENT "%s", op->detail);
		page_end_line(t);
	}
	if (op->ladder == LADDER_REQUIRE && op->outcome == OUTCOME_REFUSED) {
		page_add(t, INDENT);
		page_paint(t, "31", "required: the command would not be started");
		page_end_line(t);
	}
}

char *report_explain(struct mem *m, const struct facts *facts, const struct options *options, const struct plan *plan,
		     enum report_stage stage, bool has_color)
{
	static const char *const headings[] = {
		[REPORT_PLANNED] = "Plan, not tried here",
		[REPORT_TRIED] = "Plan, each step tried just now in a child process",
		[REPORT_APPLIED] = "Plan, as carried out",
	};
	struct page t = { .out.m = m, .has_color = has_color };

	report_command(&t, facts, plan, options);
	report_machine(&t, facts);
	report_settings(&t, options, plan);
	page_heading(&t, headings[stage]);
	for (size_t i = 0; i < plan->n_operations; i++)
		report_operation(&t, plan, &plan->operations[i]);
	if (plan->n_warnings)
		page_heading(&t, "Worth knowing");
	for (size_t i = 0; i < plan->n_warnings; i++) {
		page_add(&t, "  %s", plan->warnings[i]);
		page_end_line(&t);
	}
	return page_text(&t);
}

char *report_blocker(struct mem *m, const struct operation *op)
{
	return utf8_clean(m, mem_printf(m, "%s is required and cannot be done: %s: %s", step_name(op->step), op->name,
					op->detail ? op->detail : op->why));
}

char *report_warnings(struct mem *m, const struct plan *plan)
{
	struct buffer text = { .m = m };

	for (size_t i = 0; i < plan->n_warnings; i++)
		buffer_printf(&text, "allocrun: %s\n", utf8_clean(m, plan->warnings[i]));
	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];
		const char *reason = op->detail ? op->detail : op->why;

		/* What the policy itself refused to preload is among the warnings already. */
		if (op->outcome == OUTCOME_REFUSED && (op->step != STEP_PRELOAD || op->detail))
			buffer_printf(&text, "allocrun: going on without %s: %s: %s\n", step_name(op->step), op->name,
				      utf8_clean(m, reason));
		else if (op->outcome == OUTCOME_DEGRADED)
			buffer_printf(&text, "allocrun: %s is degraded: %s\n", step_name(op->step),
				      utf8_clean(m, reason));
	}
	return buffer_text(&text);
}
