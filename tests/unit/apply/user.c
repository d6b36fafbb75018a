/* SPDX-License-Identifier: Apache-2.0 */
/* User, groups, capabilities, no_new_privs: set, and read back from the kernel. */
#include <grp.h>
#include <unistd.h>
#include <linux/capability.h>

#include "support/apply_child.h"

static void test_user_and_capabilities(void **state)
{
	gid_t groups[] = { 7, NOBODY };
	const struct account_facts account = { .uid = 1234, .gid = NOBODY, .groups = groups, .n_groups = 2 };
	struct operation *op = add(STEP_USER, OP_USER);

	(void)state;
	op->u.account = &account;
	parts_add(&pool, &op->parts, "HOME", "/srv", "of the user");
	apply_in_child(false);
	assert_string_equal(result->home, "unset");
	assert_outcome(0, OUTCOME_REFUSED, "not permitted: changing the user needs CAP_SETUID and CAP_SETGID");
	if (geteuid() != 0)
		skip();
	add(STEP_CAPS, OP_CAPS)->u.caps.keep = UINT64_C(1) << CAP_NET_BIND_SERVICE;
	add(STEP_NO_NEW_PRIVS, OP_NO_NEW_PRIVS);
	apply_in_child(true);
	for (size_t i = 0; i < 3; i++) {
		assert_outcome(i, OUTCOME_DONE, "");
		assert_int_equal(result->uid[i], 1234);
		assert_int_equal(result->gid[i], NOBODY);
	}
	assert_string_equal(result->home, "/srv");
	assert_int_equal(result->n_groups, 2);
	assert_int_equal(result->groups[0], 7);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(result->capabilities[i], "0000000000000400");
	assert_int_equal(result->no_new_privs, 1);
	plan.operations[1].u.caps.keep = 0;
	apply_in_child(true);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(result->capabilities[i], "0000000000000000");
}

/* All or nothing: a server that keeps root's user must not run with another's groups. */
static void test_half_a_user(void **state)
{
	gid_t groups[] = { 7 };
	/* -1 means "leave alone" to setresuid(2), so that the groups go and the user stays. */
	const struct account_facts account = { .uid = UINT32_MAX, .gid = NOBODY, .groups = groups, .n_groups = 1 };
	struct operation *op = add(STEP_USER, OP_USER);
	gid_t before[8];
	int n_before = getgroups(8, before);

	(void)state;
	if (geteuid() != 0)
		skip();
	op->u.account = &account;
	parts_add(&pool, &op->parts, "HOME", "/srv", "of the user");
	apply_in_child(true);
	assert_int_equal(result->outcomes[0], OUTCOME_REFUSED);
	assert_int_equal(result->uid[0], 0);
	assert_int_equal(result->gid[0], getgid());
	assert_int_equal(result->gid[1], getegid());
	assert_int_equal(result->n_groups, n_before);
	assert_memory_equal(result->groups, before, (size_t)n_before * sizeof *before);
	assert_string_equal(result->home, "unset");
}

static void test_capabilities_refused(void **state)
{
	(void)state;
	add(STEP_CAPS, OP_CAPS)->u.caps.keep = 0;
	apply_in_child(false);
	assert_outcome(0, OUTCOME_REFUSED, "not permitted: dropping from the bounding set needs CAP_SETPCAP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESULT_TEST(test_user_and_capabilities),
		RESULT_TEST(test_half_a_user),
		RESULT_TEST(test_capabilities_refused),
	};

	return cmocka_run_group_tests(tests, map_result, unmap_result);
}
