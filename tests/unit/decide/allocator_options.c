/* SPDX-License-Identifier: Apache-2.0 */
/* The chosen allocator's options on each captured machine, and their layers. */
#include "support/scenario.h"

#define HGX "hgx-8gpu-two-socket"
#define POD "cgroup-v2-memory-max"
#define MIB (INT64_C(1) << 20)

static const char *const no_variables[] = { NULL };

static const char *conf_of(const char *key)
{
	return scenario_part(scenario_find(STEP_OPTIONS, "MALLOC_CONF"), key);
}

static const char *conf_text(void)
{
	return scenario_find(STEP_OPTIONS, "MALLOC_CONF")->u.environment.text;
}

struct jemalloc_case {
	const char *machine;
	const char *words[SCENARIO_WORDS_MAX];
	const char *narenas, *decay, *thp;
};

static const struct jemalloc_case jemalloc_cases[] = {
	/* One arena per CPU that is really ours: affinity, quota rounded up, and the plan's own. */
	{ "laptop-one-node", { "x" }, "16", "5000", NULL },
	{ "laptop-one-node", { "--profile=memory", "x" }, "8", "1000", NULL },
	{ "cgroup-v1-quota", { "x" }, "3", "5000", NULL },
	{ "cgroup-v1-quota", { "--profile=memory", "x" }, "2", "1000", NULL },
	{ POD, { "x" }, "4", "5000", NULL },
	{ "hybrid-cgroup-vm", { "x" }, "2", "5000", NULL },
	{ "hybrid-cgroup-vm", { "--profile=memory", "x" }, "1", "1000", NULL },
	{ "no-numa-sysfs", { "x" }, "4", "5000", NULL },
	{ "cpus-512-nodes-16", { "x" }, "256", "5000", NULL },
	{ "cpus-512-nodes-16", { "--numa=3", "x" }, "16", "5000", NULL },
	{ HGX, { "--numa=off", "x" }, "224", "5000", NULL },
	{ HGX, { "x" }, "112", "5000", NULL },
	{ HGX, { "--profile=memory", "x" }, "56", "1000", NULL },
	{ HGX, { "--off=affinity", "x" }, "224", "5000", NULL },
	/* A long decay where there is no limit, cut to ten seconds where there is one. */
	{ "laptop-one-node", { "--profile=latency", "x" }, "16", "30000", NULL },
	{ "laptop-one-node", { "--profile=throughput", "x" }, "16", "60000", NULL },
	{ "cgroup-v1-quota", { "--profile=latency", "x" }, "3", "10000", NULL },
	{ POD, { "--profile=throughput", "x" }, "4", "10000", NULL },
	{ "hybrid-cgroup-vm", { "--profile=throughput", "x" }, "2", "60000", NULL },
	/* The thp option goes with the thp step. */
	{ HGX, { "--thp=off", "x" }, "112", "5000", "never" },
	{ HGX, { "--thp=on", "x" }, "112", "5000", "always" },
	{ HGX, { "--thp=advised", "x" }, "112", "5000", NULL },
	{ HGX, { "--thp=off", "--off=thp", "x" }, "112", "5000", NULL },
};

static void test_jemalloc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof jemalloc_cases / sizeof *jemalloc_cases; i++) {
		const struct jemalloc_case *c = &jemalloc_cases[i];
		const char *row;

		scenario_open(c->machine, NULL, c->words);
		row = mem_printf(&pool, "row %zu: %s %s", i, c->machine, c->words[0]);
		scenario_decide();
		assert_row_string(row, conf_of("narenas"), c->narenas);
		assert_row_string(row, conf_of("dirty_decay_ms"), c->decay);
		assert_row_string(row, conf_of("thp"), c->thp);
		assert_row_string(row, conf_of("background_thread"), "false");
		assert_row_string(row, conf_of("muzzy_decay_ms"), "0");
		assert_row_string(row, conf_of("oversize_threshold"), "1048576");
		/* Breaks under CPU affinity: never ours. */
		assert_row_string(row, conf_of("percpu_arena"), NULL);
		scenario_close();
	}
}

