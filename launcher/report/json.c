/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read: --explain --format json, --list --format json, the launch record. */
#include <unistd.h>

#include "decide/policy.h"
#include "report/json_values.h"
#include "report/report.h"
#include "util/environment.h"
#include "version.h"

static json_t *json_parts(const struct parts *parts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < parts->n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "name", json_text(parts->items[i].name));
		json_object_set_new(o, "value", json_text(parts->items[i].value));
		json_object_set_new(o, "why", json_text(parts->items[i].why));
		json_array_append_new(array, o);
	}
	return array;
}

static json_t *json_operation(const struct operation *op)
{
	json_t *o = json_object();

	json_object_set_new(o, "step", json_text(step_name(op->step)));
	json_object_set_new(o, "name", json_text(op->name));
	json_object_set_new(o, "value", json_text(op->value));
	json_object_set_new(o, "why", json_text(op->why));
	json_object_set_new(o, "ladder", json_text(ladder_name(op->ladder)));
	json_object_set_new(o, "outcome", json_text(outcome_name(op->outcome)));
	if (op->detail)
		json_object_set_new(o, "detail", json_text(op->detail));
	if (op->parts.n)
		json_object_set_new(o, "parts", json_parts(&op->parts));
	return o;
}

static json_t *json_facts(const struct facts *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "kernel", json_text(f->kernel));
	json_object_set_new(o, "machine", json_text(f->machine));
	json_object_set_new(o, "page_size", json_number(f->page_size));
	json_object_set_new(o, "cpus_usable", json_number(f->cpu.effective));
	json_object_set_new(o, "cpus_allowed", json_bitmap(&f->cpu.allowed));
	json_object_set_new(o, "memory_total", json_number(f->memory_total));
	json_object_set_new(o, "memory_max", json_number(f->cgroup.memory_max));
	json_object_set_new(o, "numa_nodes", json_integer((json_int_t)f->numa.n_nodes));
	json_object_set_new(o, "gpus", json_integer((json_int_t)f->gpu.n_gpus));
	json_object_set_new(o, "uid", json_number(f->process.uid));
	return o;
}

/* No arguments: they may hold keys, and the record outlives the process. */
static json_t *json_command(const struct command_facts *c)
{
	json_t *o = json_object(), *chain = json_array();

	json_object_set_new(o, "name", json_text(c->name));
	json_object_set_new(o, "path", json_text(c->path));
	for (size_t i = 0; i < c->n_chain; i++)
		json_array_append_new(chain, json_text(c->chain[i]));
	json_object_set_new(o, "chain", chain);
	return o;
}

static json_t *json_build(const struct build_facts *b)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_text(b->id));
	json_object_set_new(o, "path", json_text(b->path));
	json_object_set_new(o, "build_id", json_text(b->build_id));
	return o;
}

/* The rest of the manifest's entry, and the bytes' own checksum. */
static void json_add_build_details(json_t *o, const struct build_facts *b)
{
	static const char *const libcs[] = { NULL, "glibc", "musl", NULL };
	json_t *features = json_array();

	for (char **f = b->features; f && *f; f++)
		json_array_append_new(features, json_text(*f));
	json_object_set_new(o, "allocator", json_text(b->allocator));
	json_object_set_new(o, "version", json_text(b->version));
	json_object_set_new(o, "variant", json_text(b->variant));
	json_object_set_new(o, "machine", json_text(b->machine));
	json_object_set_new(o, "libc", json_text(libcs[b->libc]));
	json_object_set_new(o, "min_glibc_minor", json_number(b->libc_minor));
	json_object_set_new(o, "x86_level", json_number(b->x86_level));
	json_object_set_new(o, "page_size", json_number(b->page_size));
	json_object_set_new(o, "features", features);
	json_object_set_new(o, "sha256", json_text(b->sha256));
	json_object_set_new(o, "sha256_found", json_text(b->digest));
	json_object_set_new(o, "source_sha256", json_text(b->source_sha256));
	json_object_set_new(o, "flags", json_text(b->flags));
	json_object_set_new(o, "compiler", json_text(b->compiler));
	json_object_set_new(o, "licence", json_text(b->licence));
}

/* The variables that the plan changes, as the command gets them. */
static json_t *json_environment(const struct plan *plan, char *const *environment)
{
	json_t *o = json_object();

	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];

		if (op->kind == OP_ENVIRONMENT && environment)
			json_object_set_new(o, op->u.environment.variable,
					    json_text(environment_get((const char *const *)environment,
								      op->u.environment.variable)));
	}
	return o;
}

json_t *report_plan_json(const struct facts *facts, const struct options *options, const struct plan *plan,
			 char *const *environment)
{
	json_t *o = json_object(), *operations = json_array(), *warnings = json_array();

	json_object_set_new(o, "record", json_integer(1));
	json_object_set_new(o, "allocrun", json_string(ALLOCRUN_VERSION));
	if (facts->is_live && options->mode == MODE_LAUNCH) {
		json_object_set_new(o, "pid", json_integer(getpid()));
		json_object_set_new(o, "start_time", json_number(facts->process.start_time));
	}
	json_object_set_new(o, "command", json_command(&facts->command));
	json_object_set_new(o, "framework", json_text(plan->framework));
	json_object_set_new(o, "profile", json_text(plan->profile));
	json_object_set_new(o, "build", plan->build ? json_build(plan->build) : json_null());
	json_object_set_new(o, "policy_problem", json_text(options->policy_problem));
	json_object_set_new(o, "facts", json_facts(facts));
	json_object_set_new(o, "settings", json_parts(&plan->settings));
	for (size_t i = 0; i < plan->n_operations; i++)
		json_array_append_new(operations, json_operation(&plan->operations[i]));
	json_object_set_new(o, "plan", operations);
	for (size_t i = 0; i < plan->n_warnings; i++)
		json_array_append_new(warnings, json_text(plan->warnings[i]));
	json_object_set_new(o, "warnings", warnings);
	json_object_set_new(o, "environment", json_environment(plan, environment));
	return o;
}

json_t *report_builds_json(struct mem *m, const struct facts *facts, const struct options *options)
{
	const char *no_command = policy_reject_command(m, facts, options);
	json_t *o = json_object(), *builds = json_array();

	for (size_t i = 0; i < facts->catalog.n_builds; i++) {
		const struct build_facts *b = &facts->catalog.builds[i];
		const char *reason = no_command ? no_command : policy_reject_build(m, facts, b);
		json_t *row = json_build(b);

		json_add_build_details(row, b);
		json_object_set_new(row, "fits", json_boolean(reason == NULL));
		json_object_set_new(row, "reason", json_text(reason));
		json_array_append_new(builds, row);
	}
	json_object_set_new(o, "builds", builds);
	json_object_set_new(o, "problem", json_text(facts->catalog.problem));
	return o;
}
