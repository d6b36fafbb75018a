/* SPDX-License-Identifier: Apache-2.0 */
/* Is the new version proved in the servers, and are they as well as before? */
#include "node/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/text.h"

#define GATE_PROBES 5
#define GATE_PROBE_SECONDS 60
#define GATE_PAUSE_NS 500000000
/* Between two looks while it soaks. */
#define GATE_SOAK_PAUSE_SECONDS 2
/* Below what a process's start differs by. */
#define GATE_RSS_SLACK (32LL * 1024 * 1024)
#define GATE_LATENCY_SLACK_US 1000

static int gate_compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int gate_measure(struct node *n, const char *probe, int64_t *ret_median_us, int64_t *ret_spread_us)
{
	int64_t took[GATE_PROBES], median;

	for (size_t i = 0; i < GATE_PROBES; i++) {
		int64_t start = clock_read_ns(CLOCK_MONOTONIC);
		int r = run_command(n->m, probe, GATE_PROBE_SECONDS, NULL);

		if (r != 0)
			return r < 0 ? r : -EIO;
		took[i] = (clock_read_ns(CLOCK_MONOTONIC) - start) / 1000;
	}
	qsort(took, GATE_PROBES, sizeof *took, gate_compare);
	median = took[GATE_PROBES / 2];
	for (size_t i = 0; i < GATE_PROBES; i++)
		took[i] = took[i] > median ? took[i] - median : median - took[i];
	qsort(took, GATE_PROBES, sizeof *took, gate_compare);
	*ret_median_us = median;
	*ret_spread_us = took[GATE_PROBES / 2];
	return 0;
}

/* NULL: well, within the time. */
static const char *gate_health(struct node *n, const char *health, int64_t seconds)
{
	const struct timespec pause = { .tv_nsec = GATE_PAUSE_NS };
	const int64_t end = clock_now_ms() + seconds * 1000;
	bool is_url = text_starts_with(health, "http://") || text_starts_with(health, "https://");
	char *out = NULL;
	int r;

	for (;;) {
		r = is_url ? run_program(n->m,
					 (const char *const[]){ "curl", "-fsS", "-m", "5", "-o", "/dev/null", health,
								NULL },
					 10, &out) :
			     run_command(n->m, health, 30, &out);
		if (r == 0)
			return NULL;
		if (r == 127)
			return mem_printf(n->m, "health: %s is not there", is_url ? "curl" : health);
		if (clock_now_ms() >= end)
			return mem_printf(n->m, "health: %s", r < 0 ? strerror(-r) : run_first_line(n->m, out));
		nanosleep(&pause, NULL);
	}
}

/* One of --check's findings about a process, of the two that prove it: skip and unknown are no yes. */
static const char *gate_check_finding(struct mem *m, const json_t *finding, size_t *proved)
{
	const char *id = json_string_value(json_object_get(finding, "id"));
	const char *status = json_string_value(json_object_get(finding, "status"));
	const char *observed = json_string_value(json_object_get(finding, "observed"));

	if (!id || (strcmp(id, "preload-effective") != 0 && strcmp(id, "options-in-force") != 0))
		return NULL;
	if (!status || strcmp(status, "ok") != 0)
		return mem_printf(m, "%s is %s: %s", id, status ? status : "not said", observed ? observed : "");
	if (json_is_object(json_object_get(finding, "process")))
		++*proved;
	return NULL;
}

const char *gate_check_json(struct mem *m, const char *text, const char *prefix)
{
	CLEANUP_JSON json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *findings = json_object_get(json, "findings"), *entry;
	const json_t *list = json_object_get(json_object_get(json, "processes"), "list");
	size_t i, proved = 0;
	const char *no;

	if (!json_is_array(findings) || !json_array_size(list))
		return "allocrun --check saw no process";
	json_array_foreach (findings, i, entry) {
		no = gate_check_finding(m, entry, &proved);
		if (no)
			return no;
	}
	if (proved != 2 * json_array_size(list))
		return mem_printf(m, "%zu findings prove %zu processes: two are wanted for each", proved,
				  json_array_size(list));
	json_array_foreach (list, i, entry) {
		const char *library = json_string_value(json_object_get(entry, "library"));

		if (!library || !text_starts_with(library, prefix))
			return mem_printf(m, "a process has %s, which is not of the staged version",
					  library ? library : "no library");
	}
	return NULL;
}

static const char *gate_figures(struct node *n, struct node_unit *unit, const struct unit_now *now)
{
	int64_t rss = unit_rss(n, now->cgroup), latency, spread, limit;

	unit->rss_after = rss;
	limit = unit->rss + unit->rss * n->o->rss_percent / 100 + GATE_RSS_SLACK;
	if (unit->rss != NODE_NOTHING && rss == NODE_NOTHING)
		return mem_printf(n->m, "%s: its memory cannot be read", unit->name);
	if (unit->rss != NODE_NOTHING && rss > limit)
		return mem_printf(n->m, "%s: RSS %lld MiB, before %lld MiB, at most %lld MiB", unit->name,
				  (long long)(rss >> 20), (long long)(unit->rss >> 20), (long long)(limit >> 20));
	if (!n->journal.probe)
		return NULL;
	if (gate_measure(n, n->journal.probe, &latency, &spread) < 0)
		return mem_printf(n->m, "%s: the probe failed", unit->name);
	unit->latency_after_us = latency;
	if (unit->latency_us == NODE_NOTHING)
		return mem_printf(n->m, "%s: the probe failed before the change: there is nothing to compare with",
				  unit->name);
	limit = unit->latency_us + unit->latency_us * n->o->latency_percent / 100 + 3 * unit->spread_us +
		GATE_LATENCY_SLACK_US;
	return latency <= limit ? NULL :
				  mem_printf(n->m, "%s: probe %lld us, before %lld us, at most %lld us", unit->name,
					     (long long)latency, (long long)unit->latency_us, (long long)limit);
}

