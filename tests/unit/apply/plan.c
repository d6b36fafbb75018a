/* SPDX-License-Identifier: Apache-2.0 */
/* Which operations are carried out, the ladder, the environment: nothing of the process changes. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#include "apply/apply.h"
#include "support/pool.h"
#include "util/environment.h"

static struct plan plan;

static int forget_plan(void **state)
{
	plan = (struct plan){ 0 };
	return pool_free(state);
}

static struct operation *add_variable(enum step step, enum ladder ladder, const char *name, const char *text)
{
	struct operation *op = plan_add(&pool, &plan, step, OP_ENVIRONMENT, name, ladder);

	op->u.environment.variable = name;
	op->u.environment.text = text;
	return op;
}

static const char *joined(char **block)
{
	char *text = mem_strdup(&pool, "");

	for (; *block; block++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? "|" : "", *block);
	return text;
}

static void test_environment(void **state)
{
	char a[] = "A=1", b[] = "B=2", *block[] = { a, b, NULL }, **environment = block;

	(void)state;
	add_variable(STEP_PRELOAD, LADDER_PREFER, "LD_PRELOAD", "/x.so:/y.so");
	add_variable(STEP_OPTIONS, LADDER_PREFER, "A", "3");
	add_variable(STEP_OPTIONS, LADDER_PREFER, "B", NULL);
	add_variable(STEP_USER, LADDER_PREFER, "HOME", "/srv");
	apply_plan(&pool, &plan, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	assert_string_equal(joined(environment), "A=3|LD_PRELOAD=/x.so:/y.so|HOME=/srv");
	for (size_t i = 0; i < plan.n_operations; i++) {
		assert_int_equal(plan.operations[i].outcome, OUTCOME_DONE);
		assert_null(plan.operations[i].detail);
	}
	/* The block that it started from is untouched. */
	assert_string_equal(joined(block), "A=1|B=2");
}

/* Only the steps that are asked for, and each operation once. */
static void test_range(void **state)
{
	char *none[] = { NULL }, **environment = none;

	(void)state;
	add_variable(STEP_PRELOAD, LADDER_PREFER, "P", "1");
	add_variable(STEP_OPTIONS, LADDER_PREFER, "O", "1");
	add_variable(STEP_USER, LADDER_PREFER, "U", "1");
	apply_plan(&pool, &plan, STEP_OPTIONS, STEP_OPTIONS, &environment);
	assert_string_equal(joined(environment), "O=1");
	assert_int_equal(plan.operations[0].outcome, OUTCOME_PLANNED);
	assert_int_equal(plan.operations[1].outcome, OUTCOME_DONE);
	assert_int_equal(plan.operations[2].outcome, OUTCOME_PLANNED);
	plan.operations[1].u.environment.text = "2";
	apply_plan(&pool, &plan, STEP_AFFINITY, STEP_OPTIONS, &environment);
	assert_string_equal(joined(environment), "O=1|P=1");
	apply_plan(&pool, &plan, STEP_USER, STEP_NO_NEW_PRIVS, &environment);
	assert_string_equal(joined(environment), "O=1|P=1|U=1");
}

