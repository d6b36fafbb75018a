/* SPDX-License-Identifier: Apache-2.0 */
/* allocator-environment, arenas-quota, page-size, builds-integrity, ld-so-preload, audit-limits. */
#include "detect/node.h"
#include "support/audit.h"

#define LAPTOP "laptop-one-node"
#define POD "cgroup-v2-memory-max"
#define V1 "cgroup-v1-quota"

static struct facts *f = &scenario.machine.facts;

struct environment_case {
	const char *machine;
	const char *variables[3];
	const char *status, *part;
};

static const struct environment_case environment_cases[] = {
	{ LAPTOP, { NULL }, "ok", "none is set" },
	{ LAPTOP, { "MALLOC_CONF=background_thread:true,narenas:4" }, "ok", "MALLOC_CONF, understood" },
	{ LAPTOP, { "MALLOC_CONF=narena:4" }, "fail", "did you mean 'narenas'" },
	{ LAPTOP, { "MALLOC_CONF=background_thread=true" }, "fail", "not of the form" },
	/* Never giving back is a choice, unless a limit counts it. */
	{ LAPTOP, { "MALLOC_CONF=dirty_decay_ms:-1" }, "ok", "understood" },
	{ POD, { "MALLOC_CONF=dirty_decay_ms:-1" }, "fail", "under a limit of 16 GiB" },
	{ POD, { "MALLOC_CONF=muzzy_decay_ms:-1" }, "fail", "muzzy_decay_ms:-1" },
	{ LAPTOP, { "MALLOC_CONF=percpu_arena:percpu" }, "ok", "understood" },
	{ POD, { "MALLOC_CONF=percpu_arena:percpu" }, "fail", "counts all CPUs" },
	{ POD, { "MALLOC_CONF=percpu_arena:disabled" }, "ok", "understood" },
	{ LAPTOP, { "MIMALLOC_PURGE_DELAY=0" }, "ok", "MIMALLOC_PURGE_DELAY, understood" },
	{ LAPTOP, { "MIMALLOC_PURGE_DELY=0" }, "warn", "purge_delay" },
	{ LAPTOP, { "MIMALLOC_PURGE_DELAY=soon" }, "warn", "wants a number" },
	{ LAPTOP,
	  { "GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.rtld.optional_static_tls=512" },
	  "ok",
	  "understood" },
	{ LAPTOP, { "GLIBC_TUNABLES=glibc.malloc.arenamax=2" }, "warn", "arena_max" },
	{ LAPTOP, { "MALLOC_ARENA_MAX=two" }, "warn", "is no number" },
	{ LAPTOP, { "MALLOC_ARENA_MAX=2" }, "ok", "understood" },
	{ LAPTOP,
	  { "MALLOC_ARENA_MAX=2", "LD_PRELOAD=/usr/lib/libjemalloc.so.2" },
	  "warn",
	  "MALLOC_ARENA_MAX is for glibc, and LD_PRELOAD brings jemalloc" },
	{ LAPTOP, { "MALLOC_CONF=narenas:2", "LD_PRELOAD=libtcmalloc.so.4" }, "warn", "brings tcmalloc" },
	{ LAPTOP, { "LD_PRELOAD=libjemalloc.so.2:libiomp5.so" }, "ok", "none is set" },
	{ LAPTOP,
	  { "LD_PRELOAD=libiomp5.so libjemalloc.so.2 libtcmalloc.so.4" },
	  "fail",
	  "two allocators, jemalloc and tcmalloc" },
};

static void test_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof environment_cases / sizeof *environment_cases; i++) {
		const struct environment_case *c = &environment_cases[i];

		print_message("case %zu: %s\n", i, c->variables[0] ? c->variables[0] : "nothing");
		audit_open(c->machine, c->variables, NO_WORDS);
		assert_finding("allocator-environment", c->status, c->part);
		scenario_close();
	}
}

static void test_malloc_conf_file(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	audit.node.malloc_conf = "narenas:4";
	assert_finding("allocator-environment", "ok", "/etc/malloc.conf, understood");
	audit.node.malloc_conf = "abort:maybe";
	assert_finding("allocator-environment", "fail", "/etc/malloc.conf: jemalloc option 'abort'");
	audit.node.malloc_conf = NULL;
	node_add_gap(&pool, &audit.node, "/etc/malloc.conf", -13);
	assert_finding("allocator-environment", "unknown", "Permission denied");
}

