/* SPDX-License-Identifier: Apache-2.0 */
/* THP, resource limits, oom score, user, capabilities, no_new_privs. */
#include <string.h>
#include <sys/resource.h>
#include <linux/capability.h>

#include "support/scenario.h"
#include "util/kernel_abi.h"

#define LAPTOP "laptop-one-node"  /* enabled=madvise */
#define HGX "hgx-8gpu-two-socket" /* enabled=always */
#define NO_THP "no-numa-sysfs"
#define BIT(capability) (UINT64_C(1) << (capability))

static const char *const no_variables[] = { NULL };

struct thp_case {
	const char *machine, *word;
	int enabled; /* -1: as the machine has it */
	enum thp_process process;
	const char *result, *why;
	unsigned long disable, flags;
};

#define AS_IT_IS (-1)
#define ALLOWED THP_PROCESS_ALLOWED
#define DISABLED THP_PROCESS_DISABLED
#define ADVISED THP_PROCESS_EXCEPT_ADVISED
#define UNKNOWN THP_PROCESS_UNKNOWN
#define NOTHING "nothing to do"

static const struct thp_case thp_cases[] = {
	{ LAPTOP, "-q", AS_IT_IS, ALLOWED, NOTHING, "inherited (profile balanced)", 0, 0 },
	{ LAPTOP, "--thp=inherit", AS_IT_IS, ALLOWED, NOTHING, "inherited (--thp)", 0, 0 },
	{ LAPTOP, "--thp=inherit", AS_IT_IS, DISABLED, NOTHING, "a parent has switched them off", 0, 0 },
	{ LAPTOP, "--thp=off", AS_IT_IS, ALLOWED, "off", "(--thp)", 1, 0 },
	{ LAPTOP, "--thp=off", AS_IT_IS, ADVISED, "off", "(--thp)", 1, 0 },
	{ LAPTOP, "--thp=off", AS_IT_IS, UNKNOWN, "off", "(--thp)", 1, 0 },
	{ LAPTOP, "--thp=off", AS_IT_IS, DISABLED, NOTHING, "already off for this process", 0, 0 },
	{ LAPTOP, "--thp=on", AS_IT_IS, ALLOWED, NOTHING, "this process may have them", 0, 0 },
	{ LAPTOP, "--thp=on", AS_IT_IS, DISABLED, "allowed", "a parent had switched them off", 0, 0 },
	{ LAPTOP, "--thp=on", AS_IT_IS, ADVISED, "allowed", "a parent had switched them off", 0, 0 },
	{ LAPTOP, "--thp=on", THP_NEVER, ALLOWED, "refused", "enabled=never", 0, 0 },
	{ LAPTOP, "--thp=advised", AS_IT_IS, ALLOWED, NOTHING, "enabled=madvise", 0, 0 },
	{ LAPTOP, "--thp=advised", AS_IT_IS, DISABLED, "only where advised", "(--thp)", 1, 2 },
	{ LAPTOP, "--thp=advised", AS_IT_IS, ADVISED, NOTHING, "already only where advised", 0, 0 },
	{ LAPTOP, "--thp=advised", THP_NEVER, ALLOWED, NOTHING, "enabled=never", 0, 0 },
	{ LAPTOP, "--thp=advised", THP_UNKNOWN, ALLOWED, "only where advised", "(--thp)", 1, 2 },
	{ LAPTOP, "--off=thp", AS_IT_IS, ALLOWED, "off", "switched off (--off)", 0, 0 },
	{ HGX, "-q", AS_IT_IS, ALLOWED, NOTHING, "inherited", 0, 0 },
	{ HGX, "--profile=latency", AS_IT_IS, ALLOWED, "only where advised", "(profile latency)", 1, 2 },
	{ HGX, "--thp=advised", AS_IT_IS, ALLOWED, "only where advised", "(--thp)", 1, 2 },
	{ HGX, "--thp=advised", AS_IT_IS, ADVISED, NOTHING, "already only where advised", 0, 0 },
	{ HGX, "--thp=on", AS_IT_IS, ALLOWED, NOTHING, "this process may have them", 0, 0 },
	{ NO_THP, "--thp=on", AS_IT_IS, UNKNOWN, "refused", "the kernel has none", 0, 0 },
	{ NO_THP, "--thp=off", AS_IT_IS, UNKNOWN, NOTHING, "the kernel has none", 0, 0 },
};

