/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/runner.h"

#include <errno.h>
#include <string.h>

#include "live/live.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

enum { OWN_POLICY_FILE, OWN_POLICY_IGNORES, OWN_PROCESS_FOUND };

const struct check runner_checks[] = {
	[OWN_POLICY_FILE] = { "policy-file", "policy files can be read", SCOPE_NODE, NULL,
			      "no error in /etc/allocrun/policy.conf and policy.d/*.conf",
			      "One error makes allocrun ignore the whole policy and start servers with built-in values.",
			      "correct the line; allocrun --explain --policy FILE validates a file before it is rolled out",
			      "policy-file", NEEDS_LITTLE },
	[OWN_POLICY_IGNORES] = { "policy-ignores", "ignored checks still need it", SCOPE_NODE, NULL,
				 "each ignore matches a finding and has not expired",
				 "An ignore that matches nothing hides the next finding, which nobody has thought about.",
				 "take the line out of [check] in the policy file, or give it a new date",
				 "policy-ignores", NEEDS_LITTLE },
	[OWN_PROCESS_FOUND] = { "process-found", "the processes asked about can be looked at", SCOPE_NODE, NULL,
				"at least one process",
				"Nothing can be said about a process that is not there or cannot be read.",
				"look with ps -e, systemctl status, or ls /run/allocrun; run as root for others' processes",
				"process-found", NEEDS_LITTLE },
	{ .id = NULL },
};

static size_t runner_count(const struct check *table)
{
	size_t n = 0;

	while (table[n].id)
		n++;
	return n;
}

const char **runner_list_ids(struct mem *m, const struct check *table)
{
	size_t n = runner_count(table), n_own = runner_count(runner_checks);
	const char **ids = mem_alloc(m, (n + n_own + 1) * sizeof *ids);

	for (size_t i = 0; i < n; i++)
		ids[i] = table[i].id;
	for (size_t i = 0; i < n_own; i++)
		ids[n + i] = runner_checks[i].id;
	return ids;
}

const struct check *runner_find(const struct check *table, const char *id)
{
	for (; table->id; table++) {
		if (strcmp(table->id, id) == 0)
			return table;
	}
	for (table = runner_checks; table->id; table++) {
		if (strcmp(table->id, id) == 0)
			return table;
	}
	return NULL;
}

static int runner_verify_list(struct mem *m, const struct check *table, const char *option, const char *const *list,
			      const char **ret_error)
{
	const char *const *ids = runner_list_ids(m, table);

	for (; list && *list; list++) {
		if (text_is_among(ids, *list))
			continue;
		return refuse(ret_error, mem_printf(m, "%s: no check '%s'%s", option, *list,
						    nearest_name(*list, ids) ? nearest_hint(m, *list, ids) :
									       "; see allocrun --check --list-checks"));
	}
	return 0;
}

bool runner_is_selected(const struct audit_selection *s, const struct check *check)
{
	bool is_own = check == &runner_checks[OWN_PROCESS_FOUND];

	if (!s->has_processes && (is_own || check->scope == SCOPE_PROCESS))
		return false;
	return !text_is_among(s->skip, check->id) && (is_own || !s->only || text_is_among(s->only, check->id));
}

struct audit_selection runner_select(struct mem *m, const struct check *table, const struct check_options *c)
{
	const char **only = NULL, **skip = NULL;
	size_t n_only = 0, n_skip = 0;

	for (size_t i = 0; i < c->n_only; i++)
		*MEM_PUSH(m, only, n_only) = c->only[i];
	for (size_t i = 0; i < c->n_skip; i++)
		*MEM_PUSH(m, skip, n_skip) = c->skip[i];
	*MEM_PUSH(m, skip, n_skip) = NULL;
	if (only)
		*MEM_PUSH(m, only, n_only) = NULL;
	return (struct audit_selection){ table, only, skip, c->selector != LIVE_NONE };
}

