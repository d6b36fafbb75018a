/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher writes into its record is what the audit reads out of it. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/mempolicy.h>

#include "decide/plan.h"
#include "report/report.h"
#include "support/process_case.h"

#define CPUS "0-5,64"
#define NODES "1,3"
#define KEPT (UINT64_C(1) << 63 | UINT64_C(1) << 14 | 1)

static struct plan plan;
static struct bitmap cpus;
static struct mempolicy policies[2];
static const struct account_facts account = { .uid = 1000, .gid = 1001 };

static struct operation *add(enum step step, enum operation_kind kind, const char *words)
{
	struct operation *op = plan_add(&pool, &plan, step, kind, "(words)", LADDER_PREFER);

	op->value = words;
	op->why = "a test";
	op->outcome = OUTCOME_DONE;
	return op;
}

/* An operation of every kind, whose words nobody could parse. */
static void make_plan(void)
{
	struct operation *op;

	plan = (struct plan){ .profile = "balanced" };
	assert_int_equal(bitmap_parse_list(CPUS, &cpus), 0);
	policies[0] = (struct mempolicy){ .mode = MPOL_PREFERRED_MANY };
	assert_int_equal(bitmap_parse_list(NODES, &policies[0].nodes), 0);
	policies[1] = (struct mempolicy){ .mode = MPOL_LOCAL };
	add(STEP_AFFINITY, OP_AFFINITY, "some CPUs")->u.cpus = &cpus;
	op = add(STEP_MEMPOLICY, OP_MEMPOLICY, "some memory");
	op->u.memory.choices = policies;
	op->u.memory.n_choices = 2;
	op = add(STEP_THP, OP_THP, "some pages");
	op->u.thp.disable = 1;
	op->u.thp.flags = 2;
	op = add(STEP_RLIMITS, OP_RLIMIT, "much");
	op->u.rlimit.resource = RLIMIT_MEMLOCK;
	op->u.rlimit.limit = (struct limit){ 8 << 20, FACT_UNLIMITED };
	op = add(STEP_RLIMITS, OP_RLIMIT, "little");
	op->u.rlimit.resource = RLIMIT_CORE;
	op->u.rlimit.limit = (struct limit){ 0, 0 };
	add(STEP_OOM_SCORE, OP_OOM_SCORE, "less")->u.oom_score_adj = -1;
	op = add(STEP_OPTIONS, OP_ENVIRONMENT, "some options");
	op->u.environment.variable = "MALLOC_CONF";
	op->u.environment.text = "narenas:3,dirty_decay_ms:-1";
	add(STEP_OPTIONS, OP_ENVIRONMENT, "(gone)")->u.environment.variable = "GLIBC_TUNABLES";
	add(STEP_PRELOAD, OP_CHILDREN, "a,b");
	add(STEP_USER, OP_USER, "somebody")->u.account = &account;
	add(STEP_CAPS, OP_CAPS, "some")->u.caps.keep = KEPT;
	add(STEP_NO_NEW_PRIVS, OP_NO_NEW_PRIVS, "yes");
}

/* The record of the server in process_case.h, written by the launcher that became it. */
static void write_and_read(void)
{
	const struct options options = { .mode = MODE_LAUNCH };
	char *environment[] = { NULL }, *text;

	make_plan();
	machine.is_live = true;
	machine.process.start_time = p->start_time;
	p->status.inner_pid = getpid();
	text = report_plan_json(&pool, &machine, &options, &plan, environment, NULL);
	record = (struct live_record){ .path = mem_strdup(&pool, "/run/allocrun/4711.json") };
	live_record_parse(&pool, text, strlen(text), p, &record);
	assert_null(record.problem);
	assert_int_equal(record.n_steps, plan.n_operations);
	p->record = &record;
}

static const struct live_set *set_of(enum live_set_kind kind, size_t nth)
{
	for (size_t i = 0; i < record.n_steps; i++) {
		if (record.steps[i].set.kind == kind && nth-- == 0)
			return &record.steps[i].set;
	}
	fail_msg("no step of kind %d", (int)kind);
	return NULL;
}