static const char *gate_steady(struct node *n, const struct node_unit *unit, struct unit_now *now)
{
	if (unit_look(n, unit->name, now) != NODE_DONE)
		return n->line;
	if (!now->is_active)
		return mem_printf(n->m, "%s is not active", unit->name);
	if (now->restarts != unit->restarts)
		return mem_printf(n->m, "%s was restarted %lld times", unit->name,
				  (long long)(now->restarts - unit->restarts));
	if (unit_oom_kills(n, now->cgroup) != unit->oom_kills)
		return mem_printf(n->m, "%s: the kernel killed for memory in it", unit->name);
	return NULL;
}

static const char *gate_unit(struct node *n, struct node_unit *unit)
{
	const char *program = mem_printf(n->m, "%s/bin/allocrun", node_current_path(n));
	const char *prefix = mem_printf(n->m, "%s/", node_version_path(n, n->journal.version));
	struct unit_now now;
	const char *no = gate_steady(n, unit, &now);
	char *out = NULL;
	int r;

	if (no)
		return no;
	r = run_program(n->m,
			(const char *const[]){ program, "--check", "--unit", unit->name, "--format", "json", "--only",
					       "preload-effective,options-in-force", NULL },
			120, &out);
	if (r < 0 || r > 3)
		return mem_printf(n->m, "%s: --check: %s", unit->name,
				  r < 0 ? strerror(-r) : run_first_line(n->m, out));
	no = gate_check_json(n->m, out, prefix);
	if (no)
		return mem_printf(n->m, "%s: %s", unit->name, no);
	no = gate_figures(n, unit, &now);
	return no ? no : gate_steady(n, unit, &now);
}

/* Where no server is to be asked: are the version's own files what its manifest says? */
static const char *gate_version(struct node *n)
{
	const char *program = mem_printf(n->m, "%s/bin/allocrun", node_current_path(n));
	CLEANUP_JSON json_t *json = NULL;
	const char *status;
	char *out = NULL;
	int r = run_program(n->m,
			    (const char *const[]){ program, "--check", "--only", "builds-integrity", "--format", "json",
						   NULL },
			    120, &out);

	if (r < 0)
		return mem_printf(n->m, "--check: %s", strerror(-r));
	json = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	status = json_string_value(json_object_get(json_array_get(json_object_get(json, "findings"), 0), "status"));
	return status && strcmp(status, "ok") == 0 ? NULL :
						     mem_printf(n->m, "builds-integrity: %s", status ? status : out);
}

/* What was not looked at is not passed: without a unit that is active there is nothing that is proved. */
static const char *gate_units(struct node *n)
{
	struct journal *j = &n->journal;
	const char *no = NULL;
	size_t looked_at = 0;

	for (size_t i = 0; !no && i < j->n_units; i++) {
		if (!j->units[i].was_active)
			continue;
		no = gate_unit(n, &j->units[i]);
		looked_at++;
	}
	if (no || looked_at)
		return no;
	return n->o->without_server ?
		       gate_version(n) :
		       "no unit was active before apply, so nothing is proved: start the server and apply "
		       "with --unit, or say --without-server";
}

static const char *gate_look(struct node *n)
{
	const struct journal *j = &n->journal;
	const char *no = j->health ? gate_health(n, j->health, n->o->timeout) : NULL;

	return no ? no : gate_units(n);
}

/* What dies or grows shortly after its start is not well at its start. The last look comes when the time is over. */
static const char *gate_soak(struct node *n)
{
	const struct timespec pause = { .tv_sec = GATE_SOAK_PAUSE_SECONDS };
	const int64_t end = clock_now_ms() + n->o->soak * 1000;

	for (;;) {
		bool is_last = clock_now_ms() >= end;
		const char *no = gate_look(n);

		if (no || is_last)
			return no;
		nanosleep(&pause, NULL);
	}
}

int node_gate(struct node *n)
{
	struct journal *j = &n->journal;
	const char *no = NULL, *current = node_current(n);
	int r;

	if ((j->state != NODE_APPLIED || !j->is_whole) && j->state != NODE_GATED)
		return node_say(n, NODE_REFUSED, "the node is %s%s: apply first", node_state_names[j->state],
				j->state == NODE_APPLIED ? " in part" : "");
	if (n->o->health)
		j->health = mem_strdup(n->m, n->o->health);
	if (n->o->probe)
		j->probe = mem_strdup(n->m, n->o->probe);
	j->patience = n->o->timeout;
	if (!current || strcmp(current, j->version) != 0)
		no = "another version is current";
	if (!no)
		no = gate_soak(n);
	j->state = no ? NODE_APPLIED : NODE_GATED;
	j->reason = no ? mem_strdup(n->m, no) : NULL;
	r = journal_write(n);
	if (r != NODE_DONE)
		return r;
	return no ? node_say(n, NODE_NO, "%s", no) : node_say(n, NODE_DONE, "version %s passed the gate", j->version);
}

const char *gate_look_back(struct node *n)
{
	struct unit_now now;

	for (size_t i = 0; n->has_systemd && i < n->journal.n_units; i++) {
		const struct node_unit *unit = &n->journal.units[i];

		if (!unit->was_active)
			continue;
		if (unit_look(n, unit->name, &now) != NODE_DONE)
			return n->line;
		if (!now.is_active && !now.is_masked)
			return mem_printf(n->m, "%s is not active", unit->name);
	}
	return n->journal.health ? gate_health(n, n->journal.health, n->journal.patience) : NULL;
}
