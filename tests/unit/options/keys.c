/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "options/options.h"
#include "support/pool.h"
#include "util/size.h"

#define VALUES_MAX 32

/* Each key, with values that it takes and values that it refuses. */
static const struct {
	enum key key;
	const char *good[VALUES_MAX], *bad[VALUES_MAX];
} values[] = {
	{ KEY_ALLOCATOR,
	  { "auto", "jemalloc", "mimalloc", "system", "jemalloc-5.3.1", "mimalloc-3.5.0-x86_64-glibc",
	    "/opt/lib/libfoo.so", "jemalloc,system", "mimalloc,jemalloc-5.3.1,system" },
	  { "", "jemaloc", "JEMALLOC", "jemalloc-", "jemallocs", "tcmalloc", "system-1", "auto-1", "lib.so", "./lib.so",
	    "jemalloc,", ",jemalloc", "jemalloc,,system", "jemalloc, system", "jemalloc system", "-5.3.1",
	    "auto,system", "jemalloc,auto" } },
	{ KEY_CONF,
	  { "", "narenas:4", "narenas:4,retain:true," },
	  { "narenas=4", "narena:4", "narenas:", "narenas:4,x", "background_thread:1" } },
	{ KEY_MIMALLOC,
	  { "", "purge_delay=0", "purge_delay=-1,arena_reserve=2G" },
	  { "purge_delay:0", "purge=0", "arena_reserve=2X" } },
	{ KEY_GLIBC,
	  { "", "arena_max=2", "arena_max=2,hugetlb=1" },
	  { "arena_max:2", "arena_max=", "arenas=2", "arena_max=two" } },
	{ KEY_PURGE_THREAD,
	  { "", "window_ms:100,idle_ms:3600000", "thread:false", "busy_percent:1,heap_mb:64" },
	  { "window_ms=100", "window_ms:99", "window_ms:3600001", "window_ms:-100", "window_ms:0x100", "idle_ms:1s",
	    "busy_percent:0", "busy_percent:101", "thread:off", "window:5", "heap_mb:99999999999999999999" } },
	{ KEY_NUMA,
	  { "auto", "off", "gpu", "interleave", "0", "0-3", "0,2-3", "0-6:2", "1023", "8191" },
	  { "", "autom", "GPU", "on", "node0", "-1", "0-", "0,,1", "3-1", "8192", "0-3:0", "0x1", "0;1",
	    "99999999999999999999" } },
	{ KEY_THP, { "inherit", "off", "advised", "on" }, { "", "madvise", "always", "never", "On", "of", "advise" } },
	{ KEY_PROFILE, { "balanced", "anything", "with space" }, { "" } },
	{ KEY_CHILDREN,
	  { "keep", "drop", "python3", "vllm,ray::IDLE,a b" },
	  { "", "/bin/sh", "a,b/c", "keep,a", "a,drop", "a,,b", ",", "a," } },
	{ KEY_NUMA_STRICT,
	  { "yes", "true", "on", "1", "no", "false", "off", "0" },
	  { "", "y", "2", "YES", "enable", "01" } },
	{ KEY_MEMLOCK,
	  { "inherit", "hard", "unlimited", "0", "65536", "64K", "64m", "8G", "1GiB" },
	  { "", "soft", "-1", "64X", "64MB", "1.5G", "infinity", " 64M", "64 M", "9223372036854775807", "8388608T" } },
	{ KEY_CORE, { "inherit", "hard", "unlimited", "0", "1TiB" }, { "", "none", "-1", "Unlimited" } },
	{ KEY_OOM_SCORE_ADJ,
	  { "inherit", "0", "-1000", "1000", "-1" },
	  { "", "-1001", "1001", "high", "1.5", "5x", "-", "99999999999999999999" } },
	{ KEY_USER,
	  { "nobody", "1000", "nobody:nogroup", "1000:1000", "a.b-c_d", "0:0" },
	  { "", ":", ":1000", "nobody:", "a:b:c", "a b", "a\tb", "a/b", "a:b/c" } },
	{ KEY_KEEP_CAPS,
	  { "all", "none", "net_bind_service", "cap_net_bind_service", "CAP_SYS_NICE", "SYS_NICE",
	    "sys_nice,ipc_lock" },
	  { "", "sys_nicer", "all,sys_nice", "sys_nice,", ",sys_nice", "sys_nice,,ipc_lock", "cap_" } },
	{ KEY_NO_NEW_PRIVS, { "yes", "no", "1", "0" }, { "", "maybe" } },
	{ KEY_RECORD, { "auto", "none", "/run/x.json", "relative.json" }, { "" } },
	{ KEY_REQUIRE,
	  { "preload", "affinity,mempolicy,thp,rlimits,oom-score,preload,options,user,caps,no-new-privs" },
	  { "", "preloads", "preload,", "preload,,caps", "oom_score", "PRELOAD", "all", "preload caps" } },
	{ KEY_PREFER, { "caps", "caps,user" }, { "", "cap" } },
	{ KEY_OFF, { "rlimits", "thp,mempolicy" }, { "", "rlimit" } },
};

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(sizeof values / sizeof *values, KEY_COUNT);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *error;

		assert_int_equal(values[i].key, i);
		for (size_t k = 0; values[i].good[k]; k++) {
			error = "";
			assert_row_int(mem_printf(&pool, "%s=%s", key_name(values[i].key), values[i].good[k]),
				       key_check_value(&pool, values[i].key, values[i].good[k], &error), 0);
			assert_string_equal(error, "");
		}
		for (size_t k = 0; values[i].bad[k]; k++) {
			error = NULL;
			assert_row_int(mem_printf(&pool, "%s=%s", key_name(values[i].key), values[i].bad[k]),
				       key_check_value(&pool, values[i].key, values[i].bad[k], &error), -EINVAL);
			/* The end of "bad value 'X' for KEY ". */
			assert_non_null(error);
			assert_true(error[0] == '(' || error[0] == '\'');
		}
	}
}

