/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every node check should say of every captured machine, good and bad. A machine
 * that is fine has no warn and no fail: that is what keeps the audit worth reading.
 */
#include <string.h>

#include "audit/runner.h"
#include "support/audit.h"

static const char *const machines[] = {
	"cgroup-v1-quota",     "cgroup-v2-memory-max",  "cpus-512-nodes-16",
	"hgx-8gpu-two-socket", "hybrid-cgroup-vm",      "laptop-one-node",
	"no-numa-sysfs",       "one-socket-four-nodes", "superchip-memory-only-nodes-64k",
};

#define MACHINES (sizeof machines / sizeof *machines)

/*
 * One letter for each machine in that order: o ok, s skip, u unknown, w warn, f fail.
 * No machine here can be asked to bind memory: with several nodes that is unknown. Nor
 * how full /dev/shm is: the machine's whole shmem may lie in one of 64 MiB, or none.
 */
static const struct expectation {
	const char *id;
	const char *letters;
} expectations[] = {
	/*                         v1, pod, 512, hgx, vm, laptop, no-numa, four-nodes, superchip */
	{ "mempolicy-allowed", "suuusssuu" },
	{ "autonuma", "sfofsssfo" },
	{ "gpu-nodes", "sososssoo" },
	{ "cpuless-nodes", "sooosssow" },
	{ "thp-mode", "owwwoosoo" },
	{ "thp-defrag", "oowoooswo" },
	{ "thp-inherited", "oooooosoo" },
	{ "thp-cmdline", "oowooosoo" },
	{ "memory-fragmentation", "oofoooswo" },
	{ "kernel-age", "ooooooooo" },
	{ "boot-parameters", "ooowooowo" },
	{ "iommu-mode", "swsossswo" },
	{ "oom-headroom", "ofooooooo" },
	{ "cgroup-limit", "oosssssss" },
	{ "page-cache", "ooooooooo" },
	{ "locked-memory", "ooooooooo" },
	{ "overcommit", "oowoooooo" },
	{ "swap", "ooowooooo" },
	{ "memlock-limit", "ooooooooo" },
	{ "hugetlb-pools", "sssosssss" },
	{ "shared-memory", "uuooooooo" },
	{ "max-map-count", "ooooooooo" },
	{ "allocator-environment", "ooooooooo" },
	{ "arenas-quota", "ooooooooo" },
	{ "page-size", "ooooooooo" },
	{ "builds-integrity", "ooooooooo" },
	{ "ld-so-preload", "ooooooooo" },
	{ "audit-limits", "ooooooooo" },
};

#define EXPECTATIONS (sizeof expectations / sizeof *expectations)

static enum check_status status_of_letter(char letter)
{
	static const char letters[] = "souwf"; /* in the order of enum check_status */
	const char *found = strchr(letters, letter);

	if (!found || !letter)
		fail_msg("no status '%c'", letter);
	return (enum check_status)(found - letters);
}

/* All that differs is told at once. */
static void test_expectations(void **state)
{
	const char *wrong = "";

	(void)state;
	for (size_t i = 0; i < MACHINES; i++) {
		audit_open(machines[i], NULL, NO_WORDS);
		for (size_t k = 0; k < EXPECTATIONS; k++) {
			struct finding finding = audit_find(expectations[k].id);

			if (finding.status != status_of_letter(expectations[k].letters[i]))
				print_message("%s on %s: got %s '%s', expected '%c'\n", expectations[k].id, machines[i],
					      check_status_name(finding.status), finding.observed,
					      expectations[k].letters[i]);
			if (finding.status != status_of_letter(expectations[k].letters[i]))
				wrong = "see above";
		}
		scenario_close();
	}
	assert_string_equal(wrong, "");
}

/* Each check has a row, and each row is of a check. */
static void test_no_check_without_an_expectation(void **state)
{
	(void)state;
	for (const struct check *check = checks; check->id; check++) {
		bool is_found = check->scope != SCOPE_NODE;

		for (size_t k = 0; k < EXPECTATIONS; k++)
			is_found = is_found || strcmp(expectations[k].id, check->id) == 0;
		if (!is_found)
			fail_msg("%s: no expectation", check->id);
	}
	for (size_t k = 0; k < EXPECTATIONS; k++) {
		assert_non_null(runner_find(checks, expectations[k].id));
		assert_int_equal(strlen(expectations[k].letters), MACHINES);
	}
}

/* What the report needs of a row, and that no two have one id. */
static void test_table(void **state)
{
	const char **ids = runner_list_ids(&pool, checks);
	size_t n = 0;

	(void)state;
	for (const struct check *check = checks; check->id; check++, n++) {
		print_message("%s\n", check->id);
		assert_string_equal(ids[n], check->id);
		assert_int_equal(strspn(check->id, "abcdefghijklmnopqrstuvwxyz-"), strlen(check->id));
		assert_ptr_equal(runner_find(checks, check->id), check);
		assert_true(check->assess && *check->title && *check->expected && *check->why && *check->fix &&
			    *check->section && check->needs);
		assert_int_equal(check->why[strlen(check->why) - 1], '.');
	}
	assert_string_equal(ids[n], runner_checks[0].id);
	assert_null(runner_find(checks, "no-such-check"));
}

static void test_thresholds(void **state)
{
	struct thresholds thresholds = thresholds_default();

	(void)state;
	for (int i = 0; i < THRESHOLD_COUNT; i++) {
		const struct threshold_row *row = &threshold_rows[i];

		assert_true(row->name && row->source && strlen(row->source) > 10);
		assert_in_range(row->value, row->least, row->most);
		assert_int_equal(thresholds.values[i], row->value);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(row->name, threshold_rows[k].name);
	}
}

static void test_status_names(void **state)
{
	static const char *const names[] = { "skip", "ok", "unknown", "warn", "fail" };

	(void)state;
	for (int i = CHECK_SKIP; i <= CHECK_FAIL; i++)
		assert_string_equal(check_status_name((enum check_status)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_expectations), SCENARIO_TEST(test_no_check_without_an_expectation),
		SCENARIO_TEST(test_table),        SCENARIO_TEST(test_thresholds),
		SCENARIO_TEST(test_status_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