static void test_arenas(void **state)
{
	static const struct {
		const char *machine;
		const char *variables[3];
		const char *status, *part;
	} cases[] = {
		/* 2.5 CPUs of 32 count as 3, 4 of 64 as 4. */
		{ V1, { NULL }, "ok", "3 arenas (allocrun) for 3 usable CPUs" },
		{ V1, { "MALLOC_CONF=narenas:6" }, "ok", "6 arenas (MALLOC_CONF)" },
		{ V1, { "MALLOC_CONF=narenas:7" }, "warn", "7 arenas" },
		{ V1, { "MALLOC_CONF=narenas:24" }, "warn", "24 arenas" },
		{ V1, { "MALLOC_CONF=narenas:25" }, "fail", "25 arenas" },
		{ V1, { "LD_PRELOAD=libjemalloc.so.2" }, "fail", "128 arenas (LD_PRELOAD's jemalloc by default)" },
		{ V1, { "LD_PRELOAD=libjemalloc.so.2", "MALLOC_CONF=narenas:3" }, "ok", "3 arenas" },
		{ POD, { "MALLOC_ARENA_MAX=2" }, "ok", "2 arenas (MALLOC_ARENA_MAX) for 4 usable CPUs" },
		{ POD, { "MALLOC_ARENA_MAX=64" }, "fail", "64 arenas" },
		{ POD, { "GLIBC_TUNABLES=glibc.malloc.arena_max=16" }, "warn", "16 arenas (GLIBC_TUNABLES)" },
		{ POD, { "MALLOC_ARENA_MAX=many" }, "ok", "4 arenas (allocrun)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("case %zu\n", i);
		audit_open(cases[i].machine, cases[i].variables, NO_WORDS);
		assert_finding("arenas-quota", cases[i].status, cases[i].part);
		scenario_close();
	}
	audit_open(V1, NULL, NO_WORDS);
	f->cpu.effective = FACT_UNKNOWN;
	assert_finding("arenas-quota", "unknown", "cannot be read");
	f->cpu.effective = 3;
	f->catalog.n_builds = 0;
	assert_finding("arenas-quota", "ok", "nothing here says a number");
}

static void test_page_size(void **state)
{
	(void)state;
	audit_open("superchip-memory-only-nodes-64k", NULL, NO_WORDS);
	assert_finding("page-size", "ok", "pages of 64 KiB: jemalloc-5.3.1");
	scenario.builds[0].page_size = 4096;
	assert_finding("page-size", "ok", "pages of 64 KiB: mimalloc-3.5.0");
	scenario.builds[1].page_size = 4096;
	assert_finding("page-size", "fail", "take 4 KiB at the most");
	scenario.builds[1].page_size = FACT_UNKNOWN;
	assert_finding("page-size", "unknown", "mimalloc-3.5.0");
	strcpy(f->machine, "riscv64");
	assert_finding("page-size", "warn", "no bundled build is for riscv64");
	assert_string_equal(audit_find("page-size").expected, "a build for this machine"); /* kind M */
	f->page_size = FACT_UNKNOWN;
	assert_finding("page-size", "unknown", "page size");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("page-size", "ok", "built for larger ones too");
	f->catalog.problem = mem_strdup(&pool, "manifest.json: truncated");
	assert_finding("page-size", "unknown", "truncated");
}

static void test_builds(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("builds-integrity", "ok", "2 builds");
	scenario.builds[1].digest = NULL;
	assert_finding("builds-integrity", "unknown", "(cannot be read whole)");
	scenario.builds[1].problem = mem_strdup(&pool, "truncated");
	assert_finding("builds-integrity", "fail", "(truncated)");
	scenario.builds[0].digest = mem_strdup(&pool, "ffff");
	assert_finding("builds-integrity", "fail", "libjemalloc.so.2 (sha256 ffff)");
	/* A library named by its path is not ours to compare. */
	scenario.builds[0] = scenario.builds[1];
	scenario.builds[0].digest = scenario.builds[0].sha256;
	scenario.builds[1].is_bundled = false;
	scenario.builds[1].sha256 = NULL;
	assert_finding("builds-integrity", "ok", "1 build as in");
	scenario.builds[0].is_bundled = scenario.builds[1].is_bundled = false;
	assert_finding("builds-integrity", "unknown", "names none");
	f->catalog.n_builds = 0;
	assert_finding("builds-integrity", "unknown", "installed cannot be read");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	scenario.builds[0].sha256 = NULL;
	assert_finding("builds-integrity", "unknown", "no sha256");
}

static void test_ld_so_preload(void **state)
{
	const char *missing[] = { "/lib/gone.so" };

	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("ld-so-preload", "ok", "there is none");
	audit.node.has_ld_so_preload = TRI_UNKNOWN;
	assert_finding("ld-so-preload", "unknown", "cannot be read");
	f->ld_so_preload = mem_strdup(&pool, " \n");
	assert_finding("ld-so-preload", "ok", "empty");
	f->ld_so_preload = mem_strdup(&pool, "/lib/gone.so\n");
	assert_finding("ld-so-preload", "ok", "no allocator");
	audit.node.preload_missing = missing;
	audit.node.n_preload_missing = 1;
	assert_finding("ld-so-preload", "warn", "/lib/gone.so is not there");
	f->ld_so_preload = mem_strdup(&pool, "/lib/gone.so\n/usr/lib/libjemalloc.so.2\n");
	assert_finding("ld-so-preload", "fail", "/usr/lib/libjemalloc.so.2");
}

static void test_gaps(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("audit-limits", "ok", "nothing was tried");
	f->is_live = true;
	assert_finding("audit-limits", "ok", "all that was looked for");
	f->cgroup.memory_max = FACT_UNKNOWN;
	assert_finding("audit-limits", "unknown", "the memory limit");
	for (int i = 0; i < 6; i++)
		node_add_gap(&pool, &audit.node, "/proc/vmstat", -2);
	assert_finding("audit-limits", "unknown",
		       "not known: the memory limit, /proc/vmstat (not there), /proc/vmstat (not there), "
		       "/proc/vmstat (not there), /proc/vmstat (not there), 2 more files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_environment), SCENARIO_TEST(test_malloc_conf_file),
		SCENARIO_TEST(test_arenas),      SCENARIO_TEST(test_page_size),
		SCENARIO_TEST(test_builds),      SCENARIO_TEST(test_ld_so_preload),
		SCENARIO_TEST(test_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
