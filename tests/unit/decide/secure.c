/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AT_SECURE, with which the loader drops LD_PRELOAD. Each row was tried on Linux 6.18
 * with a program that prints getauxval(AT_SECURE); security/commoncap.c agrees.
 */
#include "support/scenario.h"

#define JEMALLOC "/opt/allocrun/lib/allocrun/jemalloc/libjemalloc.so.2:" SCENARIO_CHILDREN

struct secure_case {
	const char *name;
	const char *word;             /* an option */
	int64_t uid, gid;             /* of the process */
	int64_t owner_uid, owner_gid; /* of the program */
	bool is_setuid, is_setgid;
	enum tristate file_capabilities, no_new_privs, nosuid;
	const char *what; /* NULL: not secure */
};

static const struct secure_case secure_cases[] = {
	{ "ordinary, root's", "-q", 1000, 1000, 0, 0, false, false, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setuid root", "-q", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_NO, TRI_NO, "setuid" },
	{ "setuid root, nosuid unknown", "-q", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_NO, TRI_UNKNOWN, "setuid" },
	{ "setuid root, by root", "-q", 0, 0, 0, 0, true, false, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setuid other, by root", "-q", 0, 0, 1000, 1000, true, false, TRI_NO, TRI_NO, TRI_NO, "setuid" },
	{ "setuid own", "-q", 1000, 1000, 1000, 0, true, false, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setgid other", "-q", 1000, 1000, 0, 42, false, true, TRI_NO, TRI_NO, TRI_NO, "setgid" },
	{ "setgid own", "-q", 1000, 42, 0, 42, false, true, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setgid other, by root", "-q", 0, 0, 0, 42, false, true, TRI_NO, TRI_NO, TRI_NO, "setgid" },
	{ "both, own user", "-q", 1000, 1000, 1000, 42, true, true, TRI_NO, TRI_NO, TRI_NO, "setgid" },
	{ "file-capped", "-q", 1000, 1000, 0, 0, false, false, TRI_YES, TRI_NO, TRI_NO, "file-capped" },
	{ "file-capped, by root", "-q", 0, 0, 0, 0, false, false, TRI_YES, TRI_NO, TRI_NO, NULL },
	{ "capabilities unknown", "-q", 1000, 1000, 0, 0, false, false, TRI_UNKNOWN, TRI_NO, TRI_NO, NULL },
	/* A mount with nosuid takes all three away. */
	{ "setuid, nosuid", "-q", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_NO, TRI_YES, NULL },
	{ "setgid, nosuid", "-q", 1000, 1000, 0, 42, false, true, TRI_NO, TRI_NO, TRI_YES, NULL },
	{ "file-capped, nosuid", "-q", 1000, 1000, 0, 0, false, false, TRI_YES, TRI_NO, TRI_YES, NULL },
	/* no_new_privs takes the first two away. */
	{ "setuid, no_new_privs", "-q", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_YES, TRI_NO, NULL },
	{ "setgid, no_new_privs", "-q", 1000, 1000, 0, 42, false, true, TRI_NO, TRI_YES, TRI_NO, NULL },
	{ "setuid, no_new_privs unknown", "-q", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_UNKNOWN, TRI_NO, "setuid" },
	{ "setuid, --no-new-privs", "--no-new-privs", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setuid, --no-new-privs=no", "--no-new-privs=no", 1000, 1000, 0, 0, true, false, TRI_NO, TRI_NO, TRI_NO,
	  "setuid" },
	/* --user: as whom it will be executed, not as whom we are. */
	{ "setuid root, root to 1234", "--user=svc", 0, 0, 0, 0, true, false, TRI_NO, TRI_NO, TRI_NO, "setuid" },
	{ "setuid 1234, root to 1234", "--user=svc", 0, 0, 1234, 0, true, false, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setgid 77, root to 1234:77", "--user=svc", 0, 0, 0, 77, false, true, TRI_NO, TRI_NO, TRI_NO, NULL },
	{ "setgid 0, root to 1234:77", "--user=svc", 0, 0, 0, 0, false, true, TRI_NO, TRI_NO, TRI_NO, "setgid" },
	{ "file-capped, root to 1234", "--user=svc", 0, 0, 0, 0, false, false, TRI_YES, TRI_NO, TRI_NO, "file-capped" },
};

static void check_secure(const struct secure_case *c)
{
	struct facts *f = &scenario.machine.facts;
	const struct operation *op;

	scenario_open("laptop-one-node", NULL, WORDS(c->word, "x"));
	f->process.status.uid = f->process.status.euid = c->uid;
	f->process.status.gid = f->process.status.egid = c->gid;
	f->process.status.no_new_privs = c->no_new_privs;
	f->account = (struct account_facts){ .uid = 1234, .gid = 77 };
	f->command.owner_uid = c->owner_uid;
	f->command.owner_gid = c->owner_gid;
	f->command.is_setuid = c->is_setuid;
	f->command.is_setgid = c->is_setgid;
	f->command.file_capabilities = c->file_capabilities;
	f->command.nosuid = c->nosuid;
	scenario_decide();
	op = scenario_find(STEP_PRELOAD, NULL);
	if (c->what)
		assert_row_string(c->name, op->why,
				  mem_printf(&pool, "/usr/bin/x is %s: the loader ignores LD_PRELOAD for it", c->what));
	else
		assert_row_string(c->name, scenario_result(op), JEMALLOC);
	scenario_close();
}

static void test_secure(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof secure_cases / sizeof *secure_cases; i++)
		check_secure(&secure_cases[i]);
}

/*
 * File capabilities count even where they give nothing: the file's effective bit alone
 * makes the kernel set AT_SECURE for all but root.
 */
static void test_capabilities_without_new_privileges(void **state)
{
	static const struct secure_case cases[] = {
		{ "file-capped, no_new_privs", "-q", 1000, 1000, 0, 0, false, false, TRI_YES, TRI_YES, TRI_NO,
		  "file-capped" },
		{ "file-capped, --no-new-privs", "--no-new-privs", 1000, 1000, 0, 0, false, false, TRI_YES, TRI_NO,
		  TRI_NO, "file-capped" },
		{ "file-capped, no_new_privs, by root", "-q", 0, 0, 0, 0, false, false, TRI_YES, TRI_YES, TRI_NO,
		  NULL },
		{ "file-capped, no_new_privs, nosuid", "-q", 1000, 1000, 0, 0, false, false, TRI_YES, TRI_YES, TRI_YES,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_secure(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_secure),
		SCENARIO_TEST(test_capabilities_without_new_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
