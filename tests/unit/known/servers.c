/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "known/servers.h"
#include "support/pool.h"

#define WORDS_MAX 8

static const struct {
	const char *argv[WORDS_MAX];
	const char *name; /* NULL: none that we know */
} commands[] = {
	{ { "vllm", "serve", "m" }, "vLLM" },
	{ { "/opt/venv/bin/vllm" }, "vLLM" },
	{ { "./vllm" }, "vLLM" },
	{ { "vllm.sh" }, NULL },
	{ { "/opt/vllm/bin/server" }, NULL },
	{ { "python3", "-m", "vllm.entrypoints.openai.api_server", "--port", "1" }, "vLLM" },
	{ { "python", "-m", "vllm" }, "vLLM" },
	{ { "python3", "-um", "vllm" }, "vLLM" },
	{ { "python3", "-mvllm" }, "vLLM" },
	{ { "python3", "-Wm", "tool.py" }, "Python" }, /* -W takes the rest as its value */
	{ { "python", "-mvllm.entrypoints.cli.main" }, "vLLM" },
	{ { "python", "-m", "vllm_tool" }, "Python" },
	{ { "/usr/bin/python3.12", "-u", "-m", "vllm" }, "vLLM" },
	{ { "python3", "-X", "dev", "-W", "ignore", "-m", "vllm" }, "vLLM" },
	{ { "python3", "-Xdev", "-OO", "-m", "vllm" }, "vLLM" },
	{ { "python3", "/opt/venv/bin/vllm", "serve", "m" }, "vLLM" },
	{ { "sglang", "serve" }, "SGLang" },
	{ { "python3", "-m", "sglang.launch_server", "--model", "m" }, "SGLang" },
	{ { "trtllm-serve", "m" }, "TensorRT-LLM" },
	{ { "trtllm-llmapi-launch", "x" }, "TensorRT-LLM" },
	{ { "python", "-m", "tensorrt_llm.commands.serve" }, "TensorRT-LLM" },
	{ { "tritonserver", "--model-repository=/m" }, "Triton" },
	{ { "serve", "run", "app:a" }, "Ray Serve" },
	{ { "ray", "start", "--head" }, "Ray Serve" },
	{ { "python", "-m", "ray.serve" }, "Ray Serve" },
	{ { "llama-server", "-m", "x.gguf" }, "llama.cpp" },
	{ { "llama-cli" }, "llama.cpp" },
	{ { "python", "-m", "llama_cpp.server" }, "llama.cpp" },
	{ { "torchserve", "--start" }, "TorchServe" },
	{ { "python", "-m", "ts.model_server" }, "TorchServe" },
	{ { "python", "app.py" }, "Python" },
	{ { "python3" }, "Python" },
	{ { "python3.11", "-c", "import vllm", "-m", "vllm" }, "Python" },
	{ { "python3", "-c", "vllm" }, "Python" },
	{ { "pypy3.10", "x.py" }, "Python" },
	{ { "python3", "-m" }, "Python" },
	{ { "python3", "-X" }, "Python" },
	{ { "python3", "-" }, "Python" },
	{ { "python3", "app.py", "-m", "vllm" }, "Python" },
	{ { "python2", "-m", "vllm" }, NULL },
	{ { "nginx" }, NULL },
	{ { "" }, NULL },
	{ { "bash", "-c", "vllm serve m" }, NULL },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		const struct framework *f = framework_find(commands[i].argv);
		const char *row = mem_printf(&pool, "row %zu: %s %s", i, commands[i].argv[0],
					     commands[i].argv[1] ? commands[i].argv[1] : "");

		assert_row_string(row, f ? framework_name(f) : NULL, commands[i].name);
	}
	assert_null(framework_find(NULL));
	assert_null(framework_find((const char *const[]){ NULL }));
}

/* What the reason names. */
#define VLLM_FLAG "--numa-bind"
#define VLLM_CPU "VLLM_CPU_OMP_THREADS_BIND"
#define SGLANG_FLAG "--numa-node"
#define SGLANG_GPU "SGLANG_NUMA_BIND_V2"
#define TRTLLM "TLLM_NUMA_AWARE_WORKER_AFFINITY"
#define TRITON "--host-policy"
#define LLAMA "--numa"
#define TORCHSERVE "cpu_launcher_enable"