static int runner_verify_selection(struct mem *m, const struct audit_selection *s, const char **ret_error)
{
	const char *const *ids = runner_list_ids(m, s->table);

	if (runner_verify_list(m, s->table, "--only", s->only, ret_error) < 0 ||
	    runner_verify_list(m, s->table, "--skip", s->skip, ret_error) < 0)
		return -EINVAL;
	for (const char *const *id = s->only; id && *id && !s->has_processes; id++) {
		const struct check *check = runner_find(s->table, *id);

		if (check->scope == SCOPE_NODE && check != &runner_checks[OWN_PROCESS_FOUND])
			continue;
		*ret_error = mem_printf(m,
					"--only %s: it looks at processes (add --pid PID, --unit NAME, "
					"--cgroup PATH or --all)",
					*id);
		return -EINVAL;
	}
	for (size_t i = 0; ids[i]; i++) {
		if (runner_is_selected(s, runner_find(s->table, ids[i])))
			return 0;
	}
	return refuse(ret_error, "--only and --skip leave no check to run");
}

int runner_verify(struct mem *m, const struct check *table, const struct check_options *options, const char **ret_error)
{
	const struct audit_selection selection = runner_select(m, table, options);
	const char *id = options->explained;

	if (id && !runner_find(table, id)) {
		*ret_error = mem_printf(m, "--explain-check: no check '%s'%s", id,
					nearest_hint(m, id, runner_list_ids(m, table)));
		return -EINVAL;
	}
	return runner_verify_selection(m, &selection, ret_error);
}
unsigned int runner_collect_needs(const struct audit_selection *s)
{
	unsigned int needs = NEEDS_LITTLE;

	for (const struct check *check = s->table; check->id; check++) {
		if (runner_is_selected(s, check))
			needs |= check->needs ? check->needs : ~0U;
	}
	return needs;
}

/* What one run has in hand. */
struct run {
	struct mem *m;
	const struct audit_request *request;
	const struct audit_facts *facts;
	struct audit_result *result;
	struct thresholds thresholds;
};

static bool run_is_problem(const struct finding *finding)
{
	return finding->status >= CHECK_UNKNOWN;
}

static void run_add(struct run *run, const struct check *check, const struct live_process *process,
		    struct finding finding)
{
	const struct check_ignore *ignore = check_policy_find_ignore(run->request->policy, check->id);

	finding.check = check;
	finding.process = process;
	finding.observed = finding.observed ? finding.observed : "";
	if (!finding.expected)
		finding.expected = thresholds_expand(run->m, &run->thresholds, check->expected);
	finding.ignored = ignore && run_is_problem(&finding) && run->request->now < ignore->end ? ignore->reason : NULL;
	*MEM_PUSH(run->m, run->result->findings, run->result->n_findings) = finding;
}

static void run_table(struct run *run, enum check_scope scope, const struct live_process *process)
{
	const struct audit_selection *s = &run->request->selection;

	for (const struct check *check = s->table; check->id; check++) {
		if (check->scope == scope && runner_is_selected(s, check))
			run_add(run, check, process, check->assess(run->m, run->facts, &run->thresholds, process));
	}
}

static struct finding run_own(enum check_status status, const char *observed)
{
	return (struct finding){ .status = status, .observed = observed };
}

static void run_policy_file(struct run *run)
{
	const struct audit_request *r = run->request;
	const char *files = NULL;

	if (!runner_is_selected(&r->selection, &runner_checks[OWN_POLICY_FILE]))
		return;
	for (size_t i = 0; i < r->n_policy_files; i++)
		text_list(run->m, &files, r->policy_files[i]);
	run_add(run, &runner_checks[OWN_POLICY_FILE], NULL,
		r->policy_problem ? run_own(CHECK_FAIL, r->policy_problem) :
		files             ? run_own(CHECK_OK, files) :
				    run_own(CHECK_SKIP, "there is no policy file; built-in values hold"));
}

/* Why nothing can be said of any process; NULL. A server that has ended is not well. */
static const char *run_find_nobody(const struct live_facts *live)
{
	if (!live || live->problem || live->n_processes == 0)
		return live && live->problem ? live->problem : "nobody was found";
	if (live_has_anybody(live))
		return NULL;
	return live->processes[0].problem ? live->processes[0].problem : "all have ended";
}

