/* SPDX-License-Identifier: Apache-2.0 */
/* The object of --explain --format json and of the launch record. */
#include <string.h>
#include <unistd.h>

#include "apply/apply.h"
#include "detect/process.h"
#include "report/json_values.h"
#include "report/report.h"
#include "support/scenario.h"
#include "version.h"

static json_t *report;

static int free_report(void **state)
{
	json_decref(report);
	report = NULL;
	return scenario_free(state);
}

static void make_report(char *const *environment)
{
	json_decref(report);
	report = json_loads(report_plan_json(&pool, &scenario.machine.facts, &scenario.options, &scenario.plan,
					     environment, NULL),
			    JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(report);
}

static const char *text_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	assert_non_null(value);
	return json_is_null(value) ? NULL : json_string_value(value);
}

static const json_t *operation_at(size_t i)
{
	return json_array_get(json_object_get(report, "plan"), i);
}

static void test_plan(void **state)
{
	const json_t *facts, *gpus, *settings;
	char *none[] = { NULL }, **environment = none;

	(void)state;
	scenario_open("hgx-8gpu-two-socket", NULL, WORDS("--require=preload", "vllm", "serve", "--api-key", "secret"));
	scenario.builds[0].build_id = mem_strdup(&pool, "abcd");
	scenario_decide();
	for (size_t i = 0; i < scenario.plan.n_operations; i++) {
		if (scenario.plan.operations[i].kind != OP_ENVIRONMENT)
			scenario.plan.operations[i].outcome = OUTCOME_NOTHING;
	}
	apply_plan(&pool, &scenario.plan, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	make_report(environment);
	assert_int_equal(json_integer_value(json_object_get(report, "record")), 2);
	assert_string_equal(text_at(report, "allocrun"), ALLOCRUN_VERSION);
	assert_string_equal(text_at(report, "framework"), "vLLM");
	assert_string_equal(text_at(report, "profile"), "balanced");
	assert_null(text_at(report, "policy_problem"));
	assert_string_equal(text_at(json_object_get(report, "build"), "id"), "jemalloc-5.3.1-x86_64-glibc");
	assert_string_equal(text_at(json_object_get(report, "build"), "build_id"), "abcd");
	assert_string_equal(text_at(json_object_get(report, "command"), "path"), "/usr/bin/vllm");
	facts = json_object_get(report, "facts");
	assert_int_equal(json_integer_value(json_object_get(facts, "page_size")), 4096);
	assert_int_equal(json_integer_value(json_object_get(facts, "cpus_usable")), 224);
	assert_string_equal(text_at(facts, "cpus_allowed"), "0-223");
	assert_string_equal(text_at(facts, "memory_max"), "unlimited");
	assert_int_equal(json_integer_value(json_object_get(facts, "numa_nodes")), 2);
	assert_int_equal(json_integer_value(json_object_get(facts, "gpus")), 8);
	gpus = json_object_get(facts, "gpu_list");
	assert_int_equal(json_array_size(gpus), 8);
	assert_string_equal(text_at(json_array_get(gpus, 1), "vendor"), "nvidia");
	assert_string_equal(text_at(json_array_get(gpus, 1), "address"), scenario.machine.facts.gpu.gpus[1].address);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(gpus, 7), "node")), 1);
	assert_string_equal(text_at(json_object_get(report, "environment"), "LD_PRELOAD"),
			    mem_printf(&pool, "%s:" SCENARIO_CHILDREN, scenario.builds[0].path));
	assert_string_equal(text_at(json_object_get(report, "environment"), "MALLOC_CONF"),
			    scenario_find(STEP_OPTIONS, "MALLOC_CONF")->value);
	settings = json_object_get(report, "settings");
	assert_string_equal(text_at(json_array_get(settings, 0), "name"), "allocator");
	assert_int_equal(json_array_size(json_object_get(report, "warnings")), 0);
	/* Of a machine that is not this one there is no process. */
	assert_null(json_object_get(report, "pid"));
	/* Arguments may hold keys, and the record outlives the process. */
	assert_null(strstr(report_dump_json(&pool, report), "secret"));
}