/* Who binds: with a GPU and without one. NULL: it leaves that to us. */
static const struct {
	const char *argv[WORDS_MAX];
	const char *variable;
	const char *with_gpu, *without_gpu;
} bindings[] = {
	{ { "vllm", "serve", "m" }, NULL, NULL, VLLM_CPU },
	{ { "vllm", "serve", "m" }, "VLLM_CPU_OMP_THREADS_BIND=auto", NULL, VLLM_CPU },
	{ { "vllm", "serve", "m" }, "VLLM_CPU_OMP_THREADS_BIND=0-31|32-63", NULL, VLLM_CPU },
	{ { "vllm", "serve", "m" }, "VLLM_CPU_OMP_THREADS_BIND=nobind", NULL, NULL },
	{ { "vllm", "serve", "m", "--numa-bind" }, NULL, VLLM_FLAG, VLLM_FLAG },
	{ { "vllm", "serve", "m", "--numa_bind" }, NULL, VLLM_FLAG, VLLM_FLAG },
	{ { "vllm", "serve", "m", "--numa-bind-nodes=0,1" }, NULL, VLLM_FLAG, VLLM_FLAG },
	{ { "vllm", "serve", "--numa-bind" }, "VLLM_CPU_OMP_THREADS_BIND=nobind", VLLM_FLAG, VLLM_FLAG },
	{ { "vllm", "serve", "m", "--", "--numa-bind" }, NULL, NULL, VLLM_CPU },
	{ { "python3", "-m", "vllm.entrypoints.openai.api_server", "--numa-bind" }, NULL, VLLM_FLAG, VLLM_FLAG },
	{ { "sglang", "serve" }, NULL, SGLANG_GPU, NULL },
	{ { "sglang", "serve" }, "SGLANG_NUMA_BIND_V2=1", SGLANG_GPU, NULL },
	{ { "sglang", "serve" }, "SGLANG_NUMA_BIND_V2=0", NULL, NULL },
	{ { "sglang", "serve" }, "SGLANG_NUMA_BIND_V2=False", NULL, NULL },
	{ { "sglang", "serve" }, "SGLANG_NUMA_BIND_V2=", SGLANG_GPU, NULL },
	{ { "sglang", "serve", "--numa-node", "0" }, "SGLANG_NUMA_BIND_V2=0", SGLANG_FLAG, SGLANG_FLAG },
	{ { "trtllm-serve", "m" }, NULL, TRTLLM, NULL },
	{ { "trtllm-serve", "m" }, "TLLM_NUMA_AWARE_WORKER_AFFINITY=1", TRTLLM, NULL },
	{ { "trtllm-serve", "m" }, "TLLM_NUMA_AWARE_WORKER_AFFINITY=0", NULL, NULL },
	{ { "tritonserver" }, NULL, NULL, NULL },
	{ { "tritonserver", "--host-policy=gpu_0,numa-node=0" }, NULL, TRITON, TRITON },
	{ { "ray", "start" }, NULL, NULL, NULL },
	{ { "llama-server", "-m", "x" }, NULL, NULL, NULL },
	{ { "llama-server", "--numa", "distribute" }, NULL, LLAMA, LLAMA },
	{ { "torchserve" }, NULL, NULL, NULL },
	{ { "torchserve" }, "TS_CPU_LAUNCHER_ENABLE=true", TORCHSERVE, TORCHSERVE },
	{ { "torchserve" }, "TS_CPU_LAUNCHER_ENABLE=false", NULL, NULL },
	{ { "torchserve" }, "TS_CPU_LAUNCHER_ENABLE=", NULL, NULL },
	{ { "python3", "app.py", "--numa-bind" }, NULL, NULL, NULL },
};

static void test_binds_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
		const char *const *argv = bindings[i].argv;
		const char *const environment[] = { "PATH=/bin", bindings[i].variable, NULL };
		const struct framework *f = framework_find(argv);
		const char *row = mem_printf(&pool, "row %zu: %s %s", i, argv[0],
					     bindings[i].variable ? bindings[i].variable : "");

		assert_non_null(f);
		assert_row_contains(row, framework_binds_itself(f, argv, environment, true), bindings[i].with_gpu);
		assert_row_contains(row, framework_binds_itself(f, argv, environment, false), bindings[i].without_gpu);
	}
}

/* Each is found again, and no program that others than servers are written in is among them. */
static void test_programs(void **state)
{
	struct mem m = MEM_INIT;
	const char **names = framework_programs(&m);
	size_t n = 0;

	(void)state;
	for (; names[n]; n++) {
		const char *const argv[] = { names[n], NULL };

		assert_non_null(framework_find(argv));
		assert_int_not_equal(strncmp(names[n], "python", 6), 0);
	}
	assert_true(n >= 8);
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_find), TEST(test_binds_itself), TEST(test_programs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
