/* SPDX-License-Identifier: Apache-2.0 */
/* --check --format json: what is known of each process, for whoever wants to judge himself. */
#include "audit/formats/json.h"

#include <string.h>

#include "audit/formats/formats.h"
#include "decide/plan.h"
#include "report/json_values.h"
#include "util/utf8.h"

/* No arguments: they may hold keys, and reports are kept and sent around. */
json_t *json_process_name(const struct live_process *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "pid", json_integer(p->pid));
	json_object_set_new(o, "name", json_text(p->name ? p->name : ""));
	json_object_set_new(o, "parent", json_number(p->parent));
	json_object_set_new(o, "inner_pid", json_number(p->status.inner_pid));
	json_object_set_new(o, "uid", json_number(p->status.uid));
	json_object_set_new(o, "start_time", json_number(p->start_time));
	return o;
}

static json_t *json_truth(enum tristate value)
{
	return value == TRI_UNKNOWN ? json_null() : json_boolean(value == TRI_YES);
}

static json_t *json_evidence(enum evidence evidence)
{
	static const char *const words[] = {
		[EVIDENCE_NONE] = NULL,
		[EVIDENCE_ASSUMED] = "assumed",
		[EVIDENCE_PROVED] = "proved",
	};

	return words[evidence] ? json_string(words[evidence]) : json_null();
}

static json_t *json_state(enum live_state state)
{
	static const char *const words[] = {
		[LIVE_RUNNING] = "running", [LIVE_GONE] = "gone",
		[LIVE_ZOMBIE] = "zombie",   [LIVE_KERNEL_THREAD] = "kernel-thread",
		[LIVE_DENIED] = "denied",   [LIVE_UNREADABLE] = "unreadable",
	};

	return json_string(words[state]);
}

static json_t *json_library(const struct live_process *p, const struct live_library *l)
{
	json_t *o = json_object(), *serves = json_array();

	json_object_set_new(o, "allocator", json_text(l->allocator));
	json_object_set_new(o, "path", *l->path ? json_text(l->path) : json_null());
	json_object_set_new(o, "build_id", json_text(l->build_id));
	json_object_set_new(o, "build", json_text(l->build ? l->build->id : NULL));
	json_object_set_new(o, "defines_malloc", json_boolean(l->defines_malloc));
	json_object_set_new(o, "deleted", json_boolean(l->is_deleted));
	json_object_set_new(o, "impostor", json_boolean(l->is_impostor));
	if (l == p->malloc)
		json_array_append_new(serves, json_string("malloc"));
	if (l == p->free)
		json_array_append_new(serves, json_string("free"));
	if (l == p->operator_new)
		json_array_append_new(serves, json_string("operator new"));
	json_object_set_new(o, "serves", serves);
	return o;
}

static json_t *json_libraries(const struct live_process *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_libraries; i++)
		json_array_append_new(list, json_library(p, &p->libraries[i]));
	return list;
}

static json_t *json_conf(struct mem *m, const struct conf *conf)
{
	json_t *o = json_object();

	for (size_t i = 0; i < conf->n; i++)
		json_object_set_new(o, utf8_repair(m, conf->items[i].key), json_text(conf->items[i].value));
	return o;
}

/* Only those that concern allocators are known at all. */
static json_t *json_environment(struct mem *m, const struct live_process *p)
{
	json_t *o = p->environment ? json_object() : json_null();

	for (char **e = p->environment; e && *e; e++) {
		const char *equals = strchr(*e, '=');
		const char *name = equals ? utf8_repair(m, mem_strndup(m, *e, (size_t)(equals - *e))) : NULL;

		/* Of two of one name the first counts, as for getenv(3). */
		if (name && !json_object_get(o, name))
			json_object_set_new(o, name, json_text(equals + 1));
	}
	return o;
}

/* "0": bytes, and so on; null = unknown. */
static json_t *json_nodes(struct mem *m, const struct live_process *p)
{
	json_t *o = p->node_bytes ? json_object() : json_null();

	for (size_t i = 0; p->node_bytes && i < p->n_node_bytes; i++) {
		if (p->node_bytes[i])
			json_object_set_new(o, mem_printf(m, "%zu", i), json_number(p->node_bytes[i]));
	}
	return o;
}

static json_t *json_mempolicy(struct mem *m, const struct live_process *p)
{
	const struct mempolicy policy = { (int)p->memory_policy, p->policy_nodes };

	return p->memory_policy == FACT_UNKNOWN ? json_null() : json_text(mempolicy_describe(m, &policy));
}

