/* SPDX-License-Identifier: Apache-2.0 */
/* --explain --format json and the launch record: the plan, typed and in words. */
#include "report/report.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "facts/launch_record.h"
#include "facts/names.h"
#include "report/json_writer.h"
#include "util/environment.h"
#include "version.h"

static void plan_write_parts(struct json_writer *w, const char *key, const struct parts *parts)
{
	writer_open(w, key, '[');
	for (size_t i = 0; i < parts->n; i++) {
		writer_open(w, NULL, '{');
		writer_text(w, "name", parts->items[i].name);
		writer_text(w, "value", parts->items[i].value);
		writer_text(w, "why", parts->items[i].why);
		writer_close(w, '}');
	}
	writer_close(w, ']');
}

/* NULL: it is the operation of no limit. */
static const char *plan_resource(const struct operation *op)
{
	if (op->step != STEP_RLIMITS)
		return NULL;
	return op->u.rlimit.resource == RLIMIT_MEMLOCK ? "memlock" :
	       op->u.rlimit.resource == RLIMIT_CORE    ? "core" :
							 NULL;
}

static void plan_write_limit(struct json_writer *w, const struct operation *op)
{
	writer_text(w, RECORD_RESOURCE, plan_resource(op));
	if (op->kind != OP_RLIMIT)
		return;
	writer_number(w, RECORD_SOFT, op->u.rlimit.limit.soft);
	writer_number(w, RECORD_HARD, op->u.rlimit.limit.hard);
}

/* What facts/launch_record.h promises; of memory policies the one that was wanted. */
static void plan_write_set(struct json_writer *w, const struct operation *op)
{
	char mask[17];

	writer_open(w, "set", '{');
	switch (op->kind) {
	case OP_NOTHING:
	case OP_RLIMIT:
		plan_write_limit(w, op);
		break;
	case OP_AFFINITY:
		writer_bitmap(w, RECORD_CPUS, op->u.cpus);
		break;
	case OP_MEMPOLICY:
		writer_integer(w, RECORD_POLICY, op->u.memory.choices->mode);
		writer_bitmap(w, RECORD_NODES, &op->u.memory.choices->nodes);
		break;
	case OP_THP:
		writer_integer(w, RECORD_THP, op->u.thp.disable ? (int64_t)(1 | op->u.thp.flags) : 0);
		break;
	case OP_OOM_SCORE:
		writer_integer(w, RECORD_OOM_SCORE, op->u.oom_score_adj);
		break;
	case OP_ENVIRONMENT:
		writer_text(w, RECORD_VARIABLE, op->u.environment.variable);
		writer_text(w, RECORD_TEXT, op->u.environment.text);
		break;
	case OP_CHILDREN:
		writer_text(w, RECORD_CHILDREN, op->value);
		break;
	case OP_USER:
		writer_integer(w, RECORD_UID, op->u.account->uid);
		writer_integer(w, RECORD_GID, op->u.account->gid);
		break;
	case OP_CAPS:
		snprintf(mask, sizeof mask, "%016llx", (unsigned long long)op->u.caps.keep);
		writer_text(w, RECORD_CAPABILITIES, mask);
		break;
	case OP_NO_NEW_PRIVS:
		writer_bool(w, RECORD_NO_NEW_PRIVS, true);
		break;
	}
	writer_close(w, '}');
}

static void plan_write_operation(struct json_writer *w, const struct operation *op)
{
	writer_open(w, NULL, '{');
	writer_text(w, "step", step_name(op->step));
	writer_text(w, "name", op->name);
	writer_text(w, "value", op->value);
	if (op->kind != OP_NOTHING || plan_resource(op))
		plan_write_set(w, op);
	writer_text(w, "why", op->why);
	writer_text(w, "ladder", ladder_name(op->ladder));
	writer_text(w, "outcome", outcome_name(op->outcome));
	if (op->detail)
		writer_text(w, "detail", op->detail);
	if (op->parts.n)
		plan_write_parts(w, "parts", &op->parts);
	writer_close(w, '}');
}

