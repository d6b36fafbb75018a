/* SPDX-License-Identifier: Apache-2.0 */
/* --require integrity: the bytes of the builds against the manifest. */
#include "support/support.h"

#include "support/scenario.h"

#define LAPTOP "laptop-one-node"

static const char *const no_variables[] = { NULL };

static const struct operation *decide(const char *option, const char *manifest, const char *found, bool is_bundled)
{
	struct build_facts *build = scenario.builds;

	scenario_open(LAPTOP, no_variables, WORDS(option, "x"));
	build->sha256 = manifest ? mem_strdup(&pool, manifest) : NULL;
	build->digest = found ? mem_strdup(&pool, found) : NULL;
	scenario.builds[1].sha256 = scenario.builds[1].digest = mem_strdup(&pool, "cc");
	if (!is_bundled) {
		build->is_bundled = false;
		build->path = mem_strdup(&pool, "/opt/other.so");
		scenario.options.settings[KEY_ALLOCATOR].text = "/opt/other.so";
	}
	scenario_decide();
	return scenario_find(STEP_INTEGRITY, NULL);
}

static void test_required(void **state)
{
	static const struct {
		const char *manifest, *found;
		bool is_bundled;
		const char *refusal; /* NULL: none */
	} cases[] = {
		{ "aa", "aa", true, NULL },
		{ "aa", "bb", true, "has sha256 bb, the manifest says aa" },
		{ NULL, "aa", true, "the manifest has no sha256 for jemalloc-5.3.1-x86_64-glibc" },
		{ "aa", NULL, true, "cannot be read whole" },
		{ NULL, "aa", false, "no manifest says what the bytes of /opt/other.so should be" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct operation *op = decide("--require=integrity", cases[i].manifest, cases[i].found,
						    cases[i].is_bundled);

		assert_int_equal(op->outcome, cases[i].refusal ? OUTCOME_REFUSED : OUTCOME_DONE);
		if (cases[i].refusal)
			assert_row_contains("integrity", op->why, cases[i].refusal);
		assert_int_equal(plan_find_blocker(&scenario.plan) == op, cases[i].refusal != NULL);
		scenario_close();
	}
}

/* With prefer the next build is taken, and the difference is said. */
static void test_preferred(void **state)
{
	const struct operation *op;

	(void)state;
	op = decide("--prefer=integrity", "aa", "bb", true);
	assert_int_equal(op->outcome, OUTCOME_REFUSED);
	assert_null(plan_find_blocker(&scenario.plan));
	assert_ptr_equal(scenario.plan.build, &scenario.builds[1]);
	assert_true(scenario_warns("its bytes are not those that the manifest knows"));
	scenario_close();
}

static void test_not_asked(void **state)
{
	(void)state;
	assert_string_equal(decide("-q", "aa", NULL, true)->why, "not asked for");
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	scenario_close();
	assert_int_equal(decide("--off=integrity", "aa", NULL, true)->outcome, OUTCOME_OFF);
	scenario_close();
}

static void test_nothing_loaded(void **state)
{
	(void)state;
	scenario_open(LAPTOP, no_variables, WORDS("--require=integrity", "--allocator=system", "x"));
	scenario_decide();
	assert_int_equal(scenario_find(STEP_INTEGRITY, NULL)->outcome, OUTCOME_NOTHING);
	assert_null(plan_find_blocker(&scenario.plan));
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_required),
		SCENARIO_TEST(test_preferred),
		SCENARIO_TEST(test_not_asked),
		SCENARIO_TEST(test_nothing_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
