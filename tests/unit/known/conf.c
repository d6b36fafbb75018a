/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "known/conf.h"
#include "support/pool.h"

#define ITEMS_MAX 5

struct parse_case {
	const char *name;
	enum conf_kind kind;
	const char *text;
	const char *format;              /* what was understood, written out again */
	const char *problems[ITEMS_MAX]; /* ended by NULL */
};

static const struct parse_case parse_cases[] = {
	/* jemalloc */
	{ "empty", CONF_JEMALLOC, "", "", { NULL } },
	{ "one", CONF_JEMALLOC, "narenas:4", "narenas:4", { NULL } },
	{ "in order",
	  CONF_JEMALLOC,
	  "background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:0",
	  "background_thread:true,dirty_decay_ms:10000,muzzy_decay_ms:0",
	  { NULL } },
	{ "the later of two wins, in the place of the first",
	  CONF_JEMALLOC,
	  "narenas:4,retain:true,narenas:8",
	  "narenas:8,retain:true",
	  { NULL } },
	{ "trailing comma", CONF_JEMALLOC, "narenas:4,", "narenas:4", { NULL } },
	{ "commas alone", CONF_JEMALLOC, ",,,", "", { NULL } },
	{ "negative where it means never",
	  CONF_JEMALLOC,
	  "dirty_decay_ms:-1,lg_tcache_max:-1",
	  "dirty_decay_ms:-1,lg_tcache_max:-1",
	  { NULL } },
	{ "hexadecimal, as jemalloc takes it",
	  CONF_JEMALLOC,
	  "oversize_threshold:0x800000",
	  "oversize_threshold:0x800000",
	  { NULL } },
	{ "words",
	  CONF_JEMALLOC,
	  "metadata_thp:auto,percpu_arena:phycpu,thp:never,dss:secondary",
	  "metadata_thp:auto,percpu_arena:phycpu,thp:never,dss:secondary",
	  { NULL } },
	{ "lists of sizes",
	  CONF_JEMALLOC,
	  "slab_sizes:1-4096:17|100-200:3,bin_shards:1-160:2",
	  "slab_sizes:1-4096:17|100-200:3,bin_shards:1-160:2",
	  { NULL } },
	{ "text with an equals sign", CONF_JEMALLOC, "prof_prefix:/tmp/a=b", "prof_prefix:/tmp/a=b", { NULL } },
	{ "no separator; the rest is read",
	  CONF_JEMALLOC,
	  "narenas=4,retain:true",
	  "retain:true",
	  { "'narenas=4' is not of the form key:value" } },
	{ "no key", CONF_JEMALLOC, ":4", "", { "':4' is not of the form key:value" } },
	{ "no value",
	  CONF_JEMALLOC,
	  "narenas:,prof_prefix:",
	  "",
	  { "jemalloc option 'narenas' wants a number above 0, not ''",
	    "jemalloc option 'prof_prefix' wants a value, not ''" } },
	{ "a number or a word", CONF_JEMALLOC, "narenas:default", "narenas:default", { NULL } },
	{ "a number or another word",
	  CONF_JEMALLOC,
	  "narenas:many",
	  "",
	  { "jemalloc option 'narenas' wants a number above 0, not 'many'" } },
	{ "unknown with a near name",
	  CONF_JEMALLOC,
	  "dirty_decay:1000,narenas:2",
	  "narenas:2",
	  { "no jemalloc option 'dirty_decay' (did you mean 'dirty_decay_ms'?)" } },
	{ "unknown with none near", CONF_JEMALLOC, "speed:11", "", { "no jemalloc option 'speed'" } },
	{ "keys are lower case", CONF_JEMALLOC, "NARENAS:2", "", { "no jemalloc option 'NARENAS'" } },
	{ "a blank belongs to the key",
	  CONF_JEMALLOC,
	  "retain:true, narenas:2",
	  "retain:true",
	  { "no jemalloc option ' narenas' (did you mean 'narenas'?)" } },
	{ "bad values, each said",
	  CONF_JEMALLOC,
	  "background_thread:yes,tcache_max:-1,metadata_thp:always ,narenas:2,dirty_decay_ms:10s",
	  "narenas:2",
	  { "jemalloc option 'background_thread' wants true or false, not 'yes'",
	    "jemalloc option 'tcache_max' wants a number, not '-1'",
	    "jemalloc option 'metadata_thp' wants one of: disabled auto always, not 'always '",
	    "jemalloc option 'dirty_decay_ms' wants a number or -1, not '10s'" } },
	{ "half a word",
	  CONF_JEMALLOC,
	  "metadata_thp:disab",
	  "",
	  { "jemalloc option 'metadata_thp' wants one of: disabled auto always, not 'disab'" } },
	{ "two words",
	  CONF_JEMALLOC,
	  "thp:default always",
	  "",
	  { "jemalloc option 'thp' wants one of: default always never, not 'default always'" } },
	{ "a bad value leaves the earlier one",
	  CONF_JEMALLOC,
	  "tcache_max:4096,tcache_max:big",
	  "tcache_max:4096",
	  { "jemalloc option 'tcache_max' wants a number, not 'big'" } },
	{ "more than 64 bits",
	  CONF_JEMALLOC,
	  "tcache_max:18446744073709551616",
	  "",
	  { "jemalloc option 'tcache_max' wants a number, not '18446744073709551616'" } },
	{ "signs",
	  CONF_JEMALLOC,
	  "tcache_max:+1,dirty_decay_ms:--1,stats_interval:-",
	  "",
	  { "jemalloc option 'tcache_max' wants a number, not '+1'",
	    "jemalloc option 'dirty_decay_ms' wants a number or -1, not '--1'",
	    "jemalloc option 'stats_interval' wants a number or -1, not '-'" } },
	/* mimalloc */
	{ "mimalloc",
	  CONF_MIMALLOC,
	  "purge_delay=0,arena_reserve=1G,allow_thp=0",
	  "purge_delay=0,arena_reserve=1G,allow_thp=0",
	  { NULL } },
	{ "mimalloc words and units",
	  CONF_MIMALLOC,
	  "allow_thp=no,arena_reserve=1GiB,verbose=on",
	  "allow_thp=no,arena_reserve=1GiB,verbose=on",
	  { NULL } },
	{ "mimalloc reads decimal numbers alone",
	  CONF_MIMALLOC,
	  "purge_delay=0x10",
	  "",
	  { "mimalloc option 'purge_delay' wants a number, not '0x10'" } },
	{ "mimalloc never purges", CONF_MIMALLOC, "purge_delay=-1", "purge_delay=-1", { NULL } },
	{ "mimalloc with jemalloc's separator",
	  CONF_MIMALLOC,
	  "purge_delay:0",
	  "",
	  { "'purge_delay:0' is not of the form key=value" } },
	{ "mimalloc unknown",
	  CONF_MIMALLOC,
	  "purge_dealy=0",
	  "",
	  { "no mimalloc option 'purge_dealy' (did you mean 'purge_delay'?)" } },
	{ "mimalloc sizes",
	  CONF_MIMALLOC,
	  "arena_reserve=,reserve_os_memory=-1,purge_delay=1K",
	  "",
	  { "mimalloc option 'arena_reserve' wants a size, as in 64M, not ''",
	    "mimalloc option 'reserve_os_memory' wants a size, as in 64M, not '-1'",
	    "mimalloc option 'purge_delay' wants a number, not '1K'" } },
	/* glibc */
	{ "glibc", CONF_GLIBC, "arena_max=2,hugetlb=1", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1", { NULL } },
	{ "glibc unknown",
	  CONF_GLIBC,
	  "arenas_max=2",
	  "",
	  { "no glibc tunable 'arenas_max' (did you mean 'arena_max'?)" } },
	{ "glibc negative", CONF_GLIBC, "arena_max=-1", "", { "glibc tunable 'arena_max' wants a number, not '-1'" } },
};

static void check_problems(const struct parse_case *c, const struct conf_problems *problems)
{
	size_t n = 0;

	for (; n < ITEMS_MAX && c->problems[n]; n++) {
		assert_row_string(c->name, n < problems->n ? problems->items[n].text : NULL, c->problems[n]);
	}
	assert_row_int(c->name, (long long)problems->n, (long long)n);
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parse_cases / sizeof *parse_cases; i++) {
		const struct parse_case *c = &parse_cases[i];
		struct conf_problems problems = { NULL, 0 };
		struct conf conf = { NULL, 0 };

		conf_parse(&pool, c->kind, c->text, "here", &conf, &problems);
		assert_row_string(c->name, conf_format(&pool, c->kind, &conf), c->format);
		check_problems(c, &problems);
		for (size_t k = 0; k < conf.n; k++)
			assert_row_string(c->name, conf.items[k].why, "here");
	}
}