/* "gpus" in the facts is their number, since version 1. */
static void plan_write_gpus(struct json_writer *w, const struct gpu_facts *gpus)
{
	writer_open(w, "gpu_list", '[');
	for (size_t i = 0; i < gpus->n_gpus; i++) {
		const struct gpu *gpu = &gpus->gpus[i];

		writer_open(w, NULL, '{');
		writer_text(w, "vendor", gpu_vendor_name(gpu->vendor));
		writer_integer(w, "index", gpu->index);
		writer_text(w, "address", gpu->address);
		writer_text(w, "uuid", gpu->uuid);
		writer_number(w, "node", gpu->node < 0 ? FACT_UNKNOWN : gpu->node);
		if (gpu->visible == TRI_UNKNOWN)
			writer_text(w, "visible", NULL);
		else
			writer_bool(w, "visible", gpu->visible == TRI_YES);
		writer_close(w, '}');
	}
	writer_close(w, ']');
	writer_text(w, "gpus_visible_by", gpus->visible_by);
}

static void plan_write_facts(struct json_writer *w, const struct facts *f)
{
	writer_open(w, "facts", '{');
	writer_text(w, "kernel", f->kernel);
	writer_text(w, "machine", f->machine);
	writer_number(w, "page_size", f->page_size);
	writer_number(w, "cpus_usable", f->cpu.effective);
	writer_bitmap(w, "cpus_allowed", &f->process.status.cpus);
	writer_number(w, "memory_total", f->memory_total);
	writer_number(w, "memory_max", f->cgroup.memory_max);
	writer_integer(w, "numa_nodes", (int64_t)f->numa.n_nodes);
	writer_integer(w, "gpus", (int64_t)f->gpu.n_gpus);
	plan_write_gpus(w, &f->gpu);
	writer_number(w, "uid", f->process.status.uid);
	writer_close(w, '}');
}

/* No arguments: they may hold keys, and the record outlives the process. */
static void plan_write_command(struct json_writer *w, const struct command_facts *c)
{
	writer_open(w, "command", '{');
	writer_text(w, "name", c->name);
	writer_text(w, "path", c->path);
	writer_open(w, "chain", '[');
	for (size_t i = 0; i < c->n_chain; i++)
		writer_text(w, NULL, c->chain[i]);
	writer_close(w, ']');
	writer_close(w, '}');
}

static void plan_write_build(struct json_writer *w, const struct build_facts *b)
{
	if (!b) {
		writer_text(w, "build", NULL);
		return;
	}
	writer_open(w, "build", '{');
	writer_text(w, "id", b->id);
	writer_text(w, "path", b->path);
	writer_text(w, "build_id", b->build_id);
	writer_close(w, '}');
}

/* The variables that the plan changes, as the command gets them. */
static void plan_write_environment(struct json_writer *w, const struct plan *plan, char *const *environment)
{
	writer_open(w, "environment", '{');
	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];

		if (op->kind == OP_ENVIRONMENT && environment)
			writer_text(w, op->u.environment.variable,
				    environment_get((const char *const *)environment, op->u.environment.variable));
	}
	writer_close(w, '}');
}

char *report_plan_json(struct mem *m, const struct facts *facts, const struct options *options, const struct plan *plan,
		       char *const *environment, const char *not_started)
{
	struct json_writer w = { .text.m = m };

	writer_open(&w, NULL, '{');
	writer_integer(&w, "record", RECORD_VERSION);
	writer_text(&w, "allocrun", ALLOCRUN_VERSION);
	if (facts->is_live && options->mode == MODE_LAUNCH) {
		writer_integer(&w, "pid", getpid());
		writer_number(&w, "start_time", facts->process.start_time);
	}
	if (not_started)
		writer_text(&w, "not_started", not_started);
	plan_write_command(&w, &facts->command);
	writer_text(&w, "framework", plan->framework);
	writer_text(&w, "profile", plan->profile);
	plan_write_build(&w, plan->build);
	writer_text(&w, "trial", plan->trial);
	writer_text(&w, "policy_problem", options->policy_problem);
	plan_write_facts(&w, facts);
	plan_write_parts(&w, "settings", &plan->settings);
	writer_open(&w, "plan", '[');
	for (size_t i = 0; i < plan->n_operations; i++)
		plan_write_operation(&w, &plan->operations[i]);
	writer_close(&w, ']');
	writer_open(&w, "warnings", '[');
	for (size_t i = 0; i < plan->n_warnings; i++)
		writer_text(&w, NULL, plan->warnings[i]);
	writer_close(&w, ']');
	plan_write_environment(&w, plan, environment);
	writer_close(&w, '}');
	buffer_append(&w.text, "\n");
	return buffer_text(&w.text);
}
