/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would be done on every captured machine, word by word, and what the audit finds of
 * the node: tests/machines/NAME/plans and findings. A change of the policy or of a check
 * shows as a diff of these files. `make goldens` writes them anew (GOLDENS=write in the
 * environment of this program).
 */
#include "support/audit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/replace.h"

#define GOLDEN_MACHINES_MAX 128
#define GOLDEN_MAX (1024 * 1024)

static const char *const no_variables[] = { NULL };

static const struct {
	const char *const *environment; /* NULL: that of the machine's folder */
	const char *words[SCENARIO_WORDS_MAX];
} commands[] = {
	{ NULL, { "python3", "x.py" } },
	{ NULL, { "vllm", "serve", "m" } },
	{ no_variables, { "python3", "x.py" } },
	{ no_variables, { "--numa=gpu", "--thp=advised", "x" } },
	{ no_variables, { "--numa=0", "--numa-strict", "x" } },
	{ no_variables, { "--numa=0-1", "--thp=on", "x" } },
	{ no_variables, { "--profile=embedding", "x" } },
};

/* Those of a launch that the machine decides; the others are the same everywhere. */
static const enum step steps[] = { STEP_AFFINITY, STEP_MEMPOLICY, STEP_THP, STEP_PRELOAD, STEP_OPTIONS };

static char *golden_operations(char *text, enum step step)
{
	for (size_t i = 0; i < scenario.plan.n_operations; i++) {
		const struct operation *op = &scenario.plan.operations[i];
		const char *result = op->kind == OP_MEMPOLICY ? scenario_memory() : scenario_result(op);

		if (op->step == step)
			text = mem_printf(&pool, "%s  %s: %s\n    %s\n", text, op->name, result, op->why);
	}
	return text;
}

static char *golden_command(const char *machine, size_t command)
{
	const char *const *words = commands[command].words;
	char *text, *copy;

	scenario_open(machine, commands[command].environment, words);
	text = mem_strdup(&pool, "$");
	for (const char *const *e = scenario.machine.environment; *e; e++)
		text = mem_printf(&pool, "%s %s", text, *e);
	text = mem_printf(&pool, "%s allocrun", text);
	for (; *words; words++)
		text = mem_printf(&pool, "%s %s", text, *words);
	text = mem_printf(&pool, "%s\n", text);
	scenario_decide();
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		text = golden_operations(text, steps[i]);
	for (size_t i = 0; i < scenario.plan.n_warnings; i++)
		text = mem_printf(&pool, "%s  warning: %s\n", text, scenario.plan.warnings[i]);
	copy = strdup(text);
	assert_non_null(copy);
	scenario_close();
	return copy;
}

/* The caller frees both. */
static char *golden_findings(const char *machine)
{
	char *text, *copy;

	audit_open(machine, NULL, NO_WORDS);
	text = mem_strdup(&pool, "");
	for (const struct check *check = checks; check->id; check++) {
		struct finding finding;

		if (check->scope != SCOPE_NODE)
			continue;
		finding = audit_find(check->id);
		text = mem_printf(&pool, "%s%-8s%s: %s\n", text, check_status_name(finding.status), check->id,
				  finding.observed);
	}
	copy = strdup(text);
	assert_non_null(copy);
	scenario_close();
	return copy;
}

static char *golden_plans(const char *machine)
{
	char *text = strdup("");

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char *part = golden_command(machine, i), *longer = NULL;

		assert_true(asprintf(&longer, "%s%s%s", text, i ? "\n" : "", part) >= 0);
		free(part);
		free(text);
		text = longer;
	}
	return text;
}

static char *golden_read(const char *path)
{
	char *text = calloc(1, GOLDEN_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t n = 0;

	assert_non_null(text);
	if (file) {
		n = fread(text, 1, GOLDEN_MAX, file);
		fclose(file);
	}
	text[n] = '\0';
	return text;
}

/* The first line that is another, with its number. */
static void golden_explain(const char *path, const char *expected, const char *found)
{
	size_t line = 1;

	while (*expected && *found) {
		size_t a = strcspn(expected, "\n"), b = strcspn(found, "\n");

		if (a != b || strncmp(expected, found, a) != 0)
			break;
		expected += a + (expected[a] != '\0');
		found += b + (found[b] != '\0');
		line++;
	}
	print_error("%s:%zu\n  is    %.*s\n  not   %.*s\n(make goldens writes them anew)\n", path, line,
		    (int)strcspn(found, "\n"), found, (int)strcspn(expected, "\n"), expected);
}

static bool golden_check(const char *machine, const char *name, char *found, bool is_writing)
{
	char *path = NULL, *expected;
	bool is_same;

	assert_true(asprintf(&path, "%s/%s/%s", MACHINES_DIR, machine, name) >= 0);
	expected = golden_read(path);
	is_same = strcmp(expected, found) == 0;
	if (!is_same && is_writing) {
		assert_int_equal(replace_file(&pool, path, found), 0);
		print_message("%s\n", path);
		is_same = true;
	} else if (!is_same) {
		golden_explain(path, expected, found);
	}
	free(path);
	free(expected);
	free(found);
	mem_free_all(&pool);
	return is_same;
}

static int golden_is_machine(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strcmp(entry->d_name, "README") != 0;
}

static void test_goldens(void **state)
{
	const char *wish = getenv("GOLDENS");
	bool is_writing = wish && strcmp(wish, "write") == 0;
	struct dirent **entries;
	int n = scandir(MACHINES_DIR, &entries, golden_is_machine, alphasort), n_different = 0;

	(void)state;
	assert_in_range(n, 9, GOLDEN_MACHINES_MAX);
	for (int i = 0; i < n; i++) {
		const char *machine = entries[i]->d_name;

		n_different += !golden_check(machine, "plans", golden_plans(machine), is_writing);
		/* A launch looks at less, and decides the same. */
		machine_is_thorough = false;
		n_different += !golden_check(machine, "plans", golden_plans(machine), false);
		machine_is_thorough = true;
		n_different += !golden_check(machine, "findings", golden_findings(machine), is_writing);
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(n_different, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { SCENARIO_TEST(test_goldens) };

	/* What is only compared here is no case of a check that somebody thought of. */
	unsetenv("AUDIT_CASES");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
