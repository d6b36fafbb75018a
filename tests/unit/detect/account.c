/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "detect/detectors.h"
#include "support/pool.h"

#define PASSWD \
	"root:x:0:0:root:/root:/bin/bash\n" \
	"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" \
	"svc:x:1234:77:Server,,,:/srv/svc:/bin/sh\n" \
	"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" \
	"twin:x:1234:88::/srv/twin:/bin/sh\n" \
	"biggest:x:4294967294:4294967294::/:/bin/sh\n" \
	"minus-one:x:4294967295:1::/:/bin/sh\n" \
	"of-minus-one:x:7:4294967295::/:/bin/sh\n"
#define GROUP \
	"root:x:0:\n" \
	"video:x:44:svc,root\n" \
	"svc:x:77:\n" \
	"render:x:109:root,svc,nobody\n" \
	"svc2:x:78:svc2\n" \
	"own:x:77:svc\n" \
	"nogroup:x:65534:\n" \
	"minus-one:x:4294967295:daemon\n" \
	"500:x:9500:\n"

static int open_tree(void **state)
{
	tree_set_up(state);
	tree_write(&tree, "/etc/passwd", PASSWD);
	tree_write(&tree, "/etc/group", GROUP);
	return 0;
}

struct account_case {
	const char *user;
	const char *name, *home;
	int64_t uid, gid;
	const char *groups; /* "44,77" in their order */
};

static const struct account_case account_cases[] = {
	{ "svc", "svc", "/srv/svc", 1234, 77, "44,109,77" },
	{ "root", "root", "/root", 0, 0, "44,109,0" },
	{ "nobody", "nobody", "/nonexistent", 65534, 65534, "109,65534" },
	{ "daemon", "daemon", "/usr/sbin", 1, 1, "1" },
	/* Numbers: with the entry that has them, if there is one. */
	{ "1234", "svc", "/srv/svc", 1234, 77, "44,109,77" },
	{ "0", "root", "/root", 0, 0, "44,109,0" },
	{ "5000:6000", NULL, NULL, 5000, 6000, "6000" },
	{ "5000:video", NULL, NULL, 5000, 44, "44" },
	{ "4294967294:1", "biggest", "/", 4294967294, 1, "1" },
	/* A group of its own replaces the one of /etc/passwd; memberships stay. */
	{ "svc:nogroup", "svc", "/srv/svc", 1234, 65534, "44,109,77,65534" },
	{ "svc:video", "svc", "/srv/svc", 1234, 44, "44,109,77" },
	{ "svc:9", "svc", "/srv/svc", 1234, 9, "44,109,77,9" },
	{ "root:0", "root", "/root", 0, 0, "44,109,0" },
	{ "1234:svc2", "svc", "/srv/svc", 1234, 78, "44,109,77,78" },
	/* The name before the number, for both. */
	{ "twin", "twin", "/srv/twin", 1234, 88, "88" },
};

static const char *groups_of(const struct account_facts *a)
{
	char *text = mem_strdup(&pool, "");

	for (size_t i = 0; i < a->n_groups; i++)
		text = mem_printf(&pool, "%s%s%u", text, i ? "," : "", a->groups[i]);
	return text;
}

static void test_accounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof account_cases / sizeof *account_cases; i++) {
		const struct account_case *c = &account_cases[i];
		struct account_facts a;

		account_detect(&tree.root, &pool, c->user, &a);
		assert_row_string(c->user, a.problem, NULL);
		assert_row_string(c->user, a.name, c->name);
		assert_row_string(c->user, a.home, c->home);
		assert_row_int(c->user, a.uid, c->uid);
		assert_row_int(c->user, a.gid, c->gid);
		assert_row_string(c->user, groups_of(&a), c->groups);
	}
}

