/* SPDX-License-Identifier: Apache-2.0 */
/* What a person calls a process. */
#include "audit/formats/formats.h"
#include "support/pool.h"

static void test_names(void **state)
{
	static const struct {
		const char *kernel, *command, *expected;
	} cases[] = {
		{ "vllm", "/venv/bin/python /venv/bin/vllm serve MODEL", "vllm" },
		{ "sleep", "sleep 600", "sleep" },
		{ "sh", "sh -c sleep 600", "sh" },
		{ "python3.11", "/usr/bin/python3.11 -m sglang.launch_server", "python3.11" },
		/* Cut off by the kernel after 15 bytes. */
		{ "VLLM::EngineCor", "VLLM::EngineCore", "VLLM::EngineCore" },
		{ "launch_server_w", "/venv/bin/python /opt/launch_server_worker.py --port 1",
		  "launch_server_worker.py" },
		{ "VLLM::Engine", "VLLM::EngineCore", "VLLM::EngineCore (VLLM::Engine)" },
		/* PyTorch renames the first thread. */
		{ "pt_main_thread", "/venv/bin/python /venv/bin/vllm serve MODEL", "vllm (pt_main_thread)" },
		{ "pt_main_thread", "/venv/bin/python3 -m sglang.launch_server", "python3 (pt_main_thread)" },
		{ "main", "/opt/tritonserver --model-repository=/models", "tritonserver (main)" },
		{ "x", "python -", "python (x)" },
		/* Nothing better is known. */
		{ "kworker/0:1", "", "kworker/0:1" },
		{ "", "", "(no name)" },
		{ NULL, NULL, "(no name)" },
		{ "x", "/usr/bin/", "x" },
		{ "x", "   ", "x" },
		/* Words that were made long, to hide something behind them. */
		{ "x", "0123456789012345678901234567890123456789012345678901234567890123456789 y", "x" },
		{ "012345678901234", "0123456789012345678901234567890123456789012345678901234567890123456789",
		  "012345678901234" },
		{ "python-x", "python 0123456789012345678901234567890123456789012345678901234567890123456789",
		  "python (python-x)" },
		{ "fifth", "a b c d fifth", "a (fifth)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct live_process p = { .pid = 7, .name = cases[i].kernel, .command = cases[i].command };
		const char *row = cases[i].command ? cases[i].command : "NULL";

		assert_row_string(row, format_process_name(&pool, &p), cases[i].expected);
		assert_row_string(row, format_place(&pool, &p), mem_printf(&pool, "process 7 %s", cases[i].expected));
	}
	assert_string_equal(format_place(&pool, NULL), "node");
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
