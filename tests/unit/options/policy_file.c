/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/runner.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"

static int parse(struct options *o, const char *text, const char **error)
{
	*o = (struct options){ .check_ids = runner_list_ids(&pool, checks) };
	*error = NULL;
	return policy_file_parse(&pool, o, "p.conf", text, strlen(text), error);
}

static void test_sections(void **state)
{
	static const char text[] = "# a comment\n"
				   "; another one\n"
				   "\n"
				   "[launch]\n"
				   "profile = fast\n"
				   "  numa_strict: yes   ; with the file's other separator, and a comment\n"
				   "conf=narenas:4\n"
				   "conf = retain:true\n"
				   "memlock = 64M\n"
				   "require = caps, preload\n";
	struct options o;
	const char *error;

	(void)state;
	/* The blank in the last line belongs to no step. */
	assert_int_equal(parse(&o, text, &error), -EINVAL);
	assert_string_equal(error, "p.conf:10: bad value 'caps, preload' for require ' preload' "
				   "(did you mean 'preload'?)");
	assert_string_equal(o.settings[KEY_PROFILE].text, "fast");
	assert_string_equal(o.settings[KEY_PROFILE].where, "p.conf:5");
	assert_int_equal(o.settings[KEY_PROFILE].origin, ORIGIN_POLICY_FILE);
	assert_string_equal(o.settings[KEY_NUMA_STRICT].text, "yes");
	assert_string_equal(o.settings[KEY_NUMA_STRICT].where, "p.conf:6");
	assert_string_equal(o.confs[0][ORIGIN_POLICY_FILE].text, "narenas:4,retain:true");
	assert_string_equal(o.confs[0][ORIGIN_POLICY_FILE].where, "p.conf:8");
	assert_string_equal(o.settings[KEY_MEMLOCK].text, "64M");
	assert_null(o.settings[KEY_THP].text);
}

static void test_ladders(void **state)
{
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, "[launch]\nrequire = preload,caps\noff = thp\nprefer = caps\n", &error), 0);
	assert_int_equal(o.ladders[STEP_PRELOAD].ladder, LADDER_REQUIRE);
	assert_string_equal(o.ladders[STEP_PRELOAD].where, "p.conf:2");
	assert_int_equal(o.ladders[STEP_CAPS].ladder, LADDER_PREFER);
	assert_string_equal(o.ladders[STEP_CAPS].where, "p.conf:4");
	assert_int_equal(o.ladders[STEP_THP].ladder, LADDER_OFF);
	assert_null(o.ladders[STEP_AFFINITY].where);
}

static void test_profiles(void **state)
{
	static const char text[] = "[profile fast]\n"
				   "base = throughput\n"
				   "conf = narenas:8\n"
				   "numa = gpu\n"
				   "[profile memory]\n"
				   "thp = off\n"
				   "[profile new]\n"
				   "allocator = mimalloc,system\n"
				   "[profile fast]\n"
				   "numa = off\n";
	const struct profile_section *p;
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, text, &error), 0);
	assert_int_equal(o.n_profiles, 3);
	p = &o.profiles[0];
	assert_string_equal(p->name, "fast");
	assert_string_equal(p->base, "throughput");
	assert_string_equal(p->where, "p.conf:1");
	assert_string_equal(p->settings[KEY_CONF].text, "narenas:8");
	/* Opened a second time: its later value wins, the others stay. */
	assert_string_equal(p->settings[KEY_NUMA].text, "off");
	assert_string_equal(p->settings[KEY_NUMA].where, "p.conf:10");
	assert_int_equal(p->settings[KEY_NUMA].origin, ORIGIN_POLICY_FILE);
	/* One of ours changed stands on itself, a new one on balanced. */
	assert_string_equal(o.profiles[1].name, "memory");
	assert_string_equal(o.profiles[1].base, "memory");
	assert_string_equal(o.profiles[1].settings[KEY_THP].text, "off");
	assert_string_equal(o.profiles[2].base, "balanced");
	assert_string_equal(o.profiles[2].settings[KEY_ALLOCATOR].text, "mimalloc,system");
}

static void test_units(void **state)
{
	static const char text[] = "[units]\n"
				   "vllm.service = on\n"
				   "web@.service: on ; all of them\n"
				   "web@b.service = off\n"
				   "[launch]\n"
				   "[units]\n"
				   "vllm.service = off\n";
	const struct unit_item *unit;
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, text, &error), 0);
	assert_int_equal(o.unit_policy.n, 3);
	/* The later of two wins. */
	unit = unit_policy_find(&o.unit_policy, "vllm.service");
	assert_false(unit->is_on);
	assert_string_equal(unit->where, "p.conf:7");
	assert_true(unit_policy_find(&o.unit_policy, "web@.service")->is_on);
	assert_false(unit_policy_find(&o.unit_policy, "web@b.service")->is_on);
	assert_null(unit_policy_find(&o.unit_policy, "web@c.service"));
}