static void test_values(void **state)
{
	(void)state;
	write_and_read();
	assert_true(bitmap_is_equal(set_of(SET_CPUS, 0)->cpus, &cpus));
	assert_int_equal(set_of(SET_POLICY, 0)->policy, MPOL_PREFERRED_MANY);
	assert_true(bitmap_is_equal(set_of(SET_POLICY, 0)->nodes, &policies[0].nodes));
	assert_int_equal(set_of(SET_THP, 0)->thp, THP_PROCESS_EXCEPT_ADVISED);
	assert_string_equal(set_of(SET_LIMIT, 0)->resource, "memlock");
	assert_int_equal(set_of(SET_LIMIT, 0)->limit.soft, 8 << 20);
	assert_int_equal(set_of(SET_LIMIT, 0)->limit.hard, FACT_UNLIMITED);
	assert_string_equal(set_of(SET_LIMIT, 1)->resource, "core");
	assert_int_equal(set_of(SET_LIMIT, 1)->limit.soft, 0);
	assert_int_equal(set_of(SET_OOM_SCORE, 0)->oom_score_adj, -1);
	assert_string_equal(set_of(SET_VARIABLE, 0)->variable, "MALLOC_CONF");
	assert_string_equal(set_of(SET_VARIABLE, 0)->text, "narenas:3,dirty_decay_ms:-1");
	assert_null(set_of(SET_VARIABLE, 1)->text);
	assert_string_equal(set_of(SET_CHILDREN, 0)->text, "a,b");
	assert_int_equal(set_of(SET_USER, 0)->uid, 1000);
	assert_true(set_of(SET_CAPABILITIES, 0)->capabilities == KEPT);
	assert_non_null(set_of(SET_NO_NEW_PRIVS, 0));
	assert_string_equal(conf_find(&record.options, "narenas")->value, "3");
}

/* The server that this record speaks of, as the launch left it. */
static void launch(void)
{
	write_and_read();
	p->status.cpus = cpus;
	p->memory_policy = MPOL_PREFERRED_MANY;
	p->policy_nodes = policies[0].nodes;
	p->status.thp = THP_PROCESS_EXCEPT_ADVISED;
	p->limits.memlock.soft = 8 << 20;
	p->limits.core.soft = 0;
	p->limits.oom_score_adj = -1;
	p->status.uid = 1000;
	p->other_mounts = TRI_NO;
	p->status.effective = KEPT;
}

static void test_nothing_drifted(void **state)
{
	(void)state;
	launch();
	expect(audit_launch_record, "as it was", CHECK_OK, "every step done");
	launch();
	expect(audit_affinity_in_force, "as it was", CHECK_OK, "CPUs " CPUS);
	launch();
	expect(audit_mempolicy_in_force, "as it was", CHECK_OK, "preferred-many " NODES);
	launch();
	expect(audit_thp_in_force, "as it was", CHECK_OK, "some pages");
	launch();
	expect(audit_limits_in_force, "as it was", CHECK_OK, "locked memory: 8388608, core dumps: 0, oom-score: -1");
	launch();
	expect(audit_capabilities_left, "as it was", CHECK_OK, "some, user somebody");
}

static void test_drifted(void **state)
{
	(void)state;
	launch();
	bitmap_set(&p->status.cpus, 6);
	expect(audit_affinity_in_force, "a CPU more", CHECK_FAIL, "launched on some CPUs");
	launch();
	p->memory_policy = MPOL_BIND;
	expect(audit_mempolicy_in_force, "another mode", CHECK_WARN, "bind " NODES ", launched with some memory");
	launch();
	p->status.thp = THP_PROCESS_DISABLED;
	expect(audit_thp_in_force, "off", CHECK_FAIL, "switched off, launched with some pages");
	launch();
	p->limits.core.soft = 4096;
	expect(audit_limits_in_force, "core dumps", CHECK_WARN, "core dumps: 4096, launched with little");
	launch();
	p->status.effective |= 1 << 21;
	expect(audit_capabilities_left, "one more", CHECK_FAIL, "in effect are cap_sys_admin, launched with some");
	launch();
	p->status.uid = 0;
	expect(audit_capabilities_left, "root", CHECK_FAIL, "its user is 0, launched as somebody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_TEST(test_values),
		CASE_TEST(test_nothing_drifted),
		CASE_TEST(test_drifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
