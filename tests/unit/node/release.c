/* SPDX-License-Identifier: Apache-2.0 */
/* Release files, also those that nobody who means well would sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/node.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_OF(name) "{\"file\": \"" name "\", \"sha256\": \"" SUM "\"}"
#define ARTEFACT "\"artefacts\": {\"x86_64\": " FILE_OF("a.tar.gz") "}"
#define RELEASE(more) "{\"release\": 1, \"serial\": 12, " more "}"

static void test_whole(void **state)
{
	struct mem m = MEM_INIT;
	static const char text[] = RELEASE("\"permille\": 50, \"halt\": true, \"version\": \"0.2.0\", " ARTEFACT
					   ", \"policy\": " FILE_OF("policy.conf"));
	const char *problem = NULL;
	struct release r;
	(void)state;

	assert_int_equal(release_parse(&m, text, strlen(text), "x86_64", &r, &problem), 0);
	assert_int_equal(r.serial, 12);
	assert_int_equal(r.permille, 50);
	assert_true(r.is_halted);
	assert_string_equal(r.version, "0.2.0");
	assert_string_equal(r.artefact.name, "a.tar.gz");
	assert_string_equal(r.artefact.sha256, SUM);
	assert_string_equal(r.policy.name, "policy.conf");
	assert_int_equal(release_parse(&m, text, strlen(text), "aarch64", &r, &problem), -22);
	assert_string_equal(problem, "no artefact for aarch64");
	mem_free_all(&m);
}

static void test_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"release\": 2}",
		"{\"release\": 1, \"release\": 1}",
		RELEASE("\"version\": \"1\", " ARTEFACT),
		RELEASE("\"permille\": 1001, \"version\": \"1\", " ARTEFACT),
		RELEASE("\"permille\": -1, \"version\": \"1\", " ARTEFACT),
		RELEASE("\"permille\": \"5\", \"version\": \"1\", " ARTEFACT),
		RELEASE("\"permille\": 5, \"version\": \"../1\", " ARTEFACT),
		RELEASE("\"permille\": 5, \"version\": \"-1\", " ARTEFACT),
		RELEASE("\"permille\": 5, " ARTEFACT),
		RELEASE("\"permille\": 5, \"version\": \"1\""),
		RELEASE("\"permille\": 5, \"version\": \"1\", \"artefacts\": {\"x86_64\": " FILE_OF("/a") "}"),
		RELEASE("\"permille\": 5, \"version\": \"1\", \"artefacts\": {\"x86_64\": " FILE_OF(".a") "}"),
		RELEASE("\"permille\": 5, \"version\": \"1\", \"artefacts\": {\"x86_64\": " FILE_OF("-a") "}"),
		RELEASE("\"permille\": 5, \"version\": \"1\", \"artefacts\": {\"x86_64\": {\"file\": \"a\", \"sha256\": "
			"\"0\"}}"),
		RELEASE("\"permille\": 5, \"version\": \"1\", " ARTEFACT ", \"policy\": null"),
		RELEASE("\"permille\": 5, \"version\": \"1\", " ARTEFACT ", \"policy\": " FILE_OF("a b")),
	};
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mem m = MEM_INIT;
		struct release r = { .serial = 7 };
		const char *problem = NULL;

		if (release_parse(&m, bad[i], strlen(bad[i]), "x86_64", &r, &problem) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(problem);
		assert_int_equal(r.serial, 7);
		mem_free_all(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
