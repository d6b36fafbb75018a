/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --explain: the plan that a launch would carry out, tried in a child. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/apply.h"
#include "modes/modes.h"
#include "options/privileges.h"
#include "report/report.h"

/* One operation's result, in memory that the child shares. */
struct trial {
	enum outcome outcome;
	char detail[8192]; /* room for a path and what is said of it */
};

static void explain_try_in_child(struct mem *m, struct plan *plan, char **environment, struct trial *trials)
{
	apply_plan(m, plan, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	for (size_t i = 0; i < plan->n_operations; i++) {
		const char *detail = plan->operations[i].detail;

		trials[i].outcome = plan->operations[i].outcome;
		strncpy(trials[i].detail, detail ? detail : "", sizeof trials[i].detail - 1);
	}
}

/*
 * The whole plan, carried out by the very code of a launch, in a process that then
 * ends: everything in it belongs to the process. -errno when that cannot be done.
 */
static int explain_try(struct mem *m, struct plan *plan, char **environment)
{
	size_t size = (plan->n_operations + 1) * sizeof(struct trial);
	struct trial *trials = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	if (trials == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid == 0) {
		explain_try_in_child(m, plan, environment, trials);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		int r = pid < 0 ? -errno : -ECHILD;

		munmap(trials, size);
		return r;
	}
	for (size_t i = 0; i < plan->n_operations; i++) {
		plan->operations[i].outcome = trials[i].outcome;
		if (*trials[i].detail)
			plan->operations[i].detail = mem_strdup(m, trials[i].detail);
	}
	munmap(trials, size);
	return 0;
}

/* The variables as the command would get them. */
static char **explain_environment(struct mem *m, const struct plan *plan, char **environment)
{
	struct plan variables = { 0 };

	for (size_t i = 0; i < plan->n_operations; i++) {
		if (plan->operations[i].kind != OP_ENVIRONMENT || plan->operations[i].outcome == OUTCOME_REFUSED)
			continue;
		*MEM_PUSH(m, variables.operations, variables.n_operations) = plan->operations[i];
		variables.operations[variables.n_operations - 1].outcome = OUTCOME_PLANNED;
	}
	apply_plan(m, &variables, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	return environment;
}

int cmd_explain(struct mem *m, struct options *options)
{
	enum report_stage stage = REPORT_PLANNED;
	struct facts facts;
	struct plan plan;
	char *text;
	int status;

	if (options->is_off && !options_gives_up(options))
		return commands_print(m, options->is_json ? "{\"off\": true}\n" :
							    "ALLOCRUN=off: the command is executed unchanged\n");
	commands_detect(m, options, &facts);
	commands_decide(m, options, true, &facts, &plan);
	if (facts.is_live && explain_try(m, &plan, options->environment) == 0)
		stage = REPORT_TRIED;
	if (!options->is_json) {
		text = report_explain(m, &facts, options, &plan, stage, isatty(STDOUT_FILENO));
	} else {
		text = report_plan_json(m, &facts, options, &plan, explain_environment(m, &plan, options->environment),
					NULL);
	}
	if (commands_print(m, text) != 0)
		return EXIT_LAUNCHER;
	/* As the launch would end: a roll-out can ask before it acts. */
	status = commands_command_status(&facts);
	return status ? status : plan_find_blocker(&plan) ? EXIT_LAUNCHER : 0;
}
