/* SPDX-License-Identifier: Apache-2.0 */
/* Which build goes into which command, and why none does. */
#include <errno.h>
#include <string.h>

#include "support/scenario.h"

#define LAPTOP "laptop-one-node"
#define SUPERCHIP "superchip-memory-only-nodes-64k"
#define JEMALLOC "/opt/allocrun/lib/allocrun/jemalloc/libjemalloc.so.2:" SCENARIO_CHILDREN
#define MIMALLOC "/opt/allocrun/lib/allocrun/mimalloc/libmimalloc.so.3:" SCENARIO_CHILDREN
#define TWO "two allocators are never loaded together"

static const char *const no_variables[] = { NULL };

#define COMMAND (scenario.machine.facts.command)

static void make_static(void)
{
	COMMAND.elf.interpreter = NULL;
	COMMAND.libc = LIBC_UNKNOWN;
}

static void make_text(void)
{
	COMMAND.elf = (struct elf_facts){ .problem = -ENOEXEC };
}

static void make_unreadable(void)
{
	COMMAND.elf = (struct elf_facts){ .problem = -EACCES };
}

static void make_missing(void)
{
	COMMAND.error = -ENOENT;
	COMMAND.n_chain = 0;
}

static void make_musl(void)
{
	COMMAND.libc = LIBC_MUSL;
}

static void make_other_libc(void)
{
	COMMAND.libc = LIBC_OTHER;
	COMMAND.elf.interpreter = mem_strdup(&pool, "/system/bin/linker64");
}

static void make_32_bit(void)
{
	COMMAND.elf.bits = 32;
	memcpy(COMMAND.elf.machine, "i686", 5);
}

static void make_aarch64(void)
{
	memcpy(COMMAND.elf.machine, "aarch64", 8);
}

static void make_old_glibc(void)
{
	COMMAND.libc_minor = 17;
}

static void make_small_stack(void)
{
	scenario.machine.facts.process.limits.stack.soft = 64 << 10;
}

static void make_setuid(void)
{
	COMMAND.is_setuid = true;
	COMMAND.owner_uid = 0;
}

static void make_system_preload(void)
{
	scenario.machine.facts.ld_so_preload = mem_strdup(&pool, "/lib/libfoo.so\n/lib/libjemalloc.so.1\n");
}

static void make_linked(void)
{
	static char *needed[2];

	needed[0] = mem_strdup(&pool, "libc.so.6");
	needed[1] = mem_strdup(&pool, "libtcmalloc.so.4");
	COMMAND.elf.needed = needed;
	COMMAND.elf.n_needed = 2;
}

/* One with the soname of ours, which gives way, and one more. */
static void make_linked_twice(void)
{
	make_linked();
	COMMAND.elf.needed[0] = mem_strdup(&pool, "libjemalloc.so.2");
}

static void make_both_broken(void)
{
	scenario.builds[0].problem = mem_strdup(&pool, "x is truncated");
	scenario.builds[1].problem = mem_strdup(&pool, "y is missing");
}

static void make_no_builds(void)
{
	scenario.machine.facts.catalog = (struct catalog_facts){
		.problem = mem_strdup(&pool, "/opt/allocrun/lib/allocrun/manifest.json is missing")
	};
}

static void make_prefix_with_space(void)
{
	scenario.builds[0].path = mem_strdup(&pool, "/opt/my tree/libjemalloc.so.2");
	scenario.builds[1].path = mem_strdup(&pool, "/opt/my:tree/libmimalloc.so.3");
}

