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

/* The parts of a report lie at most three deep in it. */
static const char json_break[] = "\n   ";

/*
 * In ASCII, so that no name can drive the terminal of who looks at it. DEL stands for itself in JSON, and
 * only there it would reach one as it is. As part of a text, with its lines `depth` deep. Takes `o`.
 */
static void json_add(struct buffer *b, json_t *o, size_t depth)
{
	char *dump = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	for (const char *c = dump ? dump : "null"; *c;) {
		size_t n = strcspn(c, "\n\x7f");

		buffer_append_bytes(b, c, n);
		c += n;
		if (*c == '\n')
			buffer_append_bytes(b, json_break, 1 + depth);
		else if (*c)
			buffer_append(b, "\\u007f");
		c += *c != '\0';
	}
	free(dump);
	json_decref(o);
}

/* `"key": ` of what is open, on a line of its own; `key` NULL: an element. */
static void json_next(struct buffer *b, const char *key, bool is_first, size_t depth)
{
	buffer_append(b, is_first ? "" : ",");
	buffer_append_bytes(b, json_break, 1 + depth);
	if (key)
		buffer_printf(b, "\"%s\": ", key);
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
static void json_add_asked(struct buffer *b, const struct audit_report *report)
{
	const struct live_facts *live = report->facts->live;

	json_next(b, "processes", false, 1);
	if (!live) {
		buffer_append(b, "null");
		return;
	}
	buffer_append(b, "{");
	json_next(b, "for", true, 2);
	json_add(b, json_text(live->asked ? live->asked : "processes"), 2);
	json_next(b, "count", false, 2);
	json_add(b, json_integer((json_int_t)live->n_processes), 2);
	json_next(b, "problem", false, 2);
	json_add(b, json_text(live->problem), 2);
	json_next(b, "watched_seconds", false, 2);
	json_add(b, json_number(format_watched_seconds(report)), 2);
	json_next(b, "list", false, 2);
	buffer_append(b, "[");
	for (size_t i = 0; i < live->n_processes; i++) {
		json_next(b, NULL, i == 0, 3);
		json_add(b, json_process(b->m, &live->processes[i]), 3);
		format_pause(report, b);
	}
	buffer_append(b, live->n_processes ? "\n  ]\n }" : "]\n }");
}

static void json_add_findings(struct buffer *b, const struct audit_report *report)
{
	const struct audit_result *result = report->result;

	json_next(b, "findings", false, 1);
	buffer_append(b, "[");
	for (size_t i = 0; i < result->n_findings; i++) {
		json_next(b, NULL, i == 0, 2);
		json_add(b, json_finding(&result->findings[i]), 2);
		format_pause(report, b);
	}
	buffer_append(b, result->n_findings ? "\n ]" : "]");
}

/* Written as it is told: as a tree, a report of a thousand processes takes a hundred MiB. */
char *format_json(struct mem *m, const struct audit_report *report)
{
	const struct audit_result *result = report->result;
	struct buffer b = format_begin(m, report);
	const struct {
		const char *key;
		json_t *value;
	} head[] = {
		{ "check", json_integer(1) },
		{ "allocrun", json_string(ALLOCRUN_VERSION) },
		{ "time", json_string(format_time(b.m, report->request->now)) },
		{ "status", json_string(check_status_name(result->worst)) },
		{ "exit_code", json_integer(result->exit_code) },
		{ "fail_on", json_string(check_status_name(report->request->fail_on)) },
		{ "summary", json_summary(result) },
		{ "host", json_host(report->facts->machine) },
		{ "policy", json_policy(report->request) },
	};

	buffer_append(&b, "{");
	for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
		json_next(&b, head[i].key, i == 0, 1);
		json_add(&b, head[i].value, 1);
	}
	json_add_asked(&b, report);
	json_add_findings(&b, report);
	buffer_append(&b, "\n}\n");
	return buffer_text(&b);
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
	struct buffer b = { .m = m };

	for (; *ids; ids++) {
		if (!check || runner_find(table, *ids) == check)
			json_array_append_new(list, json_check(m, runner_find(table, *ids)));
	}
	json_add(&b, json_pack("{s:o}", "checks", list), 0);
	buffer_append(&b, "\n");
	return buffer_text(&b);
}