/* What only begins as a name does would silently drop the rest. */
static void test_capabilities_are_whole_words(void **state)
{
	static const char *const bad[] = {
		"sys_nice:ipc_lock", "sys_nice ipc_lock", "sys_nice=ep", "sys_nice1", "cap_sys_nice+ep",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *error = "";

		assert_row_int(bad[i], key_check_value(&pool, KEY_KEEP_CAPS, bad[i], &error), -EINVAL);
	}
}

static void test_reasons(void **state)
{
	static const struct {
		enum key key;
		const char *text, *reason;
	} cases[] = {
		{ KEY_ALLOCATOR, "jemaloc",
		  "(did you mean 'jemalloc'?), or NAME-VERSION as --list shows it, or /PATH.so" },
		{ KEY_ALLOCATOR, "tcmalloc,system",
		  "'tcmalloc' (did you mean 'jemalloc'?), or NAME-VERSION as --list shows it, or /PATH.so" },
		{ KEY_ALLOCATOR, "jemalloc,", "(an empty name in the list)" },
		{ KEY_CONF, "naremas:4", "(no jemalloc option 'naremas' (did you mean 'narenas'?))" },
		{ KEY_NUMA, "aut", "(did you mean 'auto'?), or nodes as in 0,2-3" },
		{ KEY_NUMA, "0-", "(nodes are written as in 0,2-3)" },
		{ KEY_THP, "adviced", "(did you mean 'advised'?)" },
		{ KEY_THP, "always", "(one of: inherit, off, advised, on)" },
		{ KEY_MEMLOCK, "64X", "(inherit, hard, unlimited, or a size as in 64M)" },
		{ KEY_OOM_SCORE_ADJ, "1001", "(inherit, or a number from -1000 to 1000)" },
		{ KEY_USER, "a:", "(NAME or UID, with :GROUP or :GID when wanted)" },
		{ KEY_REQUIRE, "prelod", "(did you mean 'preload'?)" },
		{ KEY_REQUIRE, "caps,prelod", "'prelod' (did you mean 'preload'?)" },
		{ KEY_RECORD, "", "(it is empty)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *error = NULL;

		assert_int_equal(key_check_value(&pool, cases[i].key, cases[i].text, &error), -EINVAL);
		assert_row_string(cases[i].text, error, cases[i].reason);
	}
}

static void test_size_parse(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "007", 0, 7 },
		{ "1K", 0, 1024 },
		{ "1k", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "64M", 0, INT64_C(64) << 20 },
		{ "3GiB", 0, INT64_C(3) << 30 },
		{ "2T", 0, INT64_C(2) << 40 },
		{ "unlimited", 0, FACT_UNLIMITED },
		/* The largest number means "unlimited", so the one below is the largest size. */
		{ "9223372036854775806", 0, INT64_MAX - 1 },
		{ "9223372036854775807", -ERANGE, 0 },
		{ "8388607T", 0, INT64_C(8388607) << 40 },
		{ "8388608T", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18014398509481984K", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1B", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1Ki", -EINVAL, 0 },
		{ "1iB", -EINVAL, 0 },
		{ "1KiBx", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "UNLIMITED", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t value = -77;

		assert_row_int(cases[i].text, size_parse(cases[i].text, &value), cases[i].result);
		/* Untouched on failure. */
		assert_row_int(cases[i].text, value, cases[i].result ? -77 : cases[i].value);
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int n = 0; n < KEY_COUNT; n++) {
		assert_int_equal(key_find(key_name((enum key)n)), n);
		assert_non_null(key_help((enum key)n));
		assert_non_null(key_argument((enum key)n));
	}
	assert_int_equal(key_find("numa_strict"), KEY_NUMA_STRICT);
	assert_int_equal(key_find("oom_score-adj"), KEY_OOM_SCORE_ADJ);
	assert_int_equal(key_find("numa-"), KEY_COUNT);
	assert_int_equal(key_find("num"), KEY_COUNT);
	assert_int_equal(key_find("NUMA"), KEY_COUNT);
	assert_int_equal(key_find(""), KEY_COUNT);
}

static void test_switch(void **state)
{
	static const struct {
		const char *text;
		bool is_on;
	} cases[] = {
		{ "yes", true },    { "true", true }, { "on", true }, { "1", true },   { "no", false },
		{ "false", false }, { "off", false }, { "0", false }, { NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(setting_is_on(&(struct setting){ .text = cases[i].text }), cases[i].is_on);
}

static void test_assign(void **state)
{
	struct options o = { 0 };
	const char *error = NULL;

	(void)state;
	assert_int_equal(options_assign(&pool, &o, KEY_THP, "on", ORIGIN_ENVIRONMENT, "ALLOCRUN_THP", &error), 0);
	assert_string_equal(o.settings[KEY_THP].text, "on");
	assert_int_equal(o.settings[KEY_THP].origin, ORIGIN_ENVIRONMENT);
	assert_string_equal(o.settings[KEY_THP].where, "ALLOCRUN_THP");
	/* Refused: what was there stays. */
	assert_int_equal(options_assign(&pool, &o, KEY_THP, "of", ORIGIN_COMMAND_LINE, "--thp", &error), -EINVAL);
	assert_string_equal(error, "--thp: bad value 'of' for thp (did you mean 'off'?)");
	assert_string_equal(o.settings[KEY_THP].text, "on");
	assert_int_equal(o.settings[KEY_THP].origin, ORIGIN_ENVIRONMENT);
	/* Option strings of one origin add up; each origin is kept by itself. */
	assert_int_equal(options_assign(&pool, &o, KEY_CONF, "narenas:1", ORIGIN_POLICY_FILE, "p:1", &error), 0);
	assert_int_equal(options_assign(&pool, &o, KEY_CONF, "narenas:2", ORIGIN_COMMAND_LINE, "--conf", &error), 0);
	assert_int_equal(options_assign(&pool, &o, KEY_CONF, "retain:true", ORIGIN_COMMAND_LINE, "--conf", &error), 0);
	assert_string_equal(o.confs[0][ORIGIN_POLICY_FILE].text, "narenas:1");
	assert_null(o.confs[0][ORIGIN_ENVIRONMENT].text);
	assert_string_equal(o.confs[0][ORIGIN_COMMAND_LINE].text, "narenas:2,retain:true");
	assert_string_equal(o.settings[KEY_CONF].text, "narenas:2,retain:true");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),  TEST(test_capabilities_are_whole_words),
		TEST(test_reasons), TEST(test_size_parse),
		TEST(test_names),   TEST(test_switch),
		TEST(test_assign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