/* Nothing is preloaded: the reason, and with --require the start is refused. */
static const struct {
	const char *name;
	void (*make)(void);
	const char *why;
} refused_cases[] = {
	{ "static", make_static, "/usr/bin/x is statically linked" },
	{ "no ELF file", make_text, "/usr/bin/x is not an ELF file" },
	{ "unreadable", make_unreadable, "the ELF headers of /usr/bin/x cannot be read: Permission denied" },
	{ "missing", make_missing, "the command cannot be executed" },
	{ "musl", make_musl, "it is built for glibc, the command uses musl" },
	{ "other libc", make_other_libc, "/usr/bin/x wants the loader /system/bin/linker64" },
	{ "32 bits", make_32_bit, "it is built for x86_64, the command is i686" },
	{ "other machine", make_aarch64, "it is built for x86_64, the command is aarch64" },
	{ "old glibc", make_old_glibc, "it needs glibc 2.28, the command's is 2.17" },
	{ "setuid", make_setuid, "/usr/bin/x is setuid: the loader ignores LD_PRELOAD" },
	{ "stack", make_small_stack, "stacks are limited to 64 KiB" }, /* kind P */
	{ "ld.so.preload", make_system_preload, "/etc/ld.so.preload loads /lib/libjemalloc.so.1" },
	{ "linked", make_linked, "the command links libtcmalloc.so.4 itself; " TWO },
	{ "linked twice", make_linked_twice, "the command links libtcmalloc.so.4 itself; " TWO },
	{ "broken builds", make_both_broken, "jemalloc: x is truncated" },
	{ "no builds", make_no_builds, "manifest.json is missing" },
	{ "prefix with a space", make_prefix_with_space, "has a space or a colon" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused_cases / sizeof *refused_cases; i++) {
		const char *row = refused_cases[i].name;
		const struct operation *op;

		scenario_open(LAPTOP, WORDS("LD_PRELOAD=/lib/libtcmalloc.so"), WORDS("--allocator=jemalloc", "x"));
		refused_cases[i].make();
		/* Ids without the version: the rows are about the reasons. */
		scenario.builds[0].id = mem_strdup(&pool, "jemalloc");
		scenario_decide();
		op = scenario_find(STEP_PRELOAD, NULL);
		assert_row_int(row, op->outcome, OUTCOME_REFUSED);
		assert_row_int(row, op->kind, OP_NOTHING);
		assert_row_contains(row, op->why, refused_cases[i].why);
		assert_row_int(row, scenario_warns(refused_cases[i].why), true);
		assert_null(scenario.plan.build);
		assert_null(plan_find_blocker(&scenario.plan));
		scenario_close();

		scenario_open(LAPTOP, no_variables, WORDS("--require=preload", "x"));
		refused_cases[i].make();
		scenario_decide();
		assert_row_int(row, plan_find_blocker(&scenario.plan) == scenario_find(STEP_PRELOAD, NULL), true);
		scenario_close();

		scenario_open(LAPTOP, no_variables, WORDS("--off=preload", "x"));
		refused_cases[i].make();
		scenario_decide();
		assert_row_int(row, scenario_find(STEP_PRELOAD, NULL)->outcome, OUTCOME_OFF);
		scenario_close();
	}
}

/* Kind D: what has a malloc of its own is left alone, which is no refusal unless it is required. */
static void test_own_malloc(void **state)
{
	static const struct {
		enum malloc_role role;
		const char *why;
	} cases[] = {
		{ MALLOC_SERVES, "/usr/bin/x has a malloc of its own, and is left alone" },
		{ MALLOC_SANITIZES, "/usr/bin/x has a malloc of its own and works with no other" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open(LAPTOP, no_variables, WORDS("x"));
		COMMAND.malloc_role = cases[i].role;
		scenario_decide();
		assert_int_equal(scenario_find(STEP_PRELOAD, NULL)->outcome, OUTCOME_NOTHING);
		assert_string_equal(scenario_find(STEP_PRELOAD, NULL)->why, cases[i].why);
		assert_int_equal(scenario.plan.n_warnings, 1);
		assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_NOTHING);
		scenario_close();
		scenario_open(LAPTOP, no_variables, WORDS("--require=preload", "x"));
		COMMAND.malloc_role = cases[i].role;
		scenario_decide();
		assert_ptr_equal(plan_find_blocker(&scenario.plan), scenario_find(STEP_PRELOAD, NULL));
		scenario_close();
	}
}

/* Kind M: nothing says which machine it is; nothing is said to fit it. */
static void test_unknown_machine(void **state)
{
	(void)state;
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	COMMAND.n_chain = 0;
	*scenario.machine.facts.machine = '\0';
	COMMAND.name = NULL;
	scenario_decide();
	assert_row_contains("why", scenario_find(STEP_PRELOAD, NULL)->why, "is for a machine that is not known here");
	scenario_close();
}

static const char *preloaded(void)
{
	return scenario_result(scenario_find(STEP_PRELOAD, NULL));
}

static void test_chosen(void **state)
{
	static const struct {
		const char *words[SCENARIO_WORDS_MAX];
		const char *library; /* or outcome */
	} cases[] = {
		{ { "x" }, JEMALLOC },
		{ { "--allocator=auto", "x" }, JEMALLOC },
		{ { "--allocator=jemalloc", "x" }, JEMALLOC },
		{ { "--allocator=jemalloc-5.3.1", "x" }, JEMALLOC },
		{ { "--allocator=jemalloc-5.3.1-x86_64-glibc", "x" }, JEMALLOC },
		{ { "--allocator=mimalloc", "x" }, MIMALLOC },
		{ { "--allocator=mimalloc,jemalloc", "x" }, MIMALLOC },
		{ { "--allocator=jemalloc-9.9,mimalloc", "x" }, MIMALLOC },
		{ { "--allocator=jemalloc-5.3", "x" }, "refused" },
		{ { "--allocator=jemalloc-5", "x" }, "refused" },
		{ { "--allocator=system", "x" }, "nothing to do" },
		{ { "--off=preload", "x" }, "off" },
		/* --explain without a command. */
		{ { "-q" }, JEMALLOC },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open(LAPTOP, no_variables, cases[i].words);
		/* As on the machine that has no command. */
		if (!scenario.options.argv) {
			for (int k = 0; k < 2; k++)
				scenario.builds[k].machine = mem_strdup(&pool, "x86_64");
		}
		scenario_decide();
		assert_row_string(cases[i].words[0], preloaded(), cases[i].library);
		scenario_close();
	}
}

