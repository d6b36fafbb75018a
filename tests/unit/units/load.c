/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a tree, as systemd would find and order them. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/pool.h"
#include "units/units.h"

#define ETC "/etc/systemd/system/"
#define RUN "/run/systemd/system/"
#define USR "/usr/lib/systemd/system/"
#define A "[Service]\nExecStart="
#define RESET "[Service]\nExecStart=\nExecStart="

static void link_to(const char *path, const char *target)
{
	tree_write(&tree, path, "");
	assert_int_equal(unlink(tree_outside(&tree, path)), 0);
	assert_int_equal(symlink(target, tree_outside(&tree, path)), 0);
}

/* "a|b" of all commands, or "! why". */
static const char *load(const char *name)
{
	struct unit u;
	struct unit_index index;
	char *text = mem_strdup(&pool, "");

	unit_index_read(&tree.root, &pool, &index);
	unit_load(&tree.root, &pool, &index, name, &u);
	if (u.problem)
		return mem_printf(&pool, "! %s", u.problem);
	for (size_t i = 0; i < u.settings[UNIT_EXEC_START].n; i++)
		text = mem_printf(&pool, "%s%s%s", text, *text ? "|" : "", u.settings[UNIT_EXEC_START].items[i].value);
	return text;
}

static void test_file(void **state)
{
	(void)state;
	assert_string_equal(load("a.service"), "! there is no file of this unit");
	tree_write(&tree, USR "a.service", A "/usr");
	assert_string_equal(load("a.service"), "/usr");
	tree_write(&tree, RUN "a.service", A "/run");
	assert_string_equal(load("a.service"), "/run");
	tree_write(&tree, ETC "a.service", A "/etc");
	assert_string_equal(load("a.service"), "/etc");
	/* What generators make is not there when ours runs. */
	tree_write(&tree, "/run/systemd/generator/b.service", A "/generated");
	assert_string_equal(load("b.service"), "! there is no file of this unit");
}

static void test_masked(void **state)
{
	(void)state;
	tree_write(&tree, USR "a.service", A "/usr");
	link_to(ETC "a.service", "/dev/null");
	assert_string_equal(load("a.service"), "! it is masked: " ETC "a.service");
	tree_write(&tree, ETC "b.service", "");
	assert_string_equal(load("b.service"), "! it is masked: " ETC "b.service");
}

static void test_links(void **state)
{
	(void)state;
	tree_write(&tree, USR "a.service", A "/usr");
	link_to(ETC "other.service", "/usr/lib/systemd/system/a.service");
	assert_string_equal(load("other.service"),
			    "! " ETC "other.service is another name of a.service: write that one");
	/* Drop-ins of its other name are its own. */
	tree_write(&tree, ETC "other.service.d/x.conf", RESET "/other");
	assert_string_equal(load("a.service"), "/other");
	/* systemctl link */
	tree_write(&tree, "/opt/linked.service", A "/linked");
	link_to(ETC "linked.service", "/opt/linked.service");
	assert_string_equal(load("linked.service"), "/linked");
	link_to(ETC "lost.service", "/opt/nowhere/lost.service");
	assert_string_equal(load("lost.service"), "! " ETC "lost.service: cannot be read: No such file or directory");
}

/* By name over all folders; of equal names that of the first folder. */
static void test_drop_ins(void **state)
{
	(void)state;
	tree_write(&tree, USR "a-b.service", A "/0");
	tree_write(&tree, USR "a-b.service.d/50-x.conf", RESET "/50");
	assert_string_equal(load("a-b.service"), "/50");
	tree_write(&tree, ETC "a-b.service.d/10-y.conf", RESET "/10");
	assert_string_equal(load("a-b.service"), "/50");
	tree_write(&tree, ETC "a-b.service.d/50-x.conf", RESET "/mine");
	assert_string_equal(load("a-b.service"), "/mine");
	/* The folder of the prefix and that of all services; the unit's own of one name hides theirs. */
	tree_write(&tree, ETC "a-.service.d/60.conf", RESET "/prefix");
	assert_string_equal(load("a-b.service"), "/prefix");
	tree_write(&tree, ETC "service.d/70.conf", RESET "/all");
	assert_string_equal(load("a-b.service"), "/all");
	tree_write(&tree, USR "a-b.service.d/70.conf", RESET "/own");
	assert_string_equal(load("a-b.service"), "/own");
	/* An empty one hides as well. */
	link_to(ETC "a-b.service.d/70.conf", "/dev/null");
	assert_string_equal(load("a-b.service"), "/prefix");
	tree_write(&tree, ETC "a-b.service.d/60.conf", "");
	assert_string_equal(load("a-b.service"), "/mine");
	/* Neither an editor's nor of another kind. */
	tree_write(&tree, ETC "a-b.service.d/.90.conf", RESET "/hidden");
	tree_write(&tree, ETC "a-b.service.d/90.conf~", RESET "/backup");
	tree_write(&tree, ETC "b.service.d/90.conf", RESET "/another");
	assert_string_equal(load("a-b.service"), "/mine");
	tree_write(&tree, ETC "a-b.service.d/80.conf", "nonsense");
	assert_string_equal(load("a-b.service"), "! " ETC "a-b.service.d/80.conf:1: neither 'Key=value' nor [Section]");
}