static void test_memory_limit(void **state)
{
	static const struct {
		int64_t limit;
		const char *profile, *decay;
	} cases[] = {
		{ FACT_UNLIMITED, "--profile=throughput", "60000" }, { FACT_UNKNOWN, "--profile=throughput", "60000" },
		{ 2048 * MIB, "--profile=throughput", "10000" },     { 2048 * MIB - 1, "--profile=throughput", "1000" },
		{ 2048 * MIB, "--profile=balanced", "5000" },        { 512 * MIB, "--profile=balanced", "1000" },
		{ 512 * MIB, "--profile=memory", "1000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open("laptop-one-node", no_variables, WORDS(cases[i].profile, "x"));
		scenario.machine.facts.cgroup.memory_max = cases[i].limit;
		scenario_decide();
		assert_row_string(mem_printf(&pool, "row %zu", i), conf_of("dirty_decay_ms"), cases[i].decay);
		scenario_close();
	}
}

/* Where the host has huge pages always, a small limit is kept to without them. */
static void test_thp_near_a_limit(void **state)
{
	static const struct {
		enum thp_mode host;
		int64_t limit;
		const char *arguments[3], *thp;
	} cases[] = {
		{ THP_ALWAYS, 1024 * MIB, { "x" }, "never" },
		{ THP_ALWAYS, 128 * MIB, { "x" }, "never" },
		{ THP_ALWAYS, 1024 * MIB + 1, { "x" }, NULL },
		{ THP_ALWAYS, FACT_UNLIMITED, { "x" }, NULL },
		{ THP_ALWAYS, FACT_UNKNOWN, { "x" }, NULL },
		{ THP_MADVISE, 128 * MIB, { "x" }, NULL },
		{ THP_ALWAYS, 128 * MIB, { "--thp=on", "x" }, "always" },
		{ THP_ALWAYS, 128 * MIB, { "--thp=advised", "x" }, NULL },
		{ THP_ALWAYS, 128 * MIB, { "--off=thp", "x" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open("laptop-one-node", no_variables, cases[i].arguments);
		scenario.machine.facts.thp.enabled = cases[i].host;
		scenario.machine.facts.cgroup.memory_max = cases[i].limit;
		scenario_decide();
		assert_row_string(mem_printf(&pool, "row %zu", i), conf_of("thp"), cases[i].thp);
		scenario_close();
	}
}

static void test_unknown_cpus(void **state)
{
	(void)state;
	scenario_open("laptop-one-node", no_variables, WORDS("x"));
	scenario.machine.facts.cpu.effective = FACT_UNKNOWN;
	scenario_decide();
	assert_null(conf_of("narenas"));
	scenario_close();
}

/* Profile, policy file, the user's MALLOC_CONF, ALLOCRUN_CONF, --conf: the later wins. */
static void test_layers(void **state)
{
	static const char *const environment[] = {
		"MALLOC_CONF=dirty_decay_ms:5000,narenas:7,tcache_max:64",
		"ALLOCRUN_CONF=narenas:8,retain:false",
		NULL,
	};
	const char *error;

	(void)state;
	scenario_open("laptop-one-node", environment, WORDS("--conf=retain:true", "x"));
	assert_int_equal(options_assign(&pool, &scenario.options, KEY_CONF,
					"tcache_max:32,muzzy_decay_ms:1,lg_tcache_max:9", ORIGIN_POLICY_FILE,
					"p.conf:2", &error),
			 0);
	scenario_decide();
	assert_string_equal(conf_of("background_thread"), "false"); /* profile */
	assert_string_equal(conf_of("muzzy_decay_ms"), "1");        /* policy file over profile */
	assert_string_equal(conf_of("lg_tcache_max"), "9");
	assert_string_equal(conf_of("tcache_max"), "64");       /* user over policy file */
	assert_string_equal(conf_of("dirty_decay_ms"), "5000"); /* user over profile */
	assert_string_equal(conf_of("narenas"), "8");           /* ALLOCRUN_CONF over user */
	assert_string_equal(conf_of("retain"), "true");         /* --conf over ALLOCRUN_CONF */
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
}

static void test_profile_section(void **state)
{
	struct profile_section section = { .name = "fast", .base = "throughput", .where = "p.conf:1" };

	(void)state;
	section.settings[KEY_CONF] = (struct setting){ "dirty_decay_ms:777,retain:true", ORIGIN_POLICY_FILE,
						       "p.conf:2" };
	section.settings[KEY_THP] = (struct setting){ "off", ORIGIN_POLICY_FILE, "p.conf:3" };
	scenario_open("laptop-one-node", no_variables, WORDS("--conf=retain:false", "x"));
	scenario.options.profiles = &section;
	scenario.options.n_profiles = 1;
	scenario.options.settings[KEY_PROFILE].text = "fast";
	scenario_decide();
	assert_string_equal(scenario.plan.profile, "fast");
	assert_string_equal(conf_of("dirty_decay_ms"), "777");
	assert_string_equal(conf_of("retain"), "false");
	assert_string_equal(conf_of("metadata_thp"), "auto"); /* of the base */
	assert_string_equal(conf_of("thp"), "never");
	scenario_close();
}

/* A section that says "auto" means what the command line's "auto" means. */
static void test_profile_section_with_allocator_auto(void **state)
{
	struct profile_section section = { .name = "fast", .base = "balanced", .where = "p.conf:1" };

	(void)state;
	section.settings[KEY_ALLOCATOR] = (struct setting){ "auto", ORIGIN_POLICY_FILE, "p.conf:2" };
	scenario_open("laptop-one-node", no_variables, WORDS("x"));
	scenario.options.profiles = &section;
	scenario.options.n_profiles = 1;
	scenario.options.settings[KEY_PROFILE].text = "fast";
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	scenario_close();
}

/* From the environment: said, left out, and the rest is merged. */
static void test_malformed_malloc_conf(void **state)
{
	static const char *const environment[] = {
		"MALLOC_CONF=narena:3,tcache_max:64,background_thread=true,dirty_decay_ms:soon,",
		NULL,
	};

	(void)state;
	scenario_open("laptop-one-node", environment, WORDS("x"));
	scenario_decide();
	assert_string_equal(conf_of("tcache_max"), "64");
	assert_string_equal(conf_of("narenas"), "16");
	assert_string_equal(conf_of("dirty_decay_ms"), "5000");
	assert_int_equal(scenario.plan.n_warnings, 3);
	assert_true(scenario_warns("MALLOC_CONF: no jemalloc option 'narena' (did you mean 'narenas'?); left out"));
	assert_true(scenario_warns("MALLOC_CONF: 'background_thread=true' is not of the form key:value; left out"));
	assert_true(scenario_warns(
		"MALLOC_CONF: jemalloc option 'dirty_decay_ms' wants a number or -1, not 'soon'; left out"));
	scenario_close();
	scenario_open("laptop-one-node", WORDS("MALLOC_CONF="), WORDS("x"));
	scenario_decide();
	assert_int_equal(scenario.plan.n_warnings, 0);
	assert_string_equal(conf_text(), "narenas:16,dirty_decay_ms:5000,background_thread:false,"
					 "muzzy_decay_ms:0,oversize_threshold:1048576,tcache_nslots_small_max:50");
	scenario_close();
}

static void test_never_purging_under_a_limit(void **state)
{
	(void)state;
	scenario_open(POD, no_variables, WORDS("--conf=dirty_decay_ms:-1", "x"));
	scenario_decide();
	assert_true(scenario_warns("dirty_decay_ms:-1"));
	assert_string_equal(conf_of("dirty_decay_ms"), "-1");
	scenario_close();
	scenario_open(POD, no_variables, WORDS("x"));
	scenario_decide();
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
	scenario_open("laptop-one-node", no_variables, WORDS("--conf=dirty_decay_ms:-1", "x"));
	scenario_decide();
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
}

/* A build without heap profiling would complain about each such key in every process. */
static void test_prof(void **state)
{
	char prof[] = "prof", *features[] = { prof, NULL };

	(void)state;
	scenario_open("laptop-one-node", WORDS("MALLOC_CONF=lg_prof_interval:30"),
		      WORDS("--conf=prof:true,prof_prefix:/tmp/x,narenas:3", "x"));
	scenario_decide();
	assert_null(conf_of("prof"));
	assert_null(conf_of("prof_prefix"));
	assert_null(conf_of("lg_prof_interval"));
	assert_string_equal(conf_of("narenas"), "3");
	assert_true(scenario_warns("left out, for jemalloc-5.3.1-x86_64-glibc is built without it: "));
	scenario_close();
	/* Of a foreign build nobody knows. */
	scenario_open("laptop-one-node", no_variables,
		      WORDS("--allocator=/opt/libjemalloc.so", "--conf=prof:true", "x"));
	scenario.builds[0].is_bundled = false;
	scenario.builds[0].path = mem_strdup(&pool, "/opt/libjemalloc.so");
	scenario_decide();
	assert_string_equal(conf_of("prof"), "true");
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
	scenario_open("laptop-one-node", no_variables, WORDS("--profile=debug", "x"));
	scenario.builds[0].variant = mem_strdup(&pool, "prof");
	scenario.builds[0].features = features;
	scenario_decide();
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	assert_string_equal(conf_of("prof"), "true");
	assert_string_equal(conf_of("prof_active"), "false");
	assert_string_equal(conf_of("lg_prof_sample"), "19");
	assert_int_equal(scenario.plan.n_warnings, 0);
	scenario_close();
}

static void test_off(void **state)
{
	(void)state;
	scenario_open("laptop-one-node", no_variables, WORDS("--off=options", "x"));
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_OFF);
	assert_ptr_equal(scenario.plan.build, &scenario.builds[0]);
	scenario_close();
	/* Without a preload MALLOC_CONF would be read by nobody. */
	scenario_open("laptop-one-node", no_variables, WORDS("--off=preload", "x"));
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_NOTHING);
	scenario_close();
}

static const char *variable_of(const char *name)
{
	return scenario_find(STEP_OPTIONS, name)->u.environment.text;
}

static void test_mimalloc(void **state)
{
	(void)state;
	scenario_open(HGX, no_variables, WORDS("--allocator=mimalloc", "--mimalloc=arena_reserve=2G", "x"));
	scenario_decide();
	assert_string_equal(variable_of("MIMALLOC_ARENA_RESERVE"), "2G");
	scenario_close();
	/* Where nobody purges while the process idles, it is done at once. */
	scenario_open(HGX, no_variables, WORDS("--allocator=mimalloc", "x"));
	scenario.builds[1].features = NULL;
	scenario_decide();
	assert_string_equal(variable_of("MIMALLOC_PURGE_DELAY"), "0");
	scenario_close();
	scenario_open(HGX, no_variables, WORDS("--allocator=mimalloc", "--thp=off", "--profile=latency", "x"));
	scenario_decide();
	assert_string_equal(variable_of("MIMALLOC_ALLOW_THP"), "0");
	scenario_close();
	scenario_open(HGX, no_variables, WORDS("--allocator=mimalloc", "--profile=latency", "x"));
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_NOTHING);
	scenario_close();
	/* The user's own value wins over the profile's. */
	scenario_open(HGX, WORDS("MIMALLOC_PURGE_DELAY=500"), WORDS("--allocator=mimalloc", "x"));
	scenario.builds[1].features = NULL;
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, "MIMALLOC_PURGE_DELAY")->outcome, OUTCOME_NOTHING);
	scenario_close();
}

