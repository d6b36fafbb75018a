/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/resource.h>

#include "detect/process.h"
#include "report/report.h"
#include "support/scenario.h"
#include "util/size.h"

static void test_size(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} cases[] = {
		{ FACT_UNKNOWN, "unknown" },
		{ FACT_UNLIMITED, "unlimited" },
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 4096, "4 KiB" },
		{ 65536, "64 KiB" },
		{ 10240, "10 KiB" },
		{ 1 << 20, "1 MiB" },
		{ INT64_C(5) << 29, "2.5 GiB" },
		{ INT64_C(16) << 30, "16 GiB" },
		{ INT64_C(51) << 28, "13 GiB" }, /* 12.75: above ten no fraction */
		{ INT64_C(100) << 30, "100 GiB" },
		{ INT64_C(2) << 40, "2 TiB" },
		{ INT64_C(3) << 50, "3 PiB" },
		{ INT64_C(1) << 62, "4096 PiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].text, size_format(&pool, cases[i].bytes), cases[i].text);
}

static struct operation *add(enum step step, const char *name, enum outcome outcome, enum ladder ladder)
{
	struct operation *op = plan_add(&pool, &scenario.plan, step, OP_NOTHING, name, ladder);

	op->outcome = outcome;
	op->why = "because of it";
	return op;
}

/* A machine, with a plan of one operation for each outcome. */
static void open_with_outcomes(void)
{
	struct operation *op;

	scenario_open("hgx-8gpu-two-socket", NULL, WORDS("vllm", "serve", "m"));
	scenario.plan = (struct plan){ .profile = "balanced", .framework = "vLLM" };
	op = add(STEP_AFFINITY, "CPU affinity", OUTCOME_DONE, LADDER_PREFER);
	op->value = "CPUs 0-3";
	op = add(STEP_MEMPOLICY, "memory policy", OUTCOME_DEGRADED, LADDER_PREFER);
	op->value = "preferred-many 0-1";
	op->detail = "preferred 0: preferred-many 0-1 was refused";
	add(STEP_THP, "transparent hugepages", OUTCOME_NOTHING, LADDER_PREFER);
	add(STEP_RLIMITS, "locked memory", OUTCOME_REFUSED, LADDER_PREFER)->detail = "not permitted";
	add(STEP_OOM_SCORE, "oom-score", OUTCOME_OFF, LADDER_OFF);
	op = add(STEP_OPTIONS, "MALLOC_CONF", OUTCOME_PLANNED, LADDER_PREFER);
	op->value = "narenas:4";
	parts_add(&pool, &op->parts, "narenas", "4", "one each");
	add(STEP_USER, "user", OUTCOME_REFUSED, LADDER_REQUIRE);
}

static const char *explain(enum report_stage stage, bool has_color)
{
	return report_explain(&pool, &scenario.machine.facts, &scenario.options, &scenario.plan, stage, has_color);
}

/* The line of `text` that starts so, blanks at its start aside, without its end. */
static const char *line_of(const char *text, const char *start)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line != '\0') {
		const char *words = line + strspn(line, " ");

		if (strncmp(words, start, strlen(start)) == 0)
			return mem_strndup(&pool, words, strcspn(words, "\n"));
	}
	return NULL;
}

static void test_explain_outcomes(void **state)
{
	const char *text;

	(void)state;
	open_with_outcomes();
	text = explain(REPORT_TRIED, false);
	assert_string_equal(line_of(text, "ok"), "ok       affinity      CPU affinity = CPUs 0-3");
	assert_string_equal(line_of(text, "degraded"), "degraded mempolicy     memory policy = preferred-many 0-1");
	assert_non_null(line_of(text, "preferred 0: preferred-many 0-1 was refused"));
	assert_string_equal(line_of(text, "-"), "-        thp           transparent hugepages: because of it");
	assert_string_equal(line_of(text, "REFUSED"), "REFUSED  rlimits       locked memory: because of it");
	assert_non_null(line_of(text, "not permitted"));
	assert_non_null(line_of(text, "off"));
	assert_string_equal(line_of(text, "planned"), "planned  options       MALLOC_CONF = narenas:4");
	assert_non_null(strstr(text, "narenas:4                        one each\n"));
	assert_non_null(line_of(text, "required: the command would not be started"));
	/* Only the one that is required. */
	assert_null(strstr(strstr(text, "required: ") + 1, "required: "));
	assert_non_null(line_of(text, "Plan, each step tried just now in a child process"));
	assert_non_null(line_of(explain(REPORT_PLANNED, false), "Plan, not tried here"));
	assert_non_null(line_of(explain(REPORT_APPLIED, false), "Plan, as carried out"));
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "(null)"));
}