static void test_thp(void **state)
{
	(void)state;
	assert_int_equal(PR_THP_DISABLE_EXCEPT_ADVISED, 2);
	for (size_t i = 0; i < sizeof thp_cases / sizeof *thp_cases; i++) {
		const struct thp_case *c = &thp_cases[i];
		const struct operation *op;
		const char *row;

		scenario_open(c->machine, no_variables, WORDS(c->word, "x"));
		row = mem_printf(&pool, "row %zu: %s %s", i, c->machine, c->word);
		if (c->enabled != AS_IT_IS)
			scenario.machine.facts.thp.enabled = (enum thp_mode)c->enabled;
		scenario.machine.facts.process.status.thp = c->process;
		scenario_decide();
		op = scenario_find(STEP_THP, NULL);
		assert_row_string(row, scenario_result(op), c->result);
		assert_row_contains(row, op->why, c->why);
		if (op->kind == OP_THP) {
			assert_row_int(row, (long long)op->u.thp.disable, (long long)c->disable);
			assert_row_int(row, (long long)op->u.thp.flags, (long long)c->flags);
		}
		scenario_close();
	}
}

#define MEMLOCK "locked memory"
#define CORE "core dumps"
#define NO_LIMIT FACT_UNLIMITED

static const struct {
	const char *word, *name;
	struct limit now;
	const char *result, *why;
	struct limit wanted; /* when it is to be done */
} limit_cases[] = {
	{ "-q", MEMLOCK, { 65536, 65536 }, NOTHING, "already 65536", { 0, 0 } },
	{ "-q", MEMLOCK, { 65536, 1 << 20 }, "1048576", "was 65536", { 1 << 20, 1 << 20 } },
	{ "-q", MEMLOCK, { 65536, NO_LIMIT }, "unlimited", "was 65536", { NO_LIMIT, NO_LIMIT } },
	{ "-q", MEMLOCK, { NO_LIMIT, NO_LIMIT }, NOTHING, "already unlimited", { 0, 0 } },
	{ "-q", MEMLOCK, { FACT_UNKNOWN, FACT_UNKNOWN }, "refused", "not known", { 0, 0 } },
	{ "-q", CORE, { 0, NO_LIMIT }, NOTHING, "inherited (built in)", { 0, 0 } },
	{ "--core=hard", CORE, { 0, NO_LIMIT }, "unlimited", "(--core)", { NO_LIMIT, NO_LIMIT } },
	{ "--core=0", CORE, { NO_LIMIT, NO_LIMIT }, "0", "was unlimited", { 0, NO_LIMIT } },
	{ "--core=1K", CORE, { 0, 0 }, "1024", "was 0", { 1024, 1024 } },
	{ "--memlock=1M", MEMLOCK, { 65536, NO_LIMIT }, "1048576", "(--memlock)", { 1 << 20, NO_LIMIT } },
	{ "--memlock=1M", MEMLOCK, { 1 << 20, 1 << 21 }, NOTHING, "already 1048576", { 0, 0 } },
	/* Above the hard limit: both are asked for, the kernel says whether we may. */
	{ "--memlock=4M", MEMLOCK, { 65536, 1 << 20 }, "4194304", "was 65536", { 1 << 22, 1 << 22 } },
	{ "--memlock=unlimited", MEMLOCK, { 0, 65536 }, "unlimited", "was 0", { NO_LIMIT, NO_LIMIT } },
	{ "--memlock=inherit", MEMLOCK, { 0, 65536 }, NOTHING, "inherited (--memlock)", { 0, 0 } },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof limit_cases / sizeof *limit_cases; i++) {
		const char *row;
		const struct operation *op;
		bool is_core = strcmp(limit_cases[i].name, CORE) == 0;
		struct process_limits *p = &scenario.machine.facts.process.limits;

		scenario_open(LAPTOP, no_variables, WORDS(limit_cases[i].word, "x"));
		row = mem_printf(&pool, "row %zu: %s", i, limit_cases[i].word);
		*(is_core ? &p->core : &p->memlock) = limit_cases[i].now;
		scenario_decide();
		op = scenario_find(STEP_RLIMITS, limit_cases[i].name);
		assert_row_string(row, scenario_result(op), limit_cases[i].result);
		assert_row_contains(row, op->why, limit_cases[i].why);
		if (op->kind == OP_RLIMIT) {
			assert_row_int(row, op->u.rlimit.resource, is_core ? RLIMIT_CORE : RLIMIT_MEMLOCK);
			assert_row_int(row, op->u.rlimit.limit.soft, limit_cases[i].wanted.soft);
			assert_row_int(row, op->u.rlimit.limit.hard, limit_cases[i].wanted.hard);
		}
		scenario_close();
	}
}

