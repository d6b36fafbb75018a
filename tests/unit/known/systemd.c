/* SPDX-License-Identifier: Apache-2.0 */
#include "known/systemd.h"

#include "support/pool.h"

static void test_runtime_folder(void **state)
{
	static const struct {
		const char *value, *folder;
	} rows[] = {
		{ "/run/vllm", "/run/vllm" },
		{ "/run/vllm:/run/other", "/run/vllm" },
		{ "/run/user/1000/vllm", "/run/user/1000/vllm" },
		{ "/run/a..b", "/run/a..b" },
		{ "/run/", NULL },
		{ "/run", NULL },
		{ "", NULL },
		{ ":/run/vllm", NULL },
		{ "/run/../etc", NULL },
		{ "/run/vllm/../../etc", NULL },
		{ "/tmp/vllm", NULL },
		{ "run/vllm", NULL },
	};

	(void)state;
	assert_null(systemd_runtime_folder(&pool, NULL));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_row_string(rows[i].value, systemd_runtime_folder(&pool, rows[i].value), rows[i].folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_runtime_folder) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
