/* SPDX-License-Identifier: Apache-2.0 */
/* Which policy files are read, in which order, and what becomes of broken ones. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "audit/runner.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"

#define CONF "/etc/allocrun/policy.conf"
#define DROP_IN(name) "/etc/allocrun/policy.d/" name

static int load(struct options *o, const char **error)
{
	*error = NULL;
	o->check_ids = runner_list_ids(&pool, checks);
	return policy_file_load(&pool, &tree.root, o, error);
}

static void test_none(void **state)
{
	struct options o = { 0 };
	const char *error;

	(void)state;
	assert_int_equal(load(&o, &error), 0);
	assert_null(o.policy_problem);
	assert_int_equal(o.n_policy_files, 0);
	/* A file where the folders are looked for is not there, either. */
	tree_write(&tree, "/etc/allocrun", "x");
	assert_int_equal(load(&o, &error), 0);
	assert_null(o.policy_problem);
}

static void test_drop_ins_in_order(void **state)
{
	struct options o = { 0 };
	const char *error;

	(void)state;
	tree_write(&tree, CONF, "[launch]\nnuma = off\nthp = off\ncore = 0\nconf = narenas:1\n");
	tree_write(&tree, DROP_IN("10-b.conf"), "[launch]\nthp = on\nconf = narenas:3\n");
	tree_write(&tree, DROP_IN("05-a.conf"), "[launch]\nnuma = gpu\nthp = advised\nconf = narenas:2,retain:true\n");
	/* No drop-ins: another ending, and none before it. */
	tree_write(&tree, DROP_IN("20-c.conf.bak"), "[launch]\nnuma = 3\n");
	tree_write(&tree, DROP_IN("README"), "not ini at all\n");
	tree_write(&tree, DROP_IN(".conf"), "[launch]\nnuma = 4\n");
	assert_int_equal(load(&o, &error), 0);
	assert_null(o.policy_problem);
	assert_int_equal(o.n_policy_files, 3);
	assert_string_equal(o.policy_files[0], CONF);
	assert_string_equal(o.policy_files[1], DROP_IN("05-a.conf"));
	assert_string_equal(o.policy_files[2], DROP_IN("10-b.conf"));
	assert_string_equal(o.settings[KEY_CORE].where, CONF ":4");
	assert_string_equal(o.settings[KEY_NUMA].text, "gpu");
	assert_string_equal(o.settings[KEY_NUMA].where, DROP_IN("05-a.conf") ":2");
	assert_string_equal(o.settings[KEY_THP].text, "on");
	assert_string_equal(o.settings[KEY_THP].where, DROP_IN("10-b.conf") ":2");
	/* Option strings add up; the later key wins when they are parsed. */
	assert_string_equal(o.confs[0][ORIGIN_POLICY_FILE].text, "narenas:1,narenas:2,retain:true,narenas:3");
}

static void test_drop_in_alone(void **state)
{
	struct options o = { 0 };
	const char *error;

	(void)state;
	tree_write(&tree, DROP_IN("a.conf"), "[profile x]\nnuma = off\n");
	assert_int_equal(load(&o, &error), 0);
	assert_int_equal(o.n_policy_files, 1);
	assert_int_equal(o.n_profiles, 1);
}

/* Half a policy is a policy that nobody wrote. */
static void test_broken_default_is_ignored_as_a_whole(void **state)
{
	struct options o = { .settings = { [KEY_CORE] = { "inherit", ORIGIN_BUILT_IN, "built in" } } };
	const char *error;

	(void)state;
	tree_write(&tree, CONF, "[launch]\nnuma = off\ncore = 0\nrequire = preload\n[profile x]\nnuma = off\n");
	tree_write(&tree, DROP_IN("a.conf"), "[launch]\nthp = on\nnumb = off\n");
	assert_int_equal(load(&o, &error), 0);
	assert_string_equal(o.policy_problem, DROP_IN("a.conf") ":3: no key 'numb' in [launch] (did you mean 'numa'?)");
	assert_null(o.settings[KEY_NUMA].text);
	assert_null(o.settings[KEY_THP].text);
	assert_string_equal(o.settings[KEY_CORE].text, "inherit");
	assert_int_equal(o.ladders[STEP_PRELOAD].origin, ORIGIN_BUILT_IN);
	assert_int_equal(o.n_profiles, 0);
	assert_int_equal(o.n_policy_files, 0);
}