#define LINE_63 "# 3456789 123456789 123456789 123456789 123456789 123456789 12\n"

static const struct {
	const char *text, *error;
} bad_texts[] = {
	{ "numa = off\n", "p.conf:1: 'numa' stands before any section; put it below [launch]" },
	{ "[launch]\nnuma\n", "p.conf:2: neither 'key = value' nor [section]" },
	{ "[launch\n", "p.conf:1: neither 'key = value' nor [section]" },
	{ "\n\n[launch]\n\n\nnumb = off\n", "p.conf:6: no key 'numb' in [launch] (did you mean 'numa'?)" },
	{ "[launch]\nnuma = of", "p.conf:2: bad value 'of' for numa (did you mean 'off'?), or nodes as in 0,2-3" },
	{ "[launch]\nnuma =\n",
	  "p.conf:2: bad value '' for numa (one of: auto, off, gpu, interleave), or nodes as in 0,2-3" },
	{ "[launch]\nmemlock = 99999999999T\n",
	  "p.conf:2: bad value '99999999999T' for memlock (inherit, hard, unlimited, or a size as in 64M)" },
	{ "[launch]\noom-score-adj = -1001\n",
	  "p.conf:2: bad value '-1001' for oom-score-adj (inherit, or a number from -1000 to 1000)" },
	{ "[launch]\nconf = naremas:4\n",
	  "p.conf:2: bad value 'naremas:4' for conf (no jemalloc option 'naremas' (did you mean 'narenas'?))" },
	{ "[lanuch]\nnuma = off\n", "p.conf:1: no section [lanuch] (did you mean 'launch'?)" },
	{ "[serve]\nnuma = off\n", "p.conf:1: no section [serve] (one of: launch, profile NAME, node, check, units)" },
	{ "[profile]\nnuma = off\n",
	  "p.conf:1: no section [profile] (one of: launch, profile NAME, node, check, units)" },
	{ "[profile ]\nnuma = off\n", "p.conf:1: no section [profile ] (did you mean 'profile NAME'?)" },
	{ "[node]\nnuma-balancng = 0\n",
	  "p.conf:2: no key 'numa-balancng' in [node] (did you mean 'numa-balancing'?)" },
	{ "[check]\nspare = x\n", "p.conf:2: bad value 'x' for spare (a number from 0 to 100)" },
	{ "[units]\nvllm = on\n", "p.conf:2: 'vllm' is no service's name (write: vllm.service)" },
	{ "[units]\nvllm.service = yes\n", "p.conf:2: bad value 'yes' for vllm.service (one of: on, off)" },
	{ "[unit]\nvllm.service = on\n", "p.conf:1: no section [unit] (did you mean 'units'?)" },
	{ "[profile a]\nbase = balancd\n", "p.conf:2: no built-in profile 'balancd' (did you mean 'balanced'?)" },
	/* Only what a profile is about; the rest belongs to [launch]. */
	{ "[profile a]\nmemlock = 64M\n",
	  "p.conf:2: no key 'memlock' in [profile a] (one of: allocator, conf, mimalloc, glibc, purge-thread, numa, thp, base)" },
	{ "[profile a]\nprofile = b\n",
	  "p.conf:2: no key 'profile' in [profile a] (one of: allocator, conf, mimalloc, glibc, purge-thread, numa, thp, base)" },
	{ "[profile a]\nthp = offf\n", "p.conf:2: bad value 'offf' for thp (did you mean 'off'?)" },
	{ LINE_63 LINE_63 LINE_63 "[launch]\n" LINE_63 "x = y\n",
	  "p.conf:6: no key 'x' in [launch] (one of: allocator, conf, mimalloc, glibc, purge-thread, numa, thp, "
	  "profile, children, numa-strict, memlock, core, oom-score-adj, user, keep-caps, no-new-privs, record, "
	  "require, prefer, off)" },
	/* Of two errors the first; nothing behind it is read. */
	{ "[launch]\nnumb = 1\nthpp = 2\n", "p.conf:2: no key 'numb' in [launch] (did you mean 'numa'?)" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
		struct options o;
		const char *error;

		assert_row_int(bad_texts[i].text, parse(&o, bad_texts[i].text, &error), -EINVAL);
		assert_row_string(bad_texts[i].text, error, bad_texts[i].error);
	}
}

/* The first of two errors, whichever of the two layers sees it. */
static void test_first_error(void **state)
{
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, "[launch]\ngarbage\nnumb = 1\n", &error), -EINVAL);
	assert_string_equal(error, "p.conf:2: neither 'key = value' nor [section]");
	assert_int_equal(parse(&o, "[launch\nnuma = off\n", &error), -EINVAL);
	assert_string_equal(error, "p.conf:1: neither 'key = value' nor [section]");
}

