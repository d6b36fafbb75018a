/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program/command.h"
#include "support/support.h"

static const struct elf_spec glibc_library = {
	.soname = "libc.so.6",
	.versions = (const char *const[]){ "GLIBC_2.2.5", "GLIBC_2.31", "GLIBC_2.4", NULL },
};

static const char *const path_environment[] = { "PATH=/first:/second", NULL };

static struct command_facts detect(struct tree *t, const char *name)
{
	const char *const argv[] = { name, NULL };
	struct command_facts facts;

	command_detect(&t->root, &t->mem, argv, path_environment, &facts);
	command_detect_glibc_version(&t->root, &t->mem, &facts);
	return facts;
}

static void test_no_command(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	command_detect(&t.root, &t.mem, NULL, NULL, &facts);
	assert_null(facts.name);
	assert_null(facts.path);
	assert_int_equal(facts.error, 0);
	assert_int_equal(facts.libc_minor, FACT_UNKNOWN);
	tree_close(&t);
}

static void test_search(void **state)
{
	static const char *const no_path[] = { NULL };
	static const char *const empty_field[] = { "PATH=/first:", NULL };
	static const char mark[] = "\177ELF allocrun: a launcher";
	struct tree t;
	char *path = NULL;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/second/tool", "");
	tree_write(&t, "/bin/sh", "");
	tree_write(&t, "/here", "");
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "tool", &path), 0);
	assert_string_equal(path, "/second/tool");
	/* Not executable: searched on, and reported when nothing else is found. */
	tree_write(&t, "/first/tool", "");
	tree_chmod(&t, "/first/tool", 0644);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "tool", &path), 0);
	assert_string_equal(path, "/second/tool");
	tree_remove(&t, "/second/tool");
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "tool", &path), -EACCES);
	assert_string_equal(path, "/first/tool");
	tree_mkdir(&t, "/second/folder");
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "folder", &path), -EACCES);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "none", &path), -ENOENT);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "", &path), -ENOENT);
	/* A slash in it: not searched for. */
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "./tool", &path), -ENOENT);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "/bin/sh", &path), 0);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "/bin/sh/x", &path), -ENOTDIR);
	assert_int_equal(command_find(&t.root, &t.mem, no_path, "sh", &path), 0);
	assert_string_equal(path, "/bin/sh");
	/* An allocrun of the command's name stands for what comes behind it; a script that names it does not. */
	tree_write_bytes(&t, "/first/served", mark, sizeof mark);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "served", &path), -ENOENT);
	tree_write(&t, "/second/served", "#!/bin/sh\n# allocrun: a launcher\n");
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "served", &path), 0);
	assert_string_equal(path, "/second/served");
	tree_write_bytes(&t, "/first/allocrun", mark, sizeof mark);
	assert_int_equal(command_find(&t.root, &t.mem, path_environment, "allocrun", &path), 0);
	/* An empty field is the working directory, which is the root's top under a sysroot. */
	assert_int_equal(command_find(&t.root, &t.mem, empty_field, "here", &path), 0);
	assert_string_equal(path, "./here");
	tree_close(&t);
}

static void test_missing_and_refused(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/first/plain", "x");
	tree_chmod(&t, "/first/plain", 0644);
	tree_mkdir(&t, "/first/folder");
	facts = detect(&t, "none");
	assert_string_equal(facts.name, "none");
	assert_null(facts.path);
	assert_int_equal(facts.error, -ENOENT);
	facts = detect(&t, "plain");
	assert_string_equal(facts.path, "/first/plain");
	assert_int_equal(facts.error, -EACCES);
	facts = detect(&t, "/first/folder");
	assert_int_equal(facts.error, -EACCES);
	tree_close(&t);
}