/* Colours change nothing but colours. */
static void test_color(void **state)
{
	const char *plain, *colored;
	char *stripped, *to;

	(void)state;
	open_with_outcomes();
	plain = explain(REPORT_TRIED, false);
	colored = explain(REPORT_TRIED, true);
	assert_non_null(strstr(colored, "\033[32mok      \033[0m"));
	assert_non_null(strstr(colored, "\033[31mREFUSED \033[0m"));
	to = stripped = mem_strdup(&pool, colored);
	for (const char *from = colored; *from;) {
		if (*from == '\033')
			from += strcspn(from, "m") + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_string_equal(stripped, plain);
}

static void test_explain_machine(void **state)
{
	const char *text;

	(void)state;
	scenario_open("hgx-8gpu-two-socket", NULL, WORDS("vllm", "serve", "m"));
	scenario_decide();
	text = explain(REPORT_PLANNED, false);
	assert_string_equal(line_of(text, "Command"), "Command    vllm serve m");
	assert_string_equal(line_of(text, "/usr/bin/vllm"), "/usr/bin/vllm (x86_64, glibc)");
	assert_string_equal(line_of(text, "recognised"), "recognised as vLLM");
	assert_non_null(strstr(line_of(text, "Machine"), ", x86_64, 4 KiB pages (captured)"));
	assert_string_equal(line_of(text, "CPUs"), "CPUs       224 usable (224 online, 224 allowed, no quota)");
	assert_non_null(strstr(line_of(text, "NUMA"), "2 nodes: node 0 CPUs 0-55,112-167, "));
	assert_non_null(strstr(line_of(text, "THP"), "enabled=always"));
	assert_non_null(strstr(line_of(text, "GPUs"), "8, 4 visible; 0000:"));
	assert_non_null(strstr(line_of(text, "GPUs"), "(CUDA_VISIBLE_DEVICES=0,1,2,3)"));
	assert_string_equal(line_of(text, "profile "), "profile        balanced                   built in");
	assert_null(strstr(text, "(null)"));
}

/* Every captured machine can be explained, with and without a command. */
static void test_explain_all_machines(void **state)
{
	static const char *const machines[] = {
		"cgroup-v1-quota",     "cgroup-v2-memory-max",  "cpus-512-nodes-16",
		"hgx-8gpu-two-socket", "hybrid-cgroup-vm",      "laptop-one-node",
		"no-numa-sysfs",       "one-socket-four-nodes", "superchip-memory-only-nodes-64k",
	};
	const char *text;

	(void)state;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		scenario_open(machines[i], NULL, WORDS("x"));
		scenario_decide();
		text = explain(REPORT_PLANNED, false);
		assert_row_string(machines[i], strstr(text, "(null)"), NULL);
		assert_non_null(line_of(text, "Command    x"));
		for (int s = 0; s < STEP_COUNT; s++)
			scenario_find((enum step)s, NULL);
		scenario_close();
	}
	scenario_open("laptop-one-node", NULL, (const char *const[]){ NULL });
	scenario_decide();
	assert_non_null(line_of(explain(REPORT_PLANNED, false), "Command    none given"));
}

/* Nothing is known: that is said for each, and nothing else happens. */
static void test_explain_unknown(void **state)
{
	const char *text;

	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.machine.facts = (struct facts){
		.page_size = FACT_UNKNOWN,
		.memory_total = FACT_UNKNOWN,
		.cpu = { .quota_milli = FACT_UNKNOWN, .effective = FACT_UNKNOWN },
		.numa = { .known = TRI_UNKNOWN },
		.thp = { .known = TRI_UNKNOWN },
		.cgroup = { .memory_max = FACT_UNKNOWN },
		.process = { .status = process_status_unknown,
			     .limits = { .memlock = { FACT_UNKNOWN, FACT_UNKNOWN },
					 .core = { FACT_UNKNOWN, FACT_UNKNOWN } } },
	};
	scenario_decide();
	text = explain(REPORT_PLANNED, false);
	assert_string_equal(line_of(text, "Machine"), "Machine    Linux unknown, unknown, unknown pages (captured)");
	assert_string_equal(line_of(text, "CPUs"), "CPUs       unknown");
	/* What could not be read is not zero, and a quota is a decimal number. */
	scenario.machine.facts.cpu.effective = 4;
	scenario.machine.facts.cpu.quota_milli = 12500;
	text = explain(REPORT_PLANNED, false);
	assert_string_equal(line_of(text, "CPUs"),
			    "CPUs       4 usable (unknown online, unknown allowed, quota 12.5 CPUs)");
	scenario.machine.facts.cpu.quota_milli = 128000;
	text = explain(REPORT_PLANNED, false);
	assert_string_equal(line_of(text, "CPUs"),
			    "CPUs       4 usable (unknown online, unknown allowed, quota 128 CPUs)");
	assert_string_equal(line_of(text, "Memory"), "Memory     unknown, limit unknown (cgroup unknown)");
	assert_string_equal(line_of(text, "NUMA"), "NUMA       unknown");
	assert_string_equal(line_of(text, "THP"),
			    "THP        enabled=unknown, defrag=unknown; for this process: unknown");
	assert_null(strstr(line_of(text, "Process"), "-1"));
}