static void test_what_is_not_planned_is_left_alone(void **state)
{
	static const enum outcome outcomes[] = {
		OUTCOME_NOTHING, OUTCOME_OFF, OUTCOME_REFUSED, OUTCOME_DONE, OUTCOME_DEGRADED,
	};
	char *none[] = { NULL }, **environment = none;

	(void)state;
	plan_add_nothing(&pool, &plan, STEP_AFFINITY, "a", LADDER_PREFER, "one node");
	plan_add_nothing(&pool, &plan, STEP_AFFINITY, "a", LADDER_OFF, "switched off");
	plan_add_refused(&pool, &plan, STEP_AFFINITY, "a", LADDER_PREFER, "no such node");
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		add_variable(STEP_OPTIONS, LADDER_PREFER, "X", "1")->outcome = outcomes[i];
	apply_plan(&pool, &plan, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	assert_string_equal(joined(environment), "");
	assert_int_equal(plan.operations[0].outcome, OUTCOME_NOTHING);
	assert_int_equal(plan.operations[1].outcome, OUTCOME_OFF);
	assert_int_equal(plan.operations[2].outcome, OUTCOME_REFUSED);
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		assert_int_equal(plan.operations[3 + i].outcome, outcomes[i]);
}

static void test_ladder(void **state)
{
	static const struct {
		enum ladder ladder;
		enum outcome outcome;
		bool blocks;
	} cases[] = {
		{ LADDER_REQUIRE, OUTCOME_REFUSED, true },  { LADDER_REQUIRE, OUTCOME_DEGRADED, false },
		{ LADDER_REQUIRE, OUTCOME_DONE, false },    { LADDER_REQUIRE, OUTCOME_NOTHING, false },
		{ LADDER_REQUIRE, OUTCOME_PLANNED, false }, { LADDER_PREFER, OUTCOME_REFUSED, false },
		{ LADDER_OFF, OUTCOME_REFUSED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct operation *op;

		plan = (struct plan){ 0 };
		plan_add_refused(&pool, &plan, STEP_AFFINITY, "first", LADDER_PREFER, "why");
		op = plan_add(&pool, &plan, STEP_THP, OP_THP, "second", cases[i].ladder);
		op->outcome = cases[i].outcome;
		plan_add_refused(&pool, &plan, STEP_OOM_SCORE, "third", LADDER_PREFER, "why");
		op = &plan.operations[1];
		assert_row_int(mem_printf(&pool, "row %zu", i), plan_find_blocker(&plan) == op, cases[i].blocks);
	}
	/* The first of several. */
	plan = (struct plan){ 0 };
	plan_add_refused(&pool, &plan, STEP_AFFINITY, "first", LADDER_REQUIRE, "why");
	plan_add_refused(&pool, &plan, STEP_THP, "second", LADDER_REQUIRE, "why");
	assert_string_equal(plan_find_blocker(&plan)->name, "first");
}

static void test_describe(void **state)
{
	static const struct {
		int mode;
		const char *text;
	} cases[] = {
		{ 0, "default 0,3-4" },    { 1, "preferred 0,3-4" }, { 2, "bind 0,3-4" },
		{ 3, "interleave 0,3-4" }, { 4, "local 0,3-4" },     { 5, "preferred-many 0,3-4" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mempolicy policy = { .mode = cases[i].mode };

		bitmap_set(&policy.nodes, 0);
		bitmap_set(&policy.nodes, 3);
		bitmap_set(&policy.nodes, 4);
		assert_string_equal(mempolicy_describe(&pool, &policy), cases[i].text);
	}
}

/* What the kernel reports for what was set. */
static void test_answer(void **state)
{
	static const struct {
		int wanted, answer;
		const char *wanted_nodes, *answer_nodes;
		bool is_answer;
	} cases[] = {
		{ MPOL_BIND, MPOL_BIND, "1", "1", true },         { MPOL_BIND, MPOL_BIND, "1", "0-1", false },
		{ MPOL_BIND, MPOL_PREFERRED, "1", "1", false },   { MPOL_LOCAL, MPOL_LOCAL, NULL, NULL, true },
		{ MPOL_LOCAL, MPOL_PREFERRED, NULL, NULL, true }, /* 5.10 */
		{ MPOL_LOCAL, MPOL_PREFERRED, NULL, "0", false }, { MPOL_LOCAL, MPOL_DEFAULT, NULL, NULL, false },
		{ MPOL_PREFERRED, MPOL_LOCAL, "0", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mempolicy wanted = { .mode = cases[i].wanted }, answer = { .mode = cases[i].answer };

		if (cases[i].wanted_nodes)
			assert_int_equal(bitmap_parse_list(cases[i].wanted_nodes, &wanted.nodes), 0);
		if (cases[i].answer_nodes)
			assert_int_equal(bitmap_parse_list(cases[i].answer_nodes, &answer.nodes), 0);
		assert_int_equal(mempolicy_is_answer(&wanted, &answer), cases[i].is_answer);
	}
}

static void test_step_names(void **state)
{
	(void)state;
	for (int s = 0; s < STEP_COUNT; s++)
		assert_string_equal(step_name((enum step)s), step_names[s]);
	assert_null(step_names[STEP_COUNT]);
	assert_string_equal(ladder_name(LADDER_OFF), "off");
	assert_string_equal(ladder_name(LADDER_PREFER), "prefer");
	assert_string_equal(ladder_name(LADDER_REQUIRE), "require");
}

#define PLAN_TEST(function) cmocka_unit_test_teardown(function, forget_plan)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(test_environment),
		PLAN_TEST(test_range),
		PLAN_TEST(test_what_is_not_planned_is_left_alone),
		PLAN_TEST(test_ladder),
		PLAN_TEST(test_describe),
		PLAN_TEST(test_answer),
		PLAN_TEST(test_step_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