static void run_process_found(struct run *run)
{
	const struct live_facts *live = run->facts->live;
	const char *asked = live && live->asked ? live->asked : "processes";
	const char *problem = run_find_nobody(live);
	struct finding f;

	if (!runner_is_selected(&run->request->selection, &runner_checks[OWN_PROCESS_FOUND]))
		return;
	if (!problem && live->n_left_out)
		problem = mem_printf(run->m, "%zu processes, and %zu more that are too many to be looked at",
				     live->n_processes, live->n_left_out);
	f = problem ? run_own(CHECK_UNKNOWN, mem_printf(run->m, "%s: %s", asked, problem)) :
		      run_own(CHECK_OK, mem_printf(run->m, "%s: %zu process%s", asked, live->n_processes,
						   live->n_processes == 1 ? "" : "es"));
	/* Its remedy is one for not knowing. */
	f.fix = runner_checks[OWN_PROCESS_FOUND].fix;
	run_add(run, &runner_checks[OWN_PROCESS_FOUND], NULL, f);
}

/* What an ignore came to in this run: the words for it; NULL: it is in use, or was not asked. */
static const char *run_judge_ignore(struct run *run, const struct check_ignore *ignore)
{
	bool was_looked_at = false;

	if (run->request->now >= ignore->end)
		return mem_printf(run->m, "%s has expired on %s (%s)", ignore->id, ignore->until, ignore->where);
	for (size_t i = 0; i < run->result->n_findings; i++) {
		const struct finding *finding = &run->result->findings[i];

		if (strcmp(finding->check->id, ignore->id) != 0)
			continue;
		if (finding->ignored)
			return NULL;
		/* One policy serves a fleet: what does not apply here may apply elsewhere. */
		was_looked_at |= finding->status != CHECK_SKIP;
	}
	return was_looked_at ? mem_printf(run->m, "%s matches nothing (%s)", ignore->id, ignore->where) : NULL;
}

/* Last: it looks at what all others found. */
static void run_policy_ignores(struct run *run)
{
	const struct check *check = &runner_checks[OWN_POLICY_IGNORES];
	const struct check_policy *policy = run->request->policy;
	const char *words = NULL;

	if (!runner_is_selected(&run->request->selection, check))
		return;
	for (size_t i = 0; i < policy->n_ignores; i++) {
		const char *judged;

		/* This one is for those who keep the others on purpose. */
		if (strcmp(policy->ignores[i].id, check->id) == 0)
			continue;
		judged = run_judge_ignore(run, &policy->ignores[i]);
		if (judged)
			words = words ? mem_printf(run->m, "%s; %s", words, judged) : judged;
	}
	run_add(run, check, NULL,
		words             ? run_own(CHECK_WARN, words) :
		policy->n_ignores ? run_own(CHECK_OK, "no ignore is out of use") :
				    run_own(CHECK_SKIP, "the policy ignores nothing"));
}

static enum audit_exit run_exit_code(const struct audit_request *request, const struct audit_result *result)
{
	const size_t *counts = result->counts;

	if (counts[CHECK_FAIL])
		return AUDIT_EXIT_FAIL;
	if (counts[CHECK_WARN] && request->fail_on == CHECK_WARN)
		return AUDIT_EXIT_WARN;
	/* Where nothing was looked at, nothing is known to be well. */
	return counts[CHECK_UNKNOWN] || !result->n_findings ? AUDIT_EXIT_UNKNOWN : AUDIT_EXIT_FINE;
}

static void run_count(struct run *run)
{
	struct audit_result *result = run->result;

	result->worst = CHECK_OK;
	for (size_t i = 0; i < result->n_findings; i++) {
		const struct finding *finding = &result->findings[i];

		if (finding->ignored) {
			result->n_ignored++;
			continue;
		}
		result->counts[finding->status]++;
		if (finding->status > result->worst)
			result->worst = finding->status;
	}
	result->exit_code = run_exit_code(run->request, result);
}

void audit_run(struct mem *m, const struct audit_request *request, const struct audit_facts *facts,
	       struct audit_result *ret)
{
	struct audit_result result = { 0 };
	struct run run = { m, request, facts, &result, check_policy_thresholds(request->policy) };
	const struct live_facts *live = facts->live;

	run_table(&run, SCOPE_NODE, NULL);
	run_policy_file(&run);
	run_process_found(&run);
	for (size_t i = 0; live && i < live->n_processes; i++)
		run_table(&run, SCOPE_PROCESS, &live->processes[i]);
	run_policy_ignores(&run);
	run_count(&run);
	*ret = result;
}