static void test_unreadable_default(void **state)
{
	struct options o = { 0 };
	const char *error;

	(void)state;
	tree_mkdir(&tree, CONF);
	assert_int_equal(load(&o, &error), 0);
	assert_string_equal(o.policy_problem, CONF ": cannot be read: Is a directory");
	tree_remove(&tree, CONF);
	tree_symlink(&tree, CONF, CONF);
	o = (struct options){ 0 };
	assert_int_equal(load(&o, &error), 0);
	assert_string_equal(o.policy_problem, CONF ": cannot be read: Too many levels of symbolic links");
}

static void test_unreadable_folder(void **state)
{
	struct options o = { 0 };
	const char *error;

	(void)state;
	tree_symlink(&tree, "/etc/allocrun/policy.d", "policy.d");
	assert_int_equal(load(&o, &error), 0);
	/* It is the folder that cannot be read; that there is no policy.conf is nothing. */
	assert_non_null(o.policy_problem);
	assert_non_null(strstr(o.policy_problem, "/etc/allocrun/policy.d"));
	assert_null(strstr(o.policy_problem, "No such file"));
}

static void test_too_large(void **state)
{
	char *text = mem_alloc(&pool, 1024 * 1024 + 2);
	struct options o = { 0 };
	const char *error;

	(void)state;
	for (size_t i = 0; i < 1024 * 1024; i++)
		text[i] = i % 64 == 63 ? '\n' : '#';
	tree_write(&tree, CONF, text);
	assert_int_equal(load(&o, &error), 0);
	assert_null(o.policy_problem);
	text[1024 * 1024] = '\n';
	tree_write(&tree, CONF, text);
	assert_int_equal(load(&o, &error), 0);
	assert_string_equal(o.policy_problem, CONF ": cannot be read: File too large");
}

/* --policy: from the live machine, instead of the default files, and refused when broken. */
static void test_named_file(void **state)
{
	struct options o = { .policy = tree_outside(&tree, "/mine.conf") };
	const char *error;

	(void)state;
	tree_write(&tree, CONF, "[launch]\nthp = on\n");
	assert_int_equal(load(&o, &error), -EINVAL);
	assert_string_equal(error, mem_printf(&pool, "%s: cannot be read: No such file or directory", o.policy));
	tree_write(&tree, "/mine.conf", "[launch]\nnuma = off\nthpp = on\n");
	assert_int_equal(load(&o, &error), -EINVAL);
	assert_string_equal(error,
			    mem_printf(&pool, "%s:3: no key 'thpp' in [launch] (did you mean 'thp'?)", o.policy));
	o = (struct options){ .policy = o.policy };
	tree_write(&tree, "/mine.conf", "[launch]\nnuma = off\n");
	assert_int_equal(load(&o, &error), 0);
	assert_string_equal(o.settings[KEY_NUMA].text, "off");
	assert_null(o.settings[KEY_THP].text);
	assert_int_equal(o.n_policy_files, 1);
	assert_string_equal(o.policy_files[0], o.policy);
	assert_null(o.policy_problem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_none),
		TREE_TEST(test_drop_ins_in_order),
		TREE_TEST(test_drop_in_alone),
		TREE_TEST(test_broken_default_is_ignored_as_a_whole),
		TREE_TEST(test_unreadable_default),
		TREE_TEST(test_unreadable_folder),
		TREE_TEST(test_too_large),
		TREE_TEST(test_named_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
