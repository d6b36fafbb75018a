/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "audit/runner.h"
#include "options/check_policy.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"

static const char *const ids[] = { "thp-defrag", "swap", "policy-file", NULL };
static struct check_policy policy;
static const char *error;

static int reset(void **state)
{
	(void)state;
	policy = (struct check_policy){ .n_ignores = 0 };
	error = NULL;
	return 0;
}

static int set(const char *name, const char *value)
{
	return check_policy_set(&pool, &policy, ids, name, value, "p.conf:2", &error);
}

static void test_thresholds(void **state)
{
	struct thresholds built_in = thresholds_default(), t;

	(void)state;
	t = check_policy_thresholds(&policy);
	assert_memory_equal(&t, &built_in, sizeof t);
	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		const struct threshold_row *row = &threshold_rows[i];

		assert_row_int(row->name, set(row->name, mem_printf(&pool, "%lld", (long long)row->least)), 0);
		assert_row_int(row->name, check_policy_thresholds(&policy).values[i], row->least);
		assert_row_int(row->name, set(row->name, mem_printf(&pool, "%lld", (long long)row->most)), 0);
		assert_row_int(row->name, check_policy_thresholds(&policy).values[i], row->most);
		assert_row_int(row->name, set(row->name, mem_printf(&pool, "%lld", (long long)row->most + 1)), -EINVAL);
		assert_row_int(row->name, set(row->name, mem_printf(&pool, "%lld", (long long)row->least - 1)),
			       -EINVAL);
	}
}

static void test_ignores(void **state)
{
	(void)state;
	assert_int_equal(set("ignore.thp-defrag", "we use hugetlb"), 0);
	assert_int_equal(set("ignore.swap", "until 2027-01-31: new nodes: they come in January"), 0);
	assert_int_equal(policy.n_ignores, 2);
	assert_string_equal(policy.ignores[0].reason, "we use hugetlb");
	assert_null(policy.ignores[0].until);
	assert_true(policy.ignores[0].end == INT64_MAX);
	assert_string_equal(policy.ignores[1].reason, "new nodes: they come in January");
	assert_string_equal(policy.ignores[1].until, "2027-01-31");
	/* The whole of that day, UTC. */
	assert_int_equal(policy.ignores[1].end, 1801440000);
	assert_string_equal(policy.ignores[1].where, "p.conf:2");
	/* A later file wins. */
	assert_int_equal(set("ignore.thp-defrag", "until  2028-02-29:other"), 0);
	assert_int_equal(policy.n_ignores, 2);
	assert_string_equal(policy.ignores[0].reason, "other");
	assert_string_equal(policy.ignores[0].until, "2028-02-29");
	/* A reason may begin like a date that it is not. */
	assert_int_equal(set("ignore.swap", "untilled fields"), 0);
	assert_string_equal(policy.ignores[1].reason, "untilled fields");
	assert_null(policy.ignores[1].until);
	assert_ptr_equal(check_policy_find_ignore(&policy, "swap"), &policy.ignores[1]);
	assert_null(check_policy_find_ignore(&policy, "policy-file"));
}

#define FORM "(write: ignore.ID = [until YYYY-MM-DD:] REASON)"

