/* SPDX-License-Identifier: Apache-2.0 */
/* Kind P: who may overrule that privileges are given up. The table of allocrun(8), walked whole. */
#include "options/privileges.h"
#include "support/parse.h"

static const enum origin ranks[] = { ORIGIN_POLICY_FILE, ORIGIN_ENVIRONMENT, ORIGIN_COMMAND_LINE };

/* Key and value at an origin: a line of the policy, a variable or an option. */
struct said {
	const char *policy;
	const char *variables[4];
	const char *words[8];
	size_t n_variables, n_words;
};

static void say(struct said *said, enum origin origin, const char *key, const char *value)
{
	char *name;

	switch (origin) {
	case ORIGIN_POLICY_FILE:
		said->policy = mem_printf(&pool, "%s%s = %s\n", said->policy, key, value);
		break;
	case ORIGIN_ENVIRONMENT:
		name = mem_printf(&pool, "ALLOCRUN_%s=%s", key, value);
		for (char *c = name; *c != '='; c++)
			*c = *c == '-' ? '_' : *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
		said->variables[said->n_variables++] = name;
		break;
	default:
		said->words[said->n_words++] = mem_printf(&pool, "--%s=%s", key, value);
	}
}

static void read_both(enum origin asked, const char *key, const char *value, enum origin overruled, const char *by,
		      const char *with)
{
	struct said said = { .policy = "[launch]\n" };

	say(&said, asked, key, value);
	say(&said, overruled, by, with);
	said.words[said.n_words++] = "true";
	tree_write(&tree, "/etc/allocrun/policy.conf", said.policy);
	assert_int_equal(parse_below(said.variables, said.words), 0);
}

static void test_ladders(void **state)
{
	static const struct {
		const char *step, *key, *value;
		enum step which;
	} steps[] = {
		{ "user", "user", "nobody", STEP_USER },
		{ "caps", "keep-caps", "none", STEP_CAPS },
		{ "caps", "user", "nobody", STEP_CAPS }, /* a user that is not root keeps none */
		{ "no-new-privs", "no-new-privs", "yes", STEP_NO_NEW_PRIVS },
	};
	static const char *const ladders[] = { "off", "prefer" };

	(void)state;
	for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
		for (size_t i = 0; i < 9; i++) {
			enum origin asked = ranks[i / 3], overruled = ranks[i % 3];

			for (size_t l = 0; l < 2; l++) {
				enum ladder expected = overruled < asked ? LADDER_REQUIRE :
						       l == 0            ? LADDER_OFF :
									   LADDER_PREFER;
				char *row = mem_printf(&pool, "%s at %d, %s at %d", steps[s].key, asked, ladders[l],
						       overruled);

				read_both(asked, steps[s].key, steps[s].value, overruled, ladders[l], steps[s].step);
				assert_row_int(row, options.ladders[steps[s].which].ladder, expected);
				assert_row_int(row, (long long)options.n_warnings, overruled < asked);
				assert_row_int(row, options_gives_up(&options), true);
			}
		}
	}
}

/* Capabilities that a lower rank would keep for the user of a higher one. */
static void test_keep_caps(void **state)
{
	(void)state;
	for (size_t i = 0; i < 9; i++) {
		enum origin asked = ranks[i / 3], overruled = ranks[i % 3];
		char *row = mem_printf(&pool, "user at %d, keep-caps at %d", asked, overruled);

		read_both(asked, "user", "nobody", overruled, "keep-caps", "all");
		assert_row_string(row, options.settings[KEY_KEEP_CAPS].text, overruled < asked ? NULL : "all");
		assert_row_int(row, (long long)options.n_warnings, overruled < asked);
		/* To keep fewer is nobody's harm. */
		read_both(asked, "user", "nobody", overruled, "keep-caps", "none");
		assert_row_string(row, options.settings[KEY_KEEP_CAPS].text, "none");
	}
}

/* What gives nothing up is overruled as anything else. */
static void test_nothing_is_given_up(void **state)
{
	(void)state;
	read_both(ORIGIN_COMMAND_LINE, "no-new-privs", "no", ORIGIN_ENVIRONMENT, "off", "no-new-privs");
	assert_int_equal(options.ladders[STEP_NO_NEW_PRIVS].ladder, LADDER_OFF);
	assert_false(options_gives_up(&options));
	read_both(ORIGIN_COMMAND_LINE, "keep-caps", "all", ORIGIN_ENVIRONMENT, "off", "caps");
	assert_int_equal(options.ladders[STEP_CAPS].ladder, LADDER_OFF);
	assert_int_equal(options.n_warnings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARSE_TEST(test_ladders),
		PARSE_TEST(test_keep_caps),
		PARSE_TEST(test_nothing_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