static void test_layers(void **state)
{
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };

	(void)state;
	conf_parse(&pool, CONF_JEMALLOC, "narenas:4,dirty_decay_ms:10000", "profile", &conf, &problems);
	conf_parse(&pool, CONF_JEMALLOC, "dirty_decay_ms:5000,retain:true", "MALLOC_CONF", &conf, &problems);
	conf_parse(&pool, CONF_JEMALLOC, "retain:maybe", "--conf", &conf, &problems);
	assert_string_equal(conf_format(&pool, CONF_JEMALLOC, &conf), "narenas:4,dirty_decay_ms:5000,retain:true");
	assert_string_equal(conf_find(&conf, "narenas")->why, "profile");
	assert_string_equal(conf_find(&conf, "dirty_decay_ms")->why, "MALLOC_CONF");
	assert_string_equal(conf_find(&conf, "retain")->why, "MALLOC_CONF");
	assert_int_equal(problems.n, 1);
}

static void test_set_find_remove(void **state)
{
	struct conf conf = { NULL, 0 };

	(void)state;
	assert_null(conf_find(&conf, "a"));
	conf_remove(&conf, "a");
	conf_set(&pool, &conf, "a", "1", "one");
	conf_set(&pool, &conf, "b", "2", "two");
	conf_set(&pool, &conf, "c", "3", "three");
	conf_set(&pool, &conf, "a", "4", "four");
	assert_int_equal(conf.n, 3);
	assert_string_equal(conf_format(&pool, CONF_JEMALLOC, &conf), "a:4,b:2,c:3");
	assert_string_equal(conf_find(&conf, "a")->why, "four");
	conf_remove(&conf, "b");
	assert_int_equal(conf.n, 2);
	assert_null(conf_find(&conf, "b"));
	assert_string_equal(conf_format(&pool, CONF_MIMALLOC, &conf), "a=4,c=3");
	conf_remove(&conf, "none");
	conf_remove(&conf, "a");
	conf_remove(&conf, "c");
	assert_string_equal(conf_format(&pool, CONF_GLIBC, &conf), "");
}