static void test_program(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/second/server", &elf_glibc_program);
	tree_write_elf(&t, "/lib/x86_64-linux-gnu/libc.so.6", &glibc_library);
	tree_write(&t, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "");
	tree_symlink(&t, "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
	facts = detect(&t, "server");
	assert_int_equal(facts.error, 0);
	assert_string_equal(facts.path, "/second/server");
	assert_int_equal(facts.n_chain, 1);
	assert_int_equal(facts.elf.problem, 0);
	assert_int_equal(facts.libc, LIBC_GLIBC);
	assert_int_equal(facts.libc_minor, 31);
	assert_false(facts.is_setuid);
	assert_false(facts.is_setgid);
	assert_int_equal(facts.owner_uid, getuid());
	assert_int_equal(facts.file_capabilities, TRI_NO);
	assert_int_equal(facts.nosuid, TRI_UNKNOWN);
	tree_close(&t);
}

/* The loader's own folder wins over those of the distribution, as it does on Nix. */
static void test_libc_next_to_the_loader(void **state)
{
	const struct elf_spec newer = {
		.versions = (const char *const[]){ "GLIBC_2.39", NULL },
	};
	const struct elf_spec foreign = {
		.machine = 183,
		.versions = (const char *const[]){ "GLIBC_2.40", NULL },
	};
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/first/server", &elf_glibc_program);
	tree_write_elf(&t, "/store/lib/libc.so.6", &newer);
	tree_write_elf(&t, "/usr/lib/x86_64-linux-gnu/libc.so.6", &glibc_library);
	tree_write_elf(&t, "/lib64/libc.so.6", &foreign);
	tree_write(&t, "/store/lib/ld-linux-x86-64.so.2", "");
	facts = detect(&t, "server");
	/* Not the one in /lib64, which is for another machine. */
	assert_int_equal(facts.libc_minor, 31);
	tree_symlink(&t, "/lib64/ld-linux-x86-64.so.2", "../store/lib/ld-linux-x86-64.so.2");
	facts = detect(&t, "server");
	assert_int_equal(facts.libc_minor, 39);
	tree_close(&t);
}

static void test_other_libcs(void **state)
{
	static const struct {
		const char *interpreter;
		enum libc_kind libc;
	} cases[] = {
		{ "/lib/ld-musl-x86_64.so.1", LIBC_MUSL },
		{ "/lib/ld-musl-aarch64.so.1", LIBC_MUSL },
		{ "/lib/ld-linux-aarch64.so.1", LIBC_GLIBC },
		{ "/lib64/ld64.so.2", LIBC_GLIBC },
		{ "/lib/x86_64-linux-gnu/ld-2.31.so", LIBC_GLIBC },
		{ "/system/bin/linker64", LIBC_OTHER },
		{ NULL, LIBC_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct elf_spec spec = { .interpreter = cases[i].interpreter };
		struct command_facts facts;
		struct tree t;

		tree_open(&t);
		tree_write_elf(&t, "/first/x", &spec);
		facts = detect(&t, "x");
		assert_int_equal(facts.elf.problem, 0);
		assert_int_equal(facts.libc, cases[i].libc);
		assert_int_equal(facts.libc_minor, FACT_UNKNOWN);
		tree_close(&t);
	}
}

/* gcompat: the loader of glibc by name, musl in truth. */
static void test_musl_behind_the_name_of_glibc(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/first/x", &elf_glibc_program);
	tree_write(&t, "/lib/libgcompat.so.0", "");
	tree_symlink(&t, "/lib64/ld-linux-x86-64.so.2", "/lib/libgcompat.so.0");
	facts = detect(&t, "x");
	assert_int_equal(facts.libc, LIBC_MUSL);
	tree_close(&t);
}

static void test_setuid(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/first/x", &elf_glibc_program);
	tree_write(&t, "/script", "#!/first/x\n");
	tree_chmod(&t, "/first/x", 06755);
	facts = detect(&t, "x");
	assert_true(facts.is_setuid);
	assert_true(facts.is_setgid);
	tree_chmod(&t, "/first/x", 02745);
	facts = detect(&t, "x");
	assert_false(facts.is_setuid);
	assert_false(facts.is_setgid);
	/* The bits of the script do nothing, those of its interpreter do. */
	tree_chmod(&t, "/first/x", 0755);
	tree_chmod(&t, "/script", 06755);
	facts = detect(&t, "/script");
	assert_false(facts.is_setuid);
	tree_close(&t);
}

static void test_live_filesystem(void **state)
{
	/* cap_net_bind_service+ep, as setcap(8) writes it: struct vfs_cap_data. */
	static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 };
	const char *argv[] = { NULL, NULL };
	struct command_facts facts;
	struct root live;
	struct tree t;

	(void)state;
	tree_open(&t);
	assert_int_equal(root_open(NULL, &live), 0);
	tree_write_elf(&t, "/x", &elf_glibc_program);
	argv[0] = tree_outside(&t, "/x");
	command_detect(&live, &t.mem, argv, NULL, &facts);
	assert_int_equal(facts.file_capabilities, TRI_NO);
	tree_chmod(&t, "/x", 04755);
	command_detect(&live, &t.mem, argv, NULL, &facts);
	assert_true(facts.is_setuid);
	assert_int_not_equal(facts.nosuid, TRI_UNKNOWN);
	if (setxattr(argv[0], "security.capability", capability, sizeof capability, 0) == 0) {
		command_detect(&live, &t.mem, argv, NULL, &facts);
		assert_int_equal(facts.file_capabilities, TRI_YES);
	} else {
		print_message("no file capabilities to be had here (%s)\n", strerror(errno));
	}
	tree_close(&t);
}

/* Executable, but not to be read: as for a user, so only without the power of root. */
static void test_unreadable(void **state)
{
	struct command_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/first/x", &elf_glibc_program);
	tree_chmod(&t, "/first/x", 04111);
	tree_chmod(&t, "/", 0755);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	facts = detect(&t, "x");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(facts.error, 0);
	assert_int_equal(facts.elf.problem, -EACCES);
	assert_true(facts.is_setuid);
	assert_int_equal(facts.file_capabilities, TRI_UNKNOWN);
	tree_close(&t);
}

static void test_live_commands(void **state)
{
	static const char *const argv[] = { "sh", NULL };
	struct mem m = MEM_INIT;
	struct command_facts facts;
	struct root live;

	(void)state;
	assert_int_equal(root_open(NULL, &live), 0);
	command_detect(&live, &m, argv, NULL, &facts);
	command_detect_glibc_version(&live, &m, &facts);
	assert_int_equal(facts.error, 0);
	assert_string_equal(facts.path, "/bin/sh");
	assert_int_equal(facts.elf.problem, 0);
	if (facts.libc == LIBC_GLIBC)
		assert_true(facts.libc_minor >= 17);
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_command),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_missing_and_refused),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_libc_next_to_the_loader),
		cmocka_unit_test(test_other_libcs),
		cmocka_unit_test(test_musl_behind_the_name_of_glibc),
		cmocka_unit_test(test_setuid),
		cmocka_unit_test(test_live_filesystem),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_live_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