static void test_problems(void **state)
{
	static const struct {
		const char *user, *problem;
	} cases[] = {
		{ "nobdy", "no user 'nobdy' in /etc/passwd" },
		{ "SVC", "no user 'SVC' in /etc/passwd" },
		{ "sv", "no user 'sv' in /etc/passwd" },
		{ "svc:vide", "no group 'vide' in /etc/group" },
		{ "5000:nope", "no group 'nope' in /etc/group" },
		{ "5000", "UID 5000 has no entry in /etc/passwd: give UID:GID" },
		/* -1 means "leave alone" to setresuid(2); what does not fit is no number. */
		{ "4294967295:1", "no user '4294967295' in /etc/passwd" },
		{ "4294967296:1", "no user '4294967296' in /etc/passwd" },
		{ "99999999999999999999:1", "no user '99999999999999999999' in /etc/passwd" },
		{ "svc:4294967295", "no group '4294967295' in /etc/group" },
		{ "-1", "no user '-1' in /etc/passwd" },
		{ "+5", "no user '+5' in /etc/passwd" },
		/* "Leave it as it is" to the kernel: root would stay root. */
		{ "minus-one", "no user 'minus-one' in /etc/passwd" },
		{ "of-minus-one", "no user 'of-minus-one' in /etc/passwd" },
		{ "svc:minus-one", "no group 'minus-one' in /etc/group" },
		{ "5x", "no user '5x' in /etc/passwd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct account_facts a;

		account_detect(&tree.root, &pool, cases[i].user, &a);
		assert_row_string(cases[i].user, a.problem, cases[i].problem);
	}
}

/* Numbers need no files: an image made from scratch has none. */
static void test_without_files(void **state)
{
	struct account_facts a;

	(void)state;
	tree_remove(&tree, "/etc/passwd");
	tree_remove(&tree, "/etc/group");
	account_detect(&tree.root, &pool, "1000:1000", &a);
	assert_null(a.problem);
	assert_int_equal(a.uid, 1000);
	assert_int_equal(a.gid, 1000);
	assert_string_equal(groups_of(&a), "1000");
	account_detect(&tree.root, &pool, "svc", &a);
	assert_string_equal(a.problem, "no user 'svc' in /etc/passwd");
	account_detect(&tree.root, &pool, "1000", &a);
	assert_string_equal(a.problem, "UID 1000 has no entry in /etc/passwd: give UID:GID");
}

/* Broken lines are passed over, the good ones read. */
static void test_garbage(void **state)
{
	struct account_facts a;
	struct garbage forms[GARBAGE_FORMS];

	(void)state;
	tree_write(&tree, "/etc/passwd",
		   ":\n\n#x\nsvc\nsvc:x\nsvc:x:abc:1:::\nbad:x:-1:1:::\n"
		   "svc:x:1234:77::/srv:/bin/sh\n");
	tree_write(&tree, "/etc/group", "video:x\nvideo:x:4x:svc\nvideo:x:44:svc");
	account_detect(&tree.root, &pool, "svc:video", &a);
	assert_null(a.problem);
	assert_int_equal(a.uid, 1234);
	assert_int_equal(a.gid, 44);
	assert_string_equal(groups_of(&a), "44");
	garbage_forms(&pool, forms);
	for (size_t i = 0; i < GARBAGE_FORMS; i++) {
		if (!forms[i].bytes)
			continue;
		tree_write_bytes(&tree, "/etc/passwd", forms[i].bytes, forms[i].size);
		tree_write_bytes(&tree, "/etc/group", forms[i].bytes, forms[i].size);
		account_detect(&tree.root, &pool, "svc", &a);
		assert_row_string(forms[i].name, a.problem, "no user 'svc' in /etc/passwd");
		account_detect(&tree.root, &pool, "7:8", &a);
		assert_row_string(forms[i].name, a.problem, NULL);
		assert_row_int(forms[i].name, a.uid, 7);
	}
}

#define OWN_TREE_TEST(function) cmocka_unit_test_setup_teardown(function, open_tree, tree_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TREE_TEST(test_accounts),
		OWN_TREE_TEST(test_problems),
		OWN_TREE_TEST(test_without_files),
		OWN_TREE_TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