static void test_glibc(void **state)
{
	(void)state;
	scenario_open(HGX, no_variables, WORDS("--allocator=system", "x"));
	scenario_decide();
	assert_string_equal(variable_of("GLIBC_TUNABLES"), "glibc.malloc.arena_max=2");
	scenario_close();
	scenario_open(HGX, no_variables,
		      WORDS("--allocator=system", "--profile=memory", "--glibc=hugetlb=1,arena_max=4", "x"));
	scenario_decide();
	assert_string_equal(variable_of("GLIBC_TUNABLES"),
			    "glibc.malloc.arena_max=4:glibc.malloc.mmap_threshold=131072:"
			    "glibc.malloc.trim_threshold=131072:glibc.malloc.hugetlb=1");
	scenario_close();
	/* Foreign tunables stay, the user's own are not set again, in either spelling. */
	scenario_open(HGX, WORDS("GLIBC_TUNABLES=glibc.pthread.rseq=0:glibc.malloc.mmap_threshold=1"),
		      WORDS("--allocator=system", "--profile=memory", "x"));
	scenario_decide();
	assert_string_equal(variable_of("GLIBC_TUNABLES"),
			    "glibc.pthread.rseq=0:glibc.malloc.mmap_threshold=1:"
			    "glibc.malloc.arena_max=2:glibc.malloc.trim_threshold=131072");
	scenario_close();
	scenario_open(HGX, WORDS("MALLOC_ARENA_MAX=4"), WORDS("--allocator=system", "x"));
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_NOTHING);
	scenario_close();
	/* musl knows no tunables. */
	scenario_open(HGX, no_variables, WORDS("--allocator=system", "x"));
	scenario.machine.facts.command.libc = LIBC_MUSL;
	scenario_decide();
	assert_int_equal(scenario_find(STEP_OPTIONS, NULL)->outcome, OUTCOME_NOTHING);
	scenario_close();
}

/* The command line is over everything, for these two as for --conf. */
static void test_command_line_over_the_environment(void **state)
{
	(void)state;
	scenario_open(HGX, WORDS("MIMALLOC_PURGE_DELAY=500"),
		      WORDS("--allocator=mimalloc", "--mimalloc=purge_delay=7", "x"));
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_OPTIONS, "MIMALLOC_PURGE_DELAY")), "7");
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_jemalloc),
		SCENARIO_TEST(test_memory_limit),
		SCENARIO_TEST(test_thp_near_a_limit),
		SCENARIO_TEST(test_unknown_cpus),
		SCENARIO_TEST(test_layers),
		SCENARIO_TEST(test_profile_section),
		SCENARIO_TEST(test_profile_section_with_allocator_auto),
		SCENARIO_TEST(test_malformed_malloc_conf),
		SCENARIO_TEST(test_never_purging_under_a_limit),
		SCENARIO_TEST(test_prof),
		SCENARIO_TEST(test_off),
		SCENARIO_TEST(test_mimalloc),
		SCENARIO_TEST(test_glibc),
		SCENARIO_TEST(test_command_line_over_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