static void test_oom_score(void **state)
{
	static const struct {
		const char *word;
		int64_t now;
		const char *result;
		int64_t wanted;
	} cases[] = {
		{ "-q", 0, NOTHING, 0 },
		{ "-q", 300, NOTHING, 0 },
		{ "--oom-score-adj=300", 300, NOTHING, 0 },
		{ "--oom-score-adj=300", 0, "300", 300 },
		{ "--oom-score-adj=-1000", FACT_UNKNOWN, "-1000", -1000 },
		{ "--oom-score-adj=0", 500, "0", 0 },
		{ "--oom-score-adj=010", 0, "10", 10 },
		{ "--off=oom-score", 0, "off", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct operation *op;

		scenario_open(LAPTOP, no_variables, WORDS(cases[i].word, "x"));
		scenario.machine.facts.process.limits.oom_score_adj = cases[i].now;
		scenario_decide();
		op = scenario_find(STEP_OOM_SCORE, NULL);
		assert_row_string(cases[i].word, scenario_result(op), cases[i].result);
		if (op->kind == OP_OOM_SCORE)
			assert_row_int(cases[i].word, op->u.oom_score_adj, cases[i].wanted);
		scenario_close();
	}
}

static void open_with_user(int64_t uid, const char *const *words)
{
	scenario_open(HGX, no_variables, words);
	scenario.machine.facts.account = (struct account_facts){
		.name = mem_strdup(&pool, "svc"),
		.home = mem_strdup(&pool, "/srv"),
		.uid = uid,
		.gid = 77,
		.groups = mem_dup(&pool, (const gid_t[]){ 77, 44 }, 2 * sizeof(gid_t)),
		.n_groups = 2,
	};
}

static void test_user(void **state)
{
	const struct operation *op;

	(void)state;
	scenario_open(HGX, no_variables, WORDS("x"));
	scenario_decide();
	assert_string_equal(scenario_find(STEP_USER, NULL)->why, "no user is asked for");
	assert_string_equal(scenario_result(scenario_find(STEP_CAPS, NULL)), NOTHING);
	assert_string_equal(scenario_result(scenario_find(STEP_NO_NEW_PRIVS, NULL)), NOTHING);
	scenario_close();

	open_with_user(1234, WORDS("--user=svc", "x"));
	scenario_decide();
	op = scenario_find(STEP_USER, "user");
	assert_string_equal(scenario_result(op), "svc (1234:77, 2 groups)");
	assert_int_equal(op->ladder, LADDER_REQUIRE);
	assert_ptr_equal(op->u.account, &scenario.machine.facts.account);
	assert_string_equal(scenario_part(op, "HOME"), "/srv");
	assert_string_equal(scenario_part(op, "USER"), "svc");
	assert_string_equal(scenario_part(op, "LOGNAME"), "svc");
	/* What root had is not left to a user. */
	op = scenario_find(STEP_CAPS, NULL);
	assert_string_equal(scenario_result(op), "none");
	assert_int_equal(op->u.caps.keep, 0);
	scenario_close();

	/* A bare number has no name and no home. */
	open_with_user(1234, WORDS("--user=1234:77", "x"));
	scenario.machine.facts.account.name = scenario.machine.facts.account.home = NULL;
	scenario_decide();
	op = scenario_find(STEP_USER, "user");
	assert_string_equal(scenario_result(op), "1234:77 (1234:77, 2 groups)");
	assert_int_equal(op->parts.n, 1);
	assert_string_equal(scenario_part(op, "HOME"), "/"); /* kind P: not root's */
	scenario_close();

	scenario_open(HGX, no_variables, WORDS("--user=nobdy", "x"));
	scenario.machine.facts.account.problem = mem_strdup(&pool, "no user 'nobdy' in /etc/passwd");
	scenario_decide();
	op = scenario_find(STEP_USER, NULL);
	assert_int_equal(op->outcome, OUTCOME_REFUSED);
	assert_string_equal(op->why, "--user: no user 'nobdy' in /etc/passwd");
	assert_ptr_equal(plan_find_blocker(&scenario.plan), op);
	assert_string_equal(scenario_result(scenario_find(STEP_CAPS, NULL)), NOTHING);
	scenario_close();
}

/* A container that runs as its user already must start with that user in its policy. */
static void test_user_that_we_are(void **state)
{
	(void)state;
	open_with_user(1000, WORDS("--user=svc", "x"));
	scenario.machine.facts.process.status.uid = scenario.machine.facts.process.status.euid = 1000;
	scenario.machine.facts.process.status.gid = scenario.machine.facts.process.status.egid = 77;
	scenario.machine.facts.process.status.permitted = scenario.machine.facts.process.status.effective = 0;
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_USER, "user")), NOTHING);
	scenario_close();
}