static const struct {
	const char *name, *value, *error;
} bad_values[] = {
	{ "ignore.thp-defarg", "x", "no check 'thp-defarg' to ignore (did you mean 'thp-defrag'?)" },
	{ "ignore.zzzzz", "x", "no check 'zzzzz' to ignore; see allocrun --check --list-checks" },
	{ "ignore.", "x", "no check '' to ignore; see allocrun --check --list-checks" },
	{ "ignore.swap", "", "an ignore needs a reason " FORM },
	{ "ignore.swap", "until the new kernel is out", "no ':' behind the date " FORM },
	{ "ignore.swap", "until the day: x", "'the day' is no date " FORM },
	{ "ignore.swap", "Until 2020-01-01: x", "a date has 'until ' before it " FORM },
	{ "ignore.swap", "UNTIL 2020-01-01: x", "a date has 'until ' before it " FORM },
	{ "ignore.swap", "until: x", "a date has 'until ' before it " FORM },
	{ "ignore.swap", "until\t2020-01-01: x", "a date has 'until ' before it " FORM },
	{ "ignore.swap", "until", "a date has 'until ' before it " FORM },
	{ "ignore.swap", "until 2027-01-31:", "an ignore needs a reason " FORM },
	{ "ignore.swap", "until 2027-01-31:  ", "an ignore needs a reason " FORM },
	{ "ignore.swap", "until 2027-01-31 x", "no ':' behind the date " FORM },
	{ "ignore.swap", "until 2027-02-30: x", "'2027-02-30' is no date " FORM },
	{ "ignore.swap", "until 2027-13-01: x", "'2027-13-01' is no date " FORM },
	{ "ignore.swap", "until 2027-1-31: x", "'2027-1-31' is no date " FORM },
	{ "ignore.swap", "until 2027- 1-31: x", "'2027- 1-31' is no date " FORM },
	{ "ignore.swap", "until 31.01.2027: x", "'31.01.2027' is no date " FORM },
	{ "ignore.swap", "until 2027-01-31 : x", "'2027-01-31 ' is no date " FORM },
	{ "ignore.swap", "until 2027-01-31T00: x", "'2027-01-31T00' is no date " FORM },
	{ "oom-headroom-wran", "80", "no key 'oom-headroom-wran' in [check] (did you mean 'oom-headroom-warn'?)" },
	{ "ignore", "swap", "no key 'ignore' in [check] (did you mean 'ignore.ID'?)" },
	{ "oom-headroom-warn", "", "bad value '' for oom-headroom-warn (a number from 1 to 100)" },
	{ "oom-headroom-warn", "80%", "bad value '80%' for oom-headroom-warn (a number from 1 to 100)" },
	{ "oom-headroom-warn", "101", "bad value '101' for oom-headroom-warn (a number from 1 to 100)" },
	{ "oom-headroom-warn", "99999999999999999999",
	  "bad value '99999999999999999999' for oom-headroom-warn (a number from 1 to 100)" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_values / sizeof *bad_values; i++) {
		assert_row_int(bad_values[i].value, set(bad_values[i].name, bad_values[i].value), -EINVAL);
		assert_row_string(bad_values[i].value, error, bad_values[i].error);
	}
	assert_int_equal(policy.n_ignores, 0);
}

static void test_order(void **state)
{
	(void)state;
	assert_int_equal(check_policy_verify(&pool, &policy, &error), 0);
	assert_int_equal(set("oom-headroom-warn", "95"), 0);
	assert_int_equal(check_policy_verify(&pool, &policy, &error), -EINVAL);
	assert_string_equal(error, "p.conf:2: oom-headroom-warn (95) lies beyond oom-headroom-fail (92)");
	assert_int_equal(set("oom-headroom-fail", "95"), 0);
	assert_int_equal(check_policy_verify(&pool, &policy, &error), 0);
	/* Of this one the high values are the good ones. */
	assert_int_equal(set("gpu-local-fail", "97"), 0);
	assert_int_equal(check_policy_verify(&pool, &policy, &error), -EINVAL);
	assert_string_equal(error, "p.conf:2: gpu-local-warn (95) lies beyond gpu-local-fail (97)");
}

static int parse_file(const char *text)
{
	struct options o = { .mode = MODE_CHECK, .check_ids = runner_list_ids(&pool, checks) };
	int r = policy_file_parse(&pool, &o, "p.conf", text, strlen(text), &error);

	policy = o.check_policy;
	return r;
}

/* As inih cuts the lines of a file. */
static void test_file(void **state)
{
	(void)state;
	assert_int_equal(parse_file("[check]\n"
				    "# known\n"
				    "oom-headroom-warn = 70 ; tight\n"
				    "ignore.policy-file : until 2027-01-31: a, b = c; and d\n"),
			 0);
	assert_int_equal(check_policy_thresholds(&policy).values[THRESHOLD_OOM_HEADROOM_WARN], 70);
	assert_string_equal(policy.thresholds[THRESHOLD_OOM_HEADROOM_WARN].where, "p.conf:3");
	assert_string_equal(policy.ignores[0].id, "policy-file");
	assert_string_equal(policy.ignores[0].until, "2027-01-31");
	assert_string_equal(policy.ignores[0].reason, "a, b = c; and d");
	assert_string_equal(policy.ignores[0].where, "p.conf:4");
	assert_int_equal(parse_file("[check]\nignore.policy-file =\n"), -EINVAL);
	assert_string_equal(error, "p.conf:2: an ignore needs a reason " FORM);
	assert_int_equal(parse_file("[check]\n\nignore.plicy-file = x\n"), -EINVAL);
	assert_string_equal(error, "p.conf:3: no check 'plicy-file' to ignore (did you mean 'policy-file'?)");
	assert_int_equal(parse_file("[check ]\nspare = 1\n"), -EINVAL);
	assert_string_equal(error, "p.conf:1: no section [check ] (did you mean 'check'?)");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, pool_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_thresholds), CASE(test_ignores), CASE(test_errors), CASE(test_order), CASE(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