/* A section that nobody knows is an error although nothing stands in it. */
static void test_empty_unknown_section(void **state)
{
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, "[launch]\nnuma = off\n[lanuch]\n# numa = gpu\n", &error), -EINVAL);
	assert_string_equal(error, "p.conf:3: no section [lanuch] (did you mean 'launch'?)");
}

/* A profile without any value of its own is its base under another name. */
static void test_empty_profile(void **state)
{
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse(&o, "[profile plain]\n", &error), 0);
	assert_int_equal(o.n_profiles, 1);
	assert_string_equal(o.profiles[0].name, "plain");
	assert_string_equal(o.profiles[0].base, "balanced");
}

/* Names that are cut would be two profiles that are one. */
static void test_long_profile_name(void **state)
{
	static const char name[] = "a-profile-whose-name-is-longer-than-fifty-bytes-in-all";
	struct options o;
	const char *error;
	char *text = mem_printf(&pool, "[profile %s]\nnuma = off\n", name);

	(void)state;
	if (parse(&o, text, &error) == 0)
		assert_string_equal(o.profiles[0].name, name);
	else
		assert_non_null(strstr(error, "p.conf:1: "));
}

static void test_forms(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "no newline at the end", "[launch]\nnuma = off" },
		{ "CRLF", "[launch]\r\nnuma = off\r\n" },
		{ "byte order mark", "\xef\xbb\xbf[launch]\nnuma = off\n" },
		{ "blanks and tabs", "  \t[launch]\n\t numa\t=\t off \t\n" },
		{ "inline comment", "[launch]\nnuma = off ; not on\n" },
		{ "empty lines", "\n\n\n[launch]\n\n\nnuma = off\n\n" },
		{ "colon", "[launch]\nnuma: off\n" },
		{ "the later of two wins", "[launch]\nnuma = gpu\nnuma = off\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct options o;
		const char *error;
		int r = parse(&o, cases[i].text, &error);

		assert_row_string(cases[i].name, error, NULL);
		assert_row_int(cases[i].name, r, 0);
		assert_row_string(cases[i].name, o.settings[KEY_NUMA].text, "off");
	}
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing\n", "[launch]\n", "\xef\xbb\xbf" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct options o;
		const char *error;

		assert_row_int(texts[i], parse(&o, texts[i], &error), 0);
		for (int k = 0; k < KEY_COUNT; k++)
			assert_null(o.settings[k].text);
	}
}

static void test_binary(void **state)
{
	static const char text[] = "[launch]\nnuma = off\nconf = \0\n";
	static const char elf[] = "\x7f"
				  "ELF\2\1\1\0\0\0\0\0";
	struct options o = { .check_ids = runner_list_ids(&pool, checks) };
	const char *error = NULL;

	(void)state;
	assert_int_equal(policy_file_parse(&pool, &o, "p.conf", text, sizeof text - 1, &error), -EINVAL);
	assert_string_equal(error, "p.conf:3: this is not text");
	error = NULL;
	assert_int_equal(policy_file_parse(&pool, &o, "p.conf", elf, sizeof elf - 1, &error), -EINVAL);
	assert_string_equal(error, "p.conf:1: this is not text");
	error = NULL;
	/* `length` counts, not a NUL byte behind it. */
	assert_int_equal(policy_file_parse(&pool, &o, "p.conf", "[launch]\nnumb = 1\n", 9, &error), 0);
}

/* "[launch]\nconf = prof_prefix:xxx…\n" with a second line of `length` bytes, its end included. */
static int parse_line(size_t length, struct options *o, const char **error)
{
	char *text = mem_alloc(&pool, length + 32), *line;
	size_t head;

	line = text + sprintf(text, "[launch]\n");
	head = (size_t)sprintf(line, "conf = prof_prefix:");
	memset(line + head, 'x', length - head - 1);
	line[length - 1] = '\n';
	return parse(o, text, error);
}

static void test_long_lines(void **state)
{
	struct options o;
	const char *error;

	(void)state;
	assert_int_equal(parse_line(4000, &o, &error), 0);
	assert_int_equal(strlen(o.settings[KEY_CONF].text), 4000 - strlen("conf = \n"));
	/* 4096 bytes with the end of the line and of the string. */
	assert_int_equal(parse_line(4095, &o, &error), 0);
	assert_int_equal(strlen(o.settings[KEY_CONF].text), 4095 - strlen("conf = \n"));
	assert_int_equal(parse_line(4096, &o, &error), -EINVAL);
	assert_string_equal(error, "p.conf:2: the line is longer than 4094 bytes");
	assert_int_equal(parse_line(100000, &o, &error), -EINVAL);
	assert_string_equal(error, "p.conf:2: the line is longer than 4094 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sections),
		TEST(test_ladders),
		TEST(test_profiles),
		TEST(test_errors),
		TEST(test_units),
		TEST(test_first_error),
		TEST(test_empty_unknown_section),
		TEST(test_empty_profile),
		TEST(test_long_profile_name),
		TEST(test_forms),
		TEST(test_empty),
		TEST(test_binary),
		TEST(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
