/* SPDX-License-Identifier: Apache-2.0 */
/* When a bundled jemalloc gets its purge thread, with which options, and who is not overruled. */
#include "support/scenario.h"

static const struct operation *purge(void)
{
	return scenario_find(STEP_OPTIONS, "ALLOCRUN_PURGE");
}

struct purge_case {
	const char *environment[3];
	const char *words[SCENARIO_WORDS_MAX];
	const char *text; /* of the variable; NULL: it is left alone, or taken away */
	const char *why;  /* then */
};

static const struct purge_case cases[] = {
	{ { NULL }, { "x" }, "window_ms:5000,idle_ms:1500", NULL },
	{ { NULL }, { "--profile=memory", "x" }, "window_ms:2000,idle_ms:500", NULL },
	{ { NULL }, { "--profile=latency", "x" }, "window_ms:15000,idle_ms:1500", NULL },
	{ { NULL },
	  { "--purge-thread=idle_ms:99,heap_mb:1", "--purge-thread=idle_ms:77", "x" },
	  "window_ms:5000,idle_ms:77,heap_mb:1",
	  NULL },
	/* What an allocrun above has set is not the user's. */
	{ { "ALLOCRUN_PURGE=window_ms:1000" }, { "x" }, "window_ms:5000,idle_ms:1500", NULL },
	{ { "ALLOCRUN_PURGE_THREAD=window_ms:1000" }, { "x" }, "window_ms:1000,idle_ms:1500", NULL },
	{ { NULL }, { "--purge-thread=thread:false", "x" }, NULL, "no purge thread: thread:false (--purge-thread)" },
	{ { "MALLOC_CONF=background_thread:true" },
	  { "x" },
	  NULL,
	  "no purge thread: background_thread:true (MALLOC_CONF) asks for jemalloc's own" },
	{ { "MALLOC_CONF=dirty_decay_ms:5000" },
	  { "x" },
	  NULL,
	  "no purge thread: dirty_decay_ms:5000 (MALLOC_CONF) says when to purge" },
	{ { NULL },
	  { "--conf=dirty_decay_ms:-1", "x" },
	  NULL,
	  "no purge thread: dirty_decay_ms:-1 (--conf) says when to purge" },
	/* Asked for by name, it comes, and the decay is its safety net. */
	{ { NULL },
	  { "--conf=dirty_decay_ms:100", "--purge-thread=thread:true", "x" },
	  "window_ms:5000,idle_ms:1500",
	  NULL },
	{ { "ALLOCRUN_PURGE=window_ms:1000" },
	  { "--purge-thread=thread:false", "x" },
	  NULL,
	  "no purge thread: thread:false (--purge-thread)" },
	/* mimalloc has no decay, and a delay of its own. */
	{ { NULL }, { "--allocator=mimalloc", "x" }, "window_ms:5000,idle_ms:1500", NULL },
	{ { "MIMALLOC_PURGE_DELAY=0" },
	  { "--allocator=mimalloc", "x" },
	  NULL,
	  "no purge thread: purge_delay:0 (MIMALLOC_PURGE_DELAY) says when to purge" },
	{ { NULL },
	  { "--allocator=mimalloc", "--mimalloc=purge_delay=7", "x" },
	  NULL,
	  "no purge thread: purge_delay:7 (--mimalloc) says when to purge" },
	/* jemalloc's own is off wherever ours may be made. */
	{ { "MALLOC_CONF=narenas:3" }, { "x" }, "window_ms:5000,idle_ms:1500", NULL },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct purge_case *c = &cases[i];
		const char *row = mem_printf(&pool, "row %zu: %s %s", i, c->environment[0] ? c->environment[0] : "",
					     c->words[0]);

		scenario_open("laptop-one-node", c->environment, c->words);
		scenario_decide();
		assert_row_string(row, purge()->kind == OP_ENVIRONMENT ? purge()->u.environment.text : NULL, c->text);
		if (c->why)
			assert_row_string(row, purge()->why, c->why);
		/* Taken away where it is, left alone where it is not. */
		assert_row_int(row, purge()->kind == OP_ENVIRONMENT,
			       c->text ||
				       (c->environment[0] && strncmp(c->environment[0], "ALLOCRUN_PURGE=", 15) == 0));
		assert_row_int(row, (int)scenario.plan.n_warnings, 0);
		scenario_close();
	}
}

/* Without a thread of ours jemalloc's own is better than none: it purges while the process idles. */
static void test_build_without(void **state)
{
	(void)state;
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario.builds[0].features = NULL;
	scenario_decide();
	assert_string_equal(scenario_part(scenario_find(STEP_OPTIONS, "MALLOC_CONF"), "background_thread"), "true");
	for (size_t i = 0; i < scenario.plan.n_operations; i++)
		assert_string_not_equal(scenario.plan.operations[i].name, "ALLOCRUN_PURGE");
	scenario_close();
	scenario_open("laptop-one-node", NULL, WORDS("x"));
	scenario_decide();
	assert_string_equal(scenario_part(scenario_find(STEP_OPTIONS, "MALLOC_CONF"), "background_thread"), "false");
	scenario_close();
}

static void test_profile_section(void **state)
{
	struct profile_section section = { .name = "slow", .base = "balanced", .where = "p.conf:1" };

	(void)state;
	section.settings[KEY_PURGE_THREAD] = (struct setting){ "window_ms:60000,busy_percent:50", ORIGIN_POLICY_FILE,
							       "p.conf:2" };
	scenario_open("laptop-one-node", NULL, WORDS("--purge-thread=busy_percent:9", "x"));
	scenario.options.profiles = &section;
	scenario.options.n_profiles = 1;
	scenario.options.settings[KEY_PROFILE].text = "slow";
	scenario_decide();
	assert_string_equal(purge()->u.environment.text, "window_ms:60000,idle_ms:1500,busy_percent:9");
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_cases),
		SCENARIO_TEST(test_build_without),
		SCENARIO_TEST(test_profile_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
