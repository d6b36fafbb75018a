/* SPDX-License-Identifier: Apache-2.0 */
#include "options/unit_policy.h"

#include <errno.h>
#include <string.h>

#include "support/pool.h"

static const struct {
	const char *name, *value, *error;
} bad_lines[] = {
	{ "vllm", "on", "'vllm' is no service's name (write: vllm.service)" },
	{ "vllm@a", "on", "'vllm@a' is no service's name (write: vllm@a.service)" },
	{ "", "on", "'' is no service's name (as in vllm.service, or vllm@.service for a template)" },
	{ "@a.service", "on",
	  "'@a.service' is no service's name (as in vllm.service, or vllm@.service for a template)" },
	{ "a b.service", "on",
	  "'a b.service' is no service's name (as in vllm.service, or vllm@.service for a template)" },
	{ "../a.service", "on",
	  "'../a.service' is no service's name (as in vllm.service, or vllm@.service for a template)" },
	{ "a@b/c.service", "on",
	  "'a@b/c.service' is no service's name (as in vllm.service, or vllm@.service for a template)" },
	{ "vllm.socket", "on", "'vllm.socket' is no service's name (write: vllm.socket.service)" },
	{ "vllm.service", "", "bad value '' for vllm.service (one of: on, off)" },
	{ "vllm.service", "On", "bad value 'On' for vllm.service (one of: on, off)" },
	{ "vllm.service", "offf", "bad value 'offf' for vllm.service (did you mean 'off'?)" },
};

static void test_bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
		struct unit_policy policy = { .n = 0 };
		const char *error = NULL;

		assert_row_int(bad_lines[i].name,
			       unit_policy_set(&pool, &policy, bad_lines[i].name, bad_lines[i].value, "p:1", &error),
			       -EINVAL);
		assert_row_string(bad_lines[i].name, error, bad_lines[i].error);
		assert_row_int(bad_lines[i].name, (int)policy.n, 0);
	}
}

/* 255 bytes with the suffix, as systemd has it. */
static void test_long_names(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'a', sizeof name);
	strcpy(name + 255 - strlen(".service"), ".service");
	assert_true(unit_name_is_service(name));
	strcpy(name + 256 - strlen(".service"), ".service");
	name[255 - strlen(".service")] = 'a';
	assert_false(unit_name_is_service(name));
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *template;
	} names[] = {
		{ "vllm.service", NULL },
		{ "a-b_c.d.service", NULL },
		{ "vllm@.service", NULL },
		{ "vllm@a.service", "vllm@.service" },
		{ "vllm@a@b.service", "vllm@.service" },
		{ "vllm@models-llama\\x2d8b.service", "vllm@.service" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_row_int(names[i].name, unit_name_is_service(names[i].name), true);
		assert_row_string(names[i].name, unit_name_template(&pool, names[i].name), names[i].template);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_lines),
		TEST(test_long_names),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