/* The order of preference: what cannot be loaded is passed over, and that is said. */
static void test_passed_over(void **state)
{
	const struct operation *op;

	(void)state;
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	scenario.builds[0].problem = mem_strdup(&pool, "libjemalloc.so.2 is truncated");
	scenario_decide();
	op = scenario_find(STEP_PRELOAD, NULL);
	assert_string_equal(op->u.environment.text, MIMALLOC);
	assert_string_equal(op->u.environment.library, scenario.builds[1].path);
	assert_string_equal(op->u.environment.variable, "LD_PRELOAD");
	assert_string_equal(scenario_part(op, "jemalloc-5.3.1-x86_64-glibc"), "(out)");
	assert_string_equal(scenario_part(op, scenario.builds[1].path), scenario.builds[1].path);
	assert_true(scenario_warns("libjemalloc.so.2 is truncated"));
	assert_ptr_equal(scenario.plan.build, &scenario.builds[1]);
	scenario_close();
	/* Up to "system" and no further. */
	scenario_open(LAPTOP, no_variables, WORDS("--allocator=jemalloc,system,mimalloc", "x"));
	scenario.builds[0].problem = mem_strdup(&pool, "truncated");
	scenario_decide();
	assert_string_equal(preloaded(), "refused");
	scenario_close();
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	scenario_decide();
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
}

/* 64 KiB pages: a build for 4 KiB would abort at the first allocation. */
static void test_page_size(void **state)
{
	(void)state;
	scenario_open(SUPERCHIP, no_variables, WORDS("x"));
	assert_int_equal(scenario.machine.facts.page_size, 65536);
	scenario.builds[0].page_size = 4096;
	scenario_decide();
	assert_string_equal(preloaded(), MIMALLOC);
	assert_true(scenario_warns("it works with pages up to 4 KiB, this kernel's have 64 KiB"));
	scenario_close();
	scenario_open(SUPERCHIP, no_variables, WORDS("x"));
	scenario.builds[0].page_size = 4096;
	scenario.builds[1].page_size = 16384;
	scenario_decide();
	assert_string_equal(preloaded(), "refused");
	scenario_close();
	/* One that says nothing of itself, and that the loader could not map. */
	scenario_open(SUPERCHIP, no_variables, WORDS("x"));
	scenario.builds[0].load_align = 4096;
	scenario_decide();
	assert_string_equal(preloaded(), MIMALLOC);
	assert_true(scenario_warns("it is linked for pages of 4 KiB, this kernel's have 64 KiB"));
	scenario_close();
	scenario_open(SUPERCHIP, no_variables, WORDS("x"));
	scenario.builds[0].load_align = 65536;
	scenario_decide();
	assert_string_equal(preloaded(), JEMALLOC);
	scenario_close();
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	scenario.builds[0].page_size = 4096;
	scenario_decide();
	assert_string_equal(preloaded(), JEMALLOC);
	scenario_close();
}

/* Two builds of one allocator: the one for the smallest pages that the kernel has. */
static void test_smallest_page_size(void **state)
{
	static const struct {
		const char *machine;
		int64_t first, second;
		const char *library;
	} cases[] = {
		{ LAPTOP, 65536, 4096, MIMALLOC },
		{ LAPTOP, 4096, 65536, JEMALLOC },
		{ SUPERCHIP, 4096, 65536, MIMALLOC },
		{ SUPERCHIP, 65536, 4096, JEMALLOC },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open(cases[i].machine, no_variables, WORDS("--allocator=jemalloc", "x"));
		scenario.builds[1].id = scenario.builds[0].id;
		scenario.builds[0].page_size = cases[i].first;
		scenario.builds[1].page_size = cases[i].second;
		scenario_decide();
		assert_string_equal(preloaded(), cases[i].library);
		assert_int_equal(scenario.plan.n_warnings, 0);
		scenario_close();
	}
}