static json_t *json_thp(enum thp_process thp)
{
	switch (thp) {
	case THP_PROCESS_ALLOWED:
		return json_string("allowed");
	case THP_PROCESS_DISABLED:
		return json_string("disabled");
	case THP_PROCESS_EXCEPT_ADVISED:
		return json_string("disabled-except-advised");
	default:
		return json_null();
	}
}

/* The soft ones, which are in force. */
static json_t *json_limits(const struct live_process *p)
{
	return json_pack("{s:o, s:o, s:o}", "locked", json_number(p->limits.memlock.soft), "core",
			 json_number(p->limits.core.soft), "address_space", json_number(p->limits.address_space.soft));
}

static json_t *json_memory(const struct live_process *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "anonymous", json_number(p->status.rss_anon));
	json_object_set_new(o, "file", json_number(p->status.rss_file));
	json_object_set_new(o, "shared", json_number(p->status.rss_shmem));
	json_object_set_new(o, "hugetlb", json_number(p->status.hugetlb));
	json_object_set_new(o, "swap", json_number(p->status.swap));
	json_object_set_new(o, "locked", json_number(p->status.locked));
	json_object_set_new(o, "pinned", json_number(p->status.pinned));
	json_object_set_new(o, "anonymous_huge", json_number(p->anon_huge));
	json_object_set_new(o, "allocator_resident", json_number(p->allocator_resident));
	json_object_set_new(o, "allocator_dirty", json_number(p->allocator_dirty));
	json_object_set_new(o, "allocator_live", json_number(p->allocator_live));
	return o;
}

static json_t *json_record(struct mem *m, const struct live_record *record)
{
	if (!record)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "path", json_text(record->path), "problem",
			 json_text(record->problem), "allocrun", json_text(record->version), "profile",
			 json_text(record->profile), "library", json_text(record->library), "build_id",
			 json_text(record->build_id), "options", json_conf(m, &record->options));
}

json_t *json_process(struct mem *m, const struct live_process *p)
{
	json_t *o = json_process_name(p);

	json_object_set_new(o, "state", json_state(p->state));
	json_object_set_new(o, "problem", json_text(p->problem));
	json_object_set_new(o, "other_mounts", json_truth(p->other_mounts));
	json_object_set_new(o, "static", json_truth(p->is_static));
	json_object_set_new(o, "secure", json_truth(p->is_secure));
	json_object_set_new(o, "allocator", json_text(p->malloc ? p->malloc->allocator : NULL));
	json_object_set_new(o, "library", json_text(p->malloc && *p->malloc->path ? p->malloc->path : NULL));
	json_object_set_new(o, "build_id", json_text(p->malloc ? p->malloc->build_id : NULL));
	json_object_set_new(o, "libraries", json_libraries(p));
	json_object_set_new(o, "options", json_conf(m, &p->options));
	json_object_set_new(o, "options_evidence", json_evidence(p->options_evidence));
	json_object_set_new(o, "purge_threads", json_number(p->purge_threads));
	json_object_set_new(o, "purge", json_purge(p->purge));
	json_object_set_new(o, "environment", json_environment(m, p));
	json_object_set_new(o, "environment_evidence", json_evidence(p->environment_evidence));
	json_object_set_new(o, "memory", json_memory(p));
	json_object_set_new(o, "mappings", json_number(p->n_mappings));
	json_object_set_new(o, "threads", json_number(p->status.n_threads));
	json_object_set_new(o, "cpus", json_bitmap(&p->status.cpus));
	json_object_set_new(o, "memory_policy", json_mempolicy(m, p));
	json_object_set_new(o, "memory_nodes", json_bitmap(&p->status.memory_nodes));
	json_object_set_new(o, "node_bytes", json_nodes(m, p));
	json_object_set_new(o, "thp", json_thp(p->status.thp));
	json_object_set_new(o, "capabilities",
			    p->status.capabilities_known != TRI_YES ?
				    json_null() :
				    json_text(mem_printf(m, "%016llx", (unsigned long long)p->status.effective)));
	json_object_set_new(o, "limits", json_limits(p));
	json_object_set_new(o, "oom_score_adj", json_number(p->limits.oom_score_adj));
	json_object_set_new(o, "record", json_record(m, p->record));
	return o;
}
