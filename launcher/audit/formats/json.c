/* SPDX-License-Identifier: Apache-2.0 */
/* --check --format json: check.schema.json is the contract. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "audit/formats/formats.h"
#include "audit/formats/json.h"
#include "audit/runner.h"
#include "report/json_values.h"
#include "version.h"

/* DEL stands for itself in JSON, and only there it would reach a terminal as it is. */
static char *json_escape_delete(struct mem *m, const char *text)
{
	char *out, *o;
	size_t n = 0;

	for (const char *c = text; *c; c++)
		n += *c == 0x7f;
	out = o = mem_alloc(m, strlen(text) + n * strlen("\\u007f") + strlen("\n") + 1);
	for (; *text; text++) {
		if (*text == 0x7f)
			o = stpcpy(o, "\\u007f");
		else
			*o++ = *text;
	}
	*o = '\n';
	return out;
}

/* In ASCII, so that no name can drive the terminal of who looks at it. Takes `o`. */
static char *json_print(struct mem *m, json_t *o)
{
	char *dump = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII), *text;

	text = json_escape_delete(m, dump ? dump : "null");
	free(dump);
	json_decref(o);
	return text;
}

static json_t *json_host(const struct facts *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "live", json_boolean(f->is_live));
	json_object_set_new(o, "kernel", json_text(f->kernel));
	json_object_set_new(o, "machine", json_text(f->machine));
	json_object_set_new(o, "page_size", json_number(f->page_size));
	json_object_set_new(o, "cpus_usable", json_number(f->cpu.effective));
	json_object_set_new(o, "memory_total", json_number(f->memory_total));
	json_object_set_new(o, "memory_max", json_number(f->cgroup.memory_max));
	json_object_set_new(o, "numa_nodes", json_integer((json_int_t)f->numa.n_nodes));
	json_object_set_new(o, "gpus", json_integer((json_int_t)f->gpu.n_gpus));
	return o;
}

static json_t *json_finding(const struct finding *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_text(f->check->id));
	json_object_set_new(o, "title", json_text(f->check->title));
	json_object_set_new(o, "scope", json_string(f->process ? "process" : "node"));
	json_object_set_new(o, "status", json_string(check_status_name(f->status)));
	json_object_set_new(o, "observed", json_text(f->observed));
	json_object_set_new(o, "expected", json_text(f->expected));
	json_object_set_new(o, "why", json_text(f->check->why));
	json_object_set_new(o, "fix", json_text(format_fix(f)));
	json_object_set_new(o, "section", json_text(f->check->section));
	json_object_set_new(o, "ignored", json_text(f->ignored));
	json_object_set_new(o, "process", f->process ? json_process_name(f->process) : json_null());
	return o;
}

static json_t *json_summary(const struct audit_result *r)
{
	json_t *o = json_object();

	for (int s = 0; s < CHECK_STATUS_COUNT; s++)
		json_object_set_new(o, check_status_name((enum check_status)s), json_integer((json_int_t)r->counts[s]));
	json_object_set_new(o, "ignored", json_integer((json_int_t)r->n_ignored));
	return o;
}

static json_t *json_policy(const struct audit_request *r)
{
	return json_pack("{s:o, s:o}", "files", json_texts(r->policy_files, r->n_policy_files), "problem",
			 json_text(r->policy_problem));
}

/* What was asked for; null for the node alone. */
static json_t *json_asked(struct mem *m, const struct audit_report *report)
{
	const struct live_facts *live = report->facts->live;

	if (!live)
		return json_null();
	return json_pack("{s:o, s:I, s:o, s:o, s:o}", "for", json_text(live->asked ? live->asked : "processes"),
			 "count", (json_int_t)live->n_processes, "problem", json_text(live->problem), "watched_seconds",
			 json_number(format_watched_seconds(report)), "list", json_process_list(m, live));
}

char *format_json(struct mem *m, const struct audit_report *report)
{
	const struct audit_result *result = report->result;
	json_t *o = json_object(), *findings = json_array();

	json_object_set_new(o, "check", json_integer(1));
	json_object_set_new(o, "allocrun", json_string(ALLOCRUN_VERSION));
	json_object_set_new(o, "time", json_string(format_time(m, report->request->now)));
	json_object_set_new(o, "status", json_string(check_status_name(result->worst)));
	json_object_set_new(o, "exit_code", json_integer(result->exit_code));
	json_object_set_new(o, "fail_on", json_string(check_status_name(report->request->fail_on)));
	json_object_set_new(o, "summary", json_summary(result));
	json_object_set_new(o, "host", json_host(report->facts->machine));
	json_object_set_new(o, "policy", json_policy(report->request));
	json_object_set_new(o, "processes", json_asked(m, report));
	for (size_t i = 0; i < result->n_findings; i++)
		json_array_append_new(findings, json_finding(&result->findings[i]));
	json_object_set_new(o, "findings", findings);
	return json_print(m, o);
}

static json_t *json_check(struct mem *m, const struct check *check)
{
	struct thresholds built_in = thresholds_default();

	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "id", json_text(check->id), "title",
			 json_text(check->title), "scope", check->scope == SCOPE_PROCESS ? "process" : "node",
			 "expected", json_text(thresholds_expand(m, &built_in, check->expected)), "why",
			 json_text(check->why), "fix", json_text(check->fix), "section", json_text(check->section));
}

char *format_checks_json(struct mem *m, const struct check *table, const struct check *check)
{
	const char **ids = runner_list_ids(m, table);
	json_t *list = json_array();

	for (; *ids; ids++) {
		if (!check || runner_find(table, *ids) == check)
			json_array_append_new(list, json_check(m, runner_find(table, *ids)));
	}
	return json_print(m, json_pack("{s:o}", "checks", list));
}