/* The plan that is printed is the plan that there is, in its order. */
static void test_operations(void **state)
{
	char *none[] = { NULL };

	(void)state;
	scenario_open("hgx-8gpu-two-socket", NULL, WORDS("--require=preload", "x"));
	scenario_decide();
	make_report(none);
	assert_int_equal(json_array_size(json_object_get(report, "plan")), scenario.plan.n_operations);
	for (size_t i = 0; i < scenario.plan.n_operations; i++) {
		const struct operation *op = &scenario.plan.operations[i];
		const json_t *o = operation_at(i);

		assert_string_equal(text_at(o, "step"), step_name(op->step));
		assert_string_equal(text_at(o, "name"), op->name);
		assert_row_string(op->name, text_at(o, "value"), op->value);
		assert_row_string(op->name, text_at(o, "why"), op->why);
		assert_string_equal(text_at(o, "ladder"), ladder_name(op->ladder));
		assert_string_equal(text_at(o, "outcome"), outcome_name(op->outcome));
		assert_null(json_object_get(o, "detail"));
		assert_int_equal(json_array_size(json_object_get(o, "parts")), op->parts.n);
	}
}

static void test_every_outcome(void **state)
{
	static const struct {
		enum outcome outcome;
		const char *text;
	} cases[] = {
		{ OUTCOME_PLANNED, "planned" }, { OUTCOME_NOTHING, "nothing to do" }, { OUTCOME_OFF, "off" },
		{ OUTCOME_DONE, "done" },       { OUTCOME_DEGRADED, "degraded" },     { OUTCOME_REFUSED, "refused" },
	};

	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.plan = (struct plan){ .profile = "balanced" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct operation *op = plan_add(&pool, &scenario.plan, STEP_THP, OP_NOTHING, "x", LADDER_REQUIRE);

		op->outcome = cases[i].outcome;
		op->detail = "detail";
	}
	make_report(NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(text_at(operation_at(i), "outcome"), cases[i].text);
		assert_string_equal(text_at(operation_at(i), "detail"), "detail");
		assert_string_equal(text_at(operation_at(i), "ladder"), "require");
		assert_null(json_object_get(operation_at(i), "parts"));
	}
}

/* JSON is UTF-8; file names and variables need not be. */
#define FOREIGN "\xef\xbf\xbd" /* U+FFFD */
static void test_foreign_bytes(void **state)
{
	static const char latin1[] = "caf\xe9", cut[] = "\xe2\x82", surrogate[] = "\xed\xa0\x80x";
	char *environment[] = { (char *)(uintptr_t) "LD_PRELOAD=/caf\xe9.so", NULL };
	struct operation *op;
	json_error_t error;
	json_t *again;
	char *text;

	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.machine.facts.command.path = mem_strdup(&pool, latin1);
	scenario.machine.facts.command.chain[0] = mem_strdup(&pool, cut);
	scenario.plan = (struct plan){ .profile = "balanced" };
	op = plan_add(&pool, &scenario.plan, STEP_PRELOAD, OP_ENVIRONMENT, "LD_PRELOAD", LADDER_PREFER);
	op->u.environment.variable = "LD_PRELOAD";
	op->value = surrogate;
	parts_add(&pool, &op->parts, latin1, NULL, "\xff\xfe");
	plan_warn(&pool, &scenario.plan, "%s", latin1);
	make_report(environment);
	text = report_dump_json(&pool, report);
	again = json_loads(text, 0, &error);
	assert_non_null(again);
	json_decref(report);
	report = again;
	assert_string_equal(text_at(json_object_get(report, "command"), "path"), "caf" FOREIGN);
	assert_string_equal(json_string_value(
				    json_array_get(json_object_get(json_object_get(report, "command"), "chain"), 0)),
			    FOREIGN FOREIGN);
	assert_string_equal(text_at(operation_at(0), "value"), FOREIGN FOREIGN FOREIGN "x");
	assert_string_equal(text_at(json_object_get(report, "environment"), "LD_PRELOAD"), "/caf" FOREIGN ".so");
	assert_string_equal(json_string_value(json_array_get(json_object_get(report, "warnings"), 0)), "caf" FOREIGN);
}

static void test_control_characters(void **state)
{
	json_error_t error;
	json_t *again;

	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.plan = (struct plan){ .profile = "balanced" };
	plan_warn(&pool, &scenario.plan, "a\033[2J\"\\\n\tb");
	make_report(NULL);
	assert_null(strchr(report_dump_json(&pool, report), '\033'));
	again = json_loads(report_dump_json(&pool, report), 0, &error);
	assert_non_null(again);
	assert_string_equal(json_string_value(json_array_get(json_object_get(again, "warnings"), 0)),
			    "a\033[2J\"\\\n\tb");
	json_decref(again);
}