static void test_templates(void **state)
{
	struct unit_index index;
	char **instances;

	(void)state;
	tree_write(&tree, USR "w@.service", A "/usr %i");
	assert_string_equal(load("w@.service"), "/usr %i");
	assert_string_equal(load("w@1.service"), "/usr %i");
	tree_write(&tree, ETC "w@.service.d/a.conf", RESET "/template %i");
	tree_write(&tree, ETC "w@2.service.d/b.conf", RESET "/two");
	assert_string_equal(load("w@1.service"), "/template %i");
	assert_string_equal(load("w@2.service"), "/two");
	/* Of one name the instance's. */
	tree_write(&tree, ETC "w@2.service.d/a.conf", RESET "/two again");
	unlink(tree_outside(&tree, ETC "w@2.service.d/b.conf"));
	assert_string_equal(load("w@2.service"), "/two again");
	tree_write(&tree, USR "w@3.service", A "/three");
	assert_string_equal(load("w@3.service"), "/template %i");
	tree_write(&tree, USR "wide@4.service", A "/four");
	unit_index_read(&tree.root, &pool, &index);
	instances = unit_list_instances(&pool, &index, "w@.service");
	assert_string_equal(instances[0], "w@2.service");
	assert_string_equal(instances[1], "w@3.service");
	assert_null(instances[2]);
	instances = unit_list_instances(&pool, &index, "none@.service");
	assert_null(instances[0]);
}

/* What comes behind ours would take it back in silence. */
static void test_behind_ours(void **state)
{
	(void)state;
	tree_write(&tree, USR "a.service", A "/0");
	tree_write(&tree, ETC "a.service.d/zzz.conf", "[Service]\nUser=x\n");
	assert_string_equal(load("a.service"), "/0");
	tree_write(&tree, ETC "a.service.d/zzz.conf", RESET "/z");
	assert_string_equal(load("a.service"),
			    "! " ETC
			    "a.service.d/zzz.conf sets ExecStart= behind zz-allocrun.conf: give it another name");
}

static struct unit_decision *decide_policy(const char *const *names, size_t *n)
{
	static const struct units_launcher launcher = { "/bin/allocrun", "/lib/allocrun" };
	struct unit_policy policy = { .n = 0 };
	const char *error;

	for (; *names; names += 2)
		assert_int_equal(unit_policy_set(&pool, &policy, names[0], names[1], "p:1", &error), 0);
	return units_decide(&tree.root, &pool, &policy, &launcher, n);
}

static void test_off(void **state)
{
	static const char *const names[] = { "a.service", "on", "b.service", "off", "c.service", "on", NULL };
	struct unit_decision *d;
	size_t n;

	(void)state;
	tree_write(&tree, USR "a.service", A "/0");
	tree_write(&tree, USR "b.service", A "/0");
	tree_write(&tree, USR "c.service", A "/0");
	tree_write(&tree, ETC "c.service.d/zz-allocrun.conf", "");
	d = decide_policy(names, &n);
	assert_int_equal(n, 3);
	assert_int_equal(d[0].outcome, UNIT_FRONT);
	assert_int_equal(d[1].outcome, UNIT_OFF);
	assert_null(d[1].text);
	assert_int_equal(d[2].outcome, UNIT_OFF);
	assert_null(d[2].text);
	assert_string_equal(d[2].reason, "by " ETC "c.service.d/zz-allocrun.conf");
}

/* An instance that says something else than its template, is off, or is not understood: none of it is overruled. */
static void test_instances(void **state)
{
	static const char *const names[] = { "w@.service", "on", "w@off.service", "off", NULL };
	struct unit_decision *d;
	size_t n;

	(void)state;
	tree_write(&tree, USR "w@.service", A "/usr %i");
	tree_write(&tree, ETC "w@own.service.d/x.conf", RESET "/own");
	tree_write(&tree, ETC "w@bad.service.d/x.conf", RESET "own");
	d = decide_policy(names, &n);
	assert_int_equal(n, 4);
	assert_string_equal(d[0].name, "w@.service");
	assert_string_equal(d[0].commands[0], "/bin/allocrun -- /usr %i");
	assert_string_equal(d[1].name, "w@bad.service");
	assert_int_equal(d[1].outcome, UNIT_LEFT);
	assert_string_equal(d[1].text, "");
	assert_string_equal(d[2].name, "w@own.service");
	assert_string_equal(d[2].commands[0], "/bin/allocrun -- /own");
	assert_string_equal(d[3].name, "w@off.service");
	assert_int_equal(d[3].outcome, UNIT_OFF);
	assert_string_equal(d[3].text, "");
}

static void test_write(void **state)
{
	static const char *const names[] = { "a.service", "on", NULL };
	struct unit_decision *d;
	size_t n;
	char *text;

	(void)state;
	tree_write(&tree, USR "a.service", A "/0");
	d = decide_policy(names, &n);
	assert_int_equal(mkdir(tree_outside(&tree, "/late"), 0755), 0);
	assert_int_equal(unit_write(&pool, tree_outside(&tree, "/late"), &d[0]), 0);
	assert_int_equal(root_read(&tree.root, &pool, "/late/a.service.d/zz-allocrun.conf", 4096, &text, NULL), 0);
	assert_string_equal(text, d[0].text);
	assert_true(unit_write(&pool, tree_outside(&tree, "/nowhere"), &d[0]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_file),     TREE_TEST(test_masked),    TREE_TEST(test_links),
		TREE_TEST(test_drop_ins), TREE_TEST(test_templates), TREE_TEST(test_behind_ours),
		TREE_TEST(test_off),      TREE_TEST(test_instances), TREE_TEST(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
