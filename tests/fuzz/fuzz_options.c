/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocrun's own command line and environment, a word or "$NAME=VALUE" in each line; and
 * the plan for what they ask for, on a machine of which nothing is known.
 */
#include <errno.h>

#include "audit/runner.h"
#include "decide/policy.h"
#include "detect/process.h"
#include "fuzz.h"
#include "options/options.h"
#include "options/profiles.h"
#include "options/read.h"

#define WORDS_MAX 64

struct input {
	char *argv[WORDS_MAX + 4];
	char *environment[WORDS_MAX + 1];
	int argc;
	bool has_switch;
};

/* Files that the input names would make a run depend on the machine. */
static bool reads_files(const char *word)
{
	return (*word == '-' && (strncmp(word, "--po", 4) == 0 || strncmp(word, "--sy", 4) == 0)) ||
	       (*word == 'A' && strncmp(word, "ALLOCRUN_POLICY=", 16) == 0);
}

static bool make_input(struct mem *m, const char *text, struct input *in)
{
	size_t n = 0;

	*in = (struct input){
		.argv = { mem_strdup(m, "allocrun"), mem_strdup(m, "--policy"), mem_strdup(m, "/dev/null") }, .argc = 3
	};
	for (char *line; (line = fuzz_next_line(m, &text));) {
		if (reads_files(line) || reads_files(line + (*line == '$')))
			return false;
		if (*line == '$' && n < WORDS_MAX)
			in->environment[n++] = line + 1;
		else if (*line != '$' && in->argc < WORDS_MAX)
			in->argv[in->argc++] = line;
		in->has_switch |= *line == '$' && strncmp(line, "$ALLOCRUN=", 10) == 0;
	}
	return true;
}

static void check_options(struct mem *m, const struct options *o, const struct input *in)
{
	bool is_within = o->argv == NULL;
	const char *error;

	FUZZ_CHECK(o->mode < MODE_COUNT);
	FUZZ_CHECK(o->mode != MODE_LAUNCH || o->argv);
	FUZZ_CHECK(!o->is_off || in->has_switch);
	for (int k = 0; k < KEY_COUNT; k++) {
		if (o->settings[k].text)
			FUZZ_CHECK(o->settings[k].where &&
				   key_check_value(m, (enum key)k, o->settings[k].text, &error) == 0);
	}
	for (int s = 0; s < STEP_COUNT; s++)
		FUZZ_CHECK(o->ladders[s].ladder <= LADDER_REQUIRE && o->ladders[s].where);
	/* The command is the end of our own line, as it was. */
	for (int i = 3; i < in->argc; i++)
		is_within |= o->argv == in->argv + i;
	FUZZ_CHECK(is_within && in->argv[in->argc] == NULL);
}

/* The same in each execution. */
static const char *const *list_ids(void)
{
	static struct mem kept = MEM_INIT;
	static const char **ids;

	if (!ids)
		ids = runner_list_ids(&kept, checks);
	return ids;
}

/* Only ids that there are, and processes where they are looked at. */
static void check_audit(struct mem *m, const struct options *o)
{
	const struct audit_selection s = runner_select(m, checks, &o->check);
	const struct check_options *c = &o->check;
	size_t n = 0;

	FUZZ_CHECK(o->argv == NULL && c->format < CHECK_FORMAT_COUNT);
	FUZZ_CHECK((c->selector == LIVE_NONE) == (c->selector_option == NULL));
	FUZZ_CHECK(c->selector == LIVE_NONE || c->selector == LIVE_ALL || c->selector == LIVE_HERE ||
		   *c->selector_text);
	FUZZ_CHECK(c->selector != LIVE_PID || atoi(c->selector_text) > 0);
	FUZZ_CHECK(c->watch_seconds >= 0 && c->watch_seconds <= CHECK_WATCH_MAX);
	FUZZ_CHECK(!c->watch_seconds || s.has_processes);
	FUZZ_CHECK(!c->output || *c->output);
	for (const char *const *id = s.only; id && *id; id++)
		FUZZ_CHECK(runner_find(checks, *id) != NULL);
	for (const char *const *id = list_ids(); *id; id++)
		n += runner_is_selected(&s, runner_find(checks, *id));
	FUZZ_CHECK(n > 0);
}

/* Decided for each step, and never without a reason. */
static void check_plan(struct mem *m, const struct options *o)
{
	struct facts facts = {
		.page_size = FACT_UNKNOWN,
		.memory_total = FACT_UNKNOWN,
		.cpu = { .quota_milli = FACT_UNKNOWN, .effective = FACT_UNKNOWN },
		.numa.known = TRI_UNKNOWN,
		.thp = { .known = TRI_UNKNOWN },
		.cgroup.memory_max = FACT_UNKNOWN,
		.process = { .status = process_status_unknown },
	};
	bool seen[STEP_COUNT] = { false };
	struct plan plan;

	policy_decide(m, &facts, o, &plan);
	for (size_t i = 0; i < plan.n_operations; i++) {
		const struct operation *op = &plan.operations[i];

		FUZZ_CHECK(op->name && op->why && (op->outcome != OUTCOME_PLANNED || op->value));
		FUZZ_CHECK(i == 0 || op->step >= plan.operations[i - 1].step);
		seen[op->step] = true;
	}
	for (int s = 0; s < STEP_COUNT; s++)
		FUZZ_CHECK(seen[s]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct options o = { .root.fd = -1 };
	const char *error = NULL;
	struct input in;
	int r;

	if (make_input(&m, fuzz_text(&m, data, size), &in)) {
		r = options_parse(&m, in.argc, in.argv, in.environment, list_ids(), &o, &error);
		if (r == 0 && o.mode == MODE_CHECK)
			r = runner_verify(&m, checks, &o.check, &error);
		FUZZ_CHECK(r == 0 || (r == -EINVAL && error && *error && !strchr(error, '\n')));
		if (r == 0)
			check_options(&m, &o, &in);
		if (r == 0 && o.mode <= MODE_EXPLAIN && !o.is_off)
			check_plan(&m, &o);
		if (r == 0 && o.mode == MODE_CHECK)
			check_audit(&m, &o);
		root_close(&o.root);
	}
	mem_free_all(&m);
	return 0;
}