static void test_live_process(void **state)
{
	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario_decide();
	scenario.machine.facts.is_live = true;
	scenario.machine.facts.process.start_time = 4711;
	make_report(NULL);
	/* --explain is not the process that it explains. */
	assert_null(json_object_get(report, "pid"));
	scenario.options.mode = MODE_LAUNCH;
	make_report(NULL);
	assert_int_equal(json_integer_value(json_object_get(report, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(report, "start_time")), 4711);
}

static void test_unknown_and_unlimited(void **state)
{
	const json_t *facts;

	(void)state;
	scenario_open("no-numa-sysfs", NULL, (const char *const[]){ NULL });
	scenario.machine.facts.cpu = (struct cpu_facts){ .effective = FACT_UNKNOWN };
	scenario.machine.facts.process.status = process_status_unknown;
	scenario.machine.facts.cgroup.memory_max = INT64_C(1) << 33;
	scenario_decide();
	make_report(NULL);
	facts = json_object_get(report, "facts");
	assert_true(json_is_null(json_object_get(facts, "cpus_usable")));
	assert_true(json_is_null(json_object_get(facts, "cpus_allowed")));
	assert_true(json_is_null(json_object_get(facts, "uid")));
	assert_int_equal(json_integer_value(json_object_get(facts, "memory_max")), INT64_C(1) << 33);
	assert_null(text_at(json_object_get(report, "command"), "name"));
	assert_null(text_at(report, "framework"));
	assert_int_equal(json_array_size(json_object_get(json_object_get(report, "command"), "chain")), 0);
}

static void test_dump(void **state)
{
	char *text;

	(void)state;
	report = json_pack("{s:s,s:[i,i]}", "a", "b", "c", 1, 2);
	text = report_dump_json(&pool, report);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_int_equal(text[strlen(text) - 2], '}');
	assert_non_null(strstr(text, "\"a\": \"b\""));
}

/* Around the sizes at which a buffer ends. */
static void test_large_dump(void **state)
{
	(void)state;
	for (size_t length = 32700; length < 32780; length++) {
		char *large = mem_alloc(&pool, length + 1), *text;

		memset(large, 'x', length);
		json_decref(report);
		report = json_pack("[s]", large);
		text = report_dump_json(&pool, report);
		assert_string_equal(text, mem_printf(&pool, "[\n \"%s\"\n]\n", large));
		mem_free_all(&pool);
	}
}

static void test_builds(void **state)
{
	const json_t *builds;

	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.builds[1].problem = mem_strdup(&pool, "it is missing");
	report = report_builds_json(&pool, &scenario.machine.facts, &scenario.options);
	builds = json_object_get(report, "builds");
	assert_int_equal(json_array_size(builds), 2);
	assert_true(json_is_true(json_object_get(json_array_get(builds, 0), "fits")));
	assert_null(text_at(json_array_get(builds, 0), "reason"));
	assert_true(json_is_false(json_object_get(json_array_get(builds, 1), "fits")));
	assert_string_equal(text_at(json_array_get(builds, 1), "reason"), "it is missing");
	assert_null(text_at(report, "problem"));
	/* Into this command nothing can be preloaded: then none of them fits. */
	scenario.machine.facts.command.elf.interpreter = NULL;
	json_decref(report);
	report = report_builds_json(&pool, &scenario.machine.facts, &scenario.options);
	builds = json_object_get(report, "builds");
	assert_true(json_is_false(json_object_get(json_array_get(builds, 0), "fits")));
	assert_non_null(strstr(text_at(json_array_get(builds, 0), "reason"), "statically linked"));
}

#define REPORT_TEST(function) cmocka_unit_test_teardown(function, free_report)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPORT_TEST(test_plan),
		REPORT_TEST(test_operations),
		REPORT_TEST(test_every_outcome),
		REPORT_TEST(test_foreign_bytes),
		REPORT_TEST(test_control_characters),
		REPORT_TEST(test_live_process),
		REPORT_TEST(test_unknown_and_unlimited),
		REPORT_TEST(test_dump),
		REPORT_TEST(test_large_dump),
		REPORT_TEST(test_builds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