static void test_caps(void **state)
{
	static const uint64_t docker = UINT64_C(0xa80425fb);
	static const struct {
		const char *word;
		uint64_t permitted, bounding;
		const char *result;
		uint64_t keep;
	} cases[] = {
		{ "-q", docker, docker, NOTHING, 0 },
		{ "--keep-caps=all", docker, docker, NOTHING, 0 },
		{ "--keep-caps=none", docker, docker, "none", 0 },
		{ "--keep-caps=none", 0, docker, "none", 0 },
		{ "--keep-caps=none", 0, 0, NOTHING, 0 },
		{ "--keep-caps=net_bind_service", docker, docker, "keep net_bind_service", BIT(CAP_NET_BIND_SERVICE) },
		{ "--keep-caps=CAP_CHOWN,setuid", docker, docker, "keep CAP_CHOWN,setuid",
		  BIT(CAP_CHOWN) | BIT(CAP_SETUID) },
		/* Docker leaves that one out. */
		{ "--keep-caps=chown,sys_nice", docker, docker, "refused", 0 },
		{ "--off=caps", docker, docker, "off", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct operation *op;
		struct process_status *p = &scenario.machine.facts.process.status;

		scenario_open(HGX, no_variables, WORDS(cases[i].word, "x"));
		p->permitted = p->effective = cases[i].permitted;
		p->bounding = cases[i].bounding;
		p->inheritable = p->ambient = 0;
		scenario_decide();
		op = scenario_find(STEP_CAPS, NULL);
		assert_row_string(cases[i].word, scenario_result(op), cases[i].result);
		if (op->kind == OP_CAPS)
			assert_row_int(cases[i].word, (long long)op->u.caps.keep, (long long)cases[i].keep);
		if (op->outcome == OUTCOME_REFUSED)
			assert_row_contains(cases[i].word, op->why, "allocrun itself does not hold cap_sys_nice");
		scenario_close();
	}
	/* root stays root, unless it is said. */
	open_with_user(0, WORDS("--user=root", "x"));
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_CAPS, NULL)), NOTHING);
	scenario_close();
	/* For another user to keep them, they have to be set once more. */
	open_with_user(1234, WORDS("--user=svc", "--keep-caps=all", "x"));
	scenario.machine.facts.process.status.permitted = docker;
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_CAPS, NULL)), "keep all");
	assert_int_equal(scenario_find(STEP_CAPS, NULL)->u.caps.keep, docker);
	scenario_close();
}

static void test_no_new_privs(void **state)
{
	(void)state;
	scenario_open(HGX, no_variables, WORDS("--no-new-privs", "x"));
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_NO_NEW_PRIVS, NULL)), "set");
	assert_int_equal(scenario_find(STEP_NO_NEW_PRIVS, NULL)->kind, OP_NO_NEW_PRIVS);
	scenario_close();
	/* A pod under the "restricted" standard has it. */
	scenario_open("cgroup-v2-memory-max", no_variables, WORDS("--no-new-privs", "x"));
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_NO_NEW_PRIVS, NULL)), NOTHING);
	assert_string_equal(scenario_find(STEP_NO_NEW_PRIVS, NULL)->why, "already set");
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_thp),          SCENARIO_TEST(test_limits),           SCENARIO_TEST(test_oom_score),
		SCENARIO_TEST(test_user),         SCENARIO_TEST(test_user_that_we_are), SCENARIO_TEST(test_caps),
		SCENARIO_TEST(test_no_new_privs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