static void test_linked_allocator(void **state)
{
	char *needed[1];

	(void)state;
	/* The very soname that we bring: the loader takes ours in its place. */
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	needed[0] = mem_strdup(&pool, "libjemalloc.so.2");
	COMMAND.elf.needed = needed;
	COMMAND.elf.n_needed = 1;
	scenario_decide();
	assert_string_equal(preloaded(), JEMALLOC);
	scenario_close();
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	needed[0] = mem_strdup(&pool, "libjemalloc.so.1");
	COMMAND.elf.needed = needed;
	COMMAND.elf.n_needed = 1;
	scenario_decide();
	assert_string_equal(preloaded(), "refused");
	scenario_close();
}

static void test_debug_variant(void **state)
{
	char prof[] = "prof", *features[] = { prof, NULL };

	(void)state;
	scenario_open(LAPTOP, no_variables, WORDS("--profile=debug", "x"));
	scenario.builds[1] = scenario.builds[0];
	scenario.builds[1].id = mem_strdup(&pool, "jemalloc-5.3.1-x86_64-glibc-prof");
	scenario.builds[1].variant = prof;
	scenario.builds[1].features = features;
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[1]);
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
	/* Other profiles do not take it by the allocator's name, only by its own. */
	scenario_open(LAPTOP, no_variables, WORDS("x"));
	scenario.builds[0].variant = prof;
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[1]);
	scenario_close();
	scenario_open(LAPTOP, no_variables, WORDS("--allocator=jemalloc-5.3.1-x86_64-glibc", "x"));
	scenario.builds[0].variant = prof;
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	scenario_close();
	/* Better an ordinary build than none. */
	scenario_open(LAPTOP, no_variables, WORDS("--profile=debug", "x"));
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	assert_true(scenario_warns("jemalloc (prof build) cannot be: no such build is bundled"));
	scenario_close();
}

static void test_foreign_library(void **state)
{
	struct build_facts foreign;

	(void)state;
	scenario_open(LAPTOP, no_variables, WORDS("--allocator=/opt/x/libfoo.so", "x"));
	foreign = scenario.builds[0];
	foreign.is_bundled = false;
	foreign.id = foreign.path = mem_strdup(&pool, "/opt/x/libfoo.so");
	foreign.allocator = mem_strdup(&pool, "");
	foreign.libc_minor = foreign.page_size = FACT_UNKNOWN;
	scenario.machine.facts.catalog = (struct catalog_facts){ .builds = &foreign, .n_builds = 1 };
	scenario_decide();
	assert_string_equal(preloaded(), "/opt/x/libfoo.so");
	assert_string_equal(scenario_find(STEP_OPTIONS, NULL)->why, "allocrun knows no options of this allocator");
	scenario_close();
}

/* What LD_PRELOAD had: composed, and each removal said. */
static void test_current_preload(void **state)
{
	const struct operation *op;

	(void)state;
	scenario_open(LAPTOP, WORDS("LD_PRELOAD=/lib/libtcmalloc.so.4 /lib/libiomp5.so"), WORDS("x"));
	scenario_decide();
	op = scenario_find(STEP_PRELOAD, NULL);
	assert_string_equal(op->u.environment.text, JEMALLOC ":/lib/libiomp5.so");
	assert_true(scenario_warns("/lib/libtcmalloc.so.4 is taken out of LD_PRELOAD: a second allocator (tcmalloc)"));
	assert_int_equal(scenario.plan.n_warnings, 1);
	scenario_close();
	scenario_open(LAPTOP, WORDS("LD_PRELOAD=/lib/libtcmalloc.so.4"), WORDS("--allocator=system", "x"));
	scenario_decide();
	op = scenario_find(STEP_PRELOAD, NULL);
	assert_string_equal(op->value, "(unset)");
	assert_null(op->u.environment.text);
	assert_null(op->u.environment.library);
	assert_true(scenario_warns("/lib/libtcmalloc.so.4 is taken out of LD_PRELOAD"));
	scenario_close();
	scenario_open(LAPTOP, WORDS("LD_PRELOAD=/lib/libiomp5.so"), WORDS("--allocator=system", "x"));
	scenario_decide();
	assert_string_equal(preloaded(), "nothing to do");
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_refused),
		SCENARIO_TEST(test_own_malloc),
		SCENARIO_TEST(test_unknown_machine),
		SCENARIO_TEST(test_chosen),
		SCENARIO_TEST(test_passed_over),
		SCENARIO_TEST(test_page_size),
		SCENARIO_TEST(test_smallest_page_size),
		SCENARIO_TEST(test_linked_allocator),
		SCENARIO_TEST(test_debug_variant),
		SCENARIO_TEST(test_foreign_library),
		SCENARIO_TEST(test_current_preload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