/* A hostile name anywhere must not drive the terminal. */
static void test_explain_escapes(void **state)
{
	static const char evil[] = "a\033]0;x\007b\nc";
	struct operation *op;
	const char *text;

	(void)state;
	scenario_open("hgx-8gpu-two-socket", WORDS("CUDA_VISIBLE_DEVICES=0\033[2J"), WORDS("x", evil));
	scenario.machine.facts.command.chain[0] = mem_strdup(&pool, evil);
	scenario.plan = (struct plan){ .profile = "balanced" };
	parts_add(&pool, &scenario.plan.settings, "user", evil, evil);
	op = add(STEP_PRELOAD, "LD_PRELOAD", OUTCOME_REFUSED, LADDER_REQUIRE);
	op->value = op->why = op->detail = evil;
	parts_add(&pool, &op->parts, evil, NULL, evil);
	op = add(STEP_OPTIONS, "MALLOC_CONF", OUTCOME_NOTHING, LADDER_PREFER);
	op->why = evil;
	parts_add(&pool, &op->parts, evil, evil, evil);
	plan_warn(&pool, &scenario.plan, "%s", evil);
	text = explain(REPORT_PLANNED, false);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\007'));
	assert_null(strstr(text, "b\nc"));
	text = report_warnings(&pool, &scenario.plan);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(report_blocker(&pool, plan_find_blocker(&scenario.plan)), '\033'));
}

static void test_warnings(void **state)
{
	(void)state;
	open_with_outcomes();
	plan_warn(&pool, &scenario.plan, "MALLOC_CONF: %s", "bad");
	assert_string_equal(report_warnings(&pool, &scenario.plan),
			    "allocrun: MALLOC_CONF: bad\n"
			    "allocrun: mempolicy is degraded: preferred 0: preferred-many 0-1 was refused\n"
			    "allocrun: going on without rlimits: locked memory: not permitted\n"
			    "allocrun: going on without user: user: because of it\n");
	assert_string_equal(report_blocker(&pool, plan_find_blocker(&scenario.plan)),
			    "user is required and cannot be done: user: because of it");
	/* What the policy refused to preload is a warning of its own; what apply refused is not. */
	scenario.plan = (struct plan){ 0 };
	assert_string_equal(report_warnings(&pool, &scenario.plan), "");
	add(STEP_PRELOAD, "LD_PRELOAD", OUTCOME_REFUSED, LADDER_PREFER);
	assert_string_equal(report_warnings(&pool, &scenario.plan), "");
	scenario.plan.operations[0].detail = "the user cannot read it";
	assert_string_equal(report_warnings(&pool, &scenario.plan),
			    "allocrun: going on without preload: LD_PRELOAD: the user cannot read it\n");
}

static void test_builds(void **state)
{
	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.builds[0].build_id = mem_strdup(&pool, "abcd");
	scenario.builds[1].problem = mem_strdup(&pool, "it is missing");
	assert_string_equal(report_builds(&pool, &scenario.machine.facts, &scenario.options),
			    "jemalloc-5.3.1-x86_64-glibc        fits\n"
			    "  x86_64, glibc 2.28 or newer; pages up to 64 KiB; purge_thread\n"
			    "  /opt/allocrun/lib/allocrun/jemalloc/libjemalloc.so.2\n"
			    "  build ID abcd; sha256 not checked\n"
			    "mimalloc-3.5.0-x86_64-glibc        does not fit: it is missing\n"
			    "  x86_64, glibc 2.28 or newer; pages up to 64 KiB; purge_thread\n"
			    "  /opt/allocrun/lib/allocrun/mimalloc/libmimalloc.so.3\n"
			    "  build ID unknown; sha256 not checked\n");
	scenario.machine.facts.command.elf.interpreter = NULL;
	assert_non_null(strstr(report_builds(&pool, &scenario.machine.facts, &scenario.options),
			       "jemalloc-5.3.1-x86_64-glibc        does not fit: /usr/bin/x is statically linked"));
	scenario.machine.facts.catalog = (struct catalog_facts){ .problem = mem_strdup(&pool, "no manifest") };
	assert_string_equal(report_builds(&pool, &scenario.machine.facts, &scenario.options), "no manifest\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_size),
		SCENARIO_TEST(test_explain_outcomes),
		SCENARIO_TEST(test_color),
		SCENARIO_TEST(test_explain_machine),
		SCENARIO_TEST(test_explain_all_machines),
		SCENARIO_TEST(test_explain_unknown),
		SCENARIO_TEST(test_explain_escapes),
		SCENARIO_TEST(test_warnings),
		SCENARIO_TEST(test_builds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
