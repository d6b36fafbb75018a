/* SPDX-License-Identifier: Apache-2.0 */
/* --children: what is marked for the library that watches over the command's children. */
#include "support/support.h"

#include "known/inheritance.h"
#include "support/scenario.h"

#define LAPTOP "laptop-one-node"
#define WATCH SCENARIO_CHILDREN

static const char *mark_of(const struct operation *op, const char *name)
{
	for (size_t i = 0; i < op->u.children.marks->n; i++) {
		if (strcmp(op->u.children.marks->items[i].name, name) == 0)
			return op->u.children.marks->items[i].value;
	}
	return NULL;
}

static const struct operation *decide(const char *const *environment, const char *option, const char *watch)
{
	scenario_open(LAPTOP, environment, WORDS(option, "x"));
	scenario.machine.facts.catalog.children = watch ? mem_strdup(&pool, watch) : NULL;
	scenario_decide();
	return scenario_find(STEP_PRELOAD, "children");
}

static void test_marks(void **state)
{
	static const char *const environment[] = { "LD_PRELOAD=/x.so", "MALLOC_CONF=narenas:9", NULL };
	const struct operation *op = decide(environment, "--children=keep", WATCH), *preload;

	(void)state;
	preload = scenario_find(STEP_PRELOAD, "LD_PRELOAD");
	assert_string_equal(scenario_part(preload, WATCH), WATCH);
	assert_int_equal(op->kind, OP_CHILDREN);
	assert_string_equal(mark_of(op, INHERITANCE_CHILDREN), "keep");
	assert_string_equal(mark_of(op, INHERITANCE_SET "LD_PRELOAD"), preload->u.environment.text);
	assert_string_equal(mark_of(op, INHERITANCE_WAS "LD_PRELOAD"), "/x.so");
	assert_string_equal(mark_of(op, INHERITANCE_SET "MALLOC_CONF"),
			    scenario_find(STEP_OPTIONS, "MALLOC_CONF")->u.environment.text);
	assert_string_equal(mark_of(op, INHERITANCE_WAS "MALLOC_CONF"), "narenas:9");
	assert_false(op->u.children.has_pid);
}

static void test_part(void **state)
{
	static const char *const none[] = { NULL };
	const struct operation *op = decide(none, "--children=drop", WATCH);

	(void)state;
	assert_true(op->u.children.has_pid);
	assert_null(mark_of(op, INHERITANCE_WAS "LD_PRELOAD"));
	scenario_close();
	op = decide(none, "--children=a,b", WATCH);
	assert_string_equal(op->value, "a,b");
	assert_true(op->u.children.has_pid);
}

/* Without the library all is inherited: no fault by default, one where it was to be otherwise. */
static void test_missing(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_int_equal(decide(none, "--children=keep", NULL)->outcome, OUTCOME_NOTHING);
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
	assert_int_equal(decide(none, "--children=drop", NULL)->outcome, OUTCOME_REFUSED);
	assert_true(scenario_warns("children.so is not there"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_marks),
		SCENARIO_TEST(test_part),
		SCENARIO_TEST(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