/* The strings that people really use, none of which may be refused. */
static void test_strings_in_the_wild(void **state)
{
	static const char *const strings[] = {
		"background_thread:true,metadata_thp:auto,dirty_decay_ms:30000,muzzy_decay_ms:30000",
		"background_thread:true,tcache_max:4096,dirty_decay_ms:5000,muzzy_decay_ms:5000",
		"narenas:1,tcache_max:1024,dirty_decay_ms:1000,muzzy_decay_ms:0",
		"oversize_threshold:1,background_thread:true,metadata_thp:auto",
		"oversize_threshold:1,background_thread:true,metadata_thp:auto,dirty_decay_ms:-1,"
		"muzzy_decay_ms:-1",
		"percpu_arena:percpu,oversize_threshold:0,muzzy_decay_ms:0,dirty_decay_ms:5000,"
		"background_thread:true,lg_extent_max_active_fit:8",
		"prof:true,prof_active:false,lg_prof_sample:19",
		"abort_conf:true,narenas:default",
	};

	(void)state;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		struct conf_problems problems = { NULL, 0 };
		struct conf conf = { NULL, 0 };

		conf_parse(&pool, CONF_JEMALLOC, strings[i], "", &conf, &problems);
		assert_row_string(strings[i], problems.n ? problems.items[0].text : NULL, NULL);
		assert_row_string("format", conf_format(&pool, CONF_JEMALLOC, &conf), strings[i]);
	}
}

static void test_long_text(void **state)
{
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };
	char *text = mem_alloc(&pool, 100001);

	(void)state;
	memset(text, 'a', 100000);
	conf_parse(&pool, CONF_JEMALLOC, text, "", &conf, &problems);
	assert_int_equal(conf.n, 0);
	assert_int_equal(problems.n, 1);
	memcpy(text + 50000, ",retain:true,", 13);
	conf_parse(&pool, CONF_JEMALLOC, text, "", &conf, &problems);
	assert_int_equal(problems.n, 3);
	assert_string_equal(conf_format(&pool, CONF_JEMALLOC, &conf), "retain:true");
}

static void test_variables(void **state)
{
	static const struct {
		const char *text, *pieces;
	} rows[] = {
		{ "", "" },
		{ "glibc.malloc.arena_max=2", "arena_max=2;" },
		{ "glibc.cpu.x=1:glibc.malloc.a=1=2::x", "other;a=1=2;other;other;" },
		{ "glibc.malloc.:glibc.malloc.a:glibc.malloc.=3", "other;a;=3;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *cursor = rows[i].text;
		char *all = mem_strdup(&pool, "");

		for (struct conf_tunable t; conf_next_tunable(&pool, &cursor, &t);)
			all = mem_printf(&pool, "%s%s%s%s;", all, t.key ? t.key : "other", t.value ? "=" : "",
					 t.value ? t.value : "");
		assert_row_string(rows[i].text, all, rows[i].pieces);
	}
	assert_string_equal(conf_mimalloc_piece(&pool, "MIMALLOC_PURGE_DELAY=A"), "purge_delay=A");
	assert_null(conf_mimalloc_piece(&pool, "mimalloc_purge_delay=0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parse),     TEST(test_layers),    TEST(test_set_find_remove), TEST(test_strings_in_the_wild),
		TEST(test_long_text), TEST(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
