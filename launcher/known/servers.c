/* SPDX-License-Identifier: Apache-2.0 */
#include "known/servers.h"

#include <stddef.h>
#include <string.h>

#include "util/environment.h"
#include "util/text.h"

enum rule_kind {
	RULE_END,
	RULE_FLAG,     /* binds when an argument starts with `name` */
	RULE_VARIABLE, /* binds when the variable is set, and not to one of `off` */
	RULE_DEFAULT,  /* binds unless the variable is set to one of `off` */
};
enum rule_scope { SCOPE_ANY, SCOPE_GPU, SCOPE_CPU };

struct rule {
	enum rule_kind kind;
	enum rule_scope scope;
	const char *name;
	const char *off; /* words */
	const char *why;
};

struct framework {
	const char *name;
	const char *programs[6]; /* names of the program, NULL-terminated */
	const char *modules[4];  /* of python -m, the whole name or a package above it */
	struct rule rules[4];
};

/*
 * Sources: vLLM's --numa-bind options and VLLM_CPU_OMP_THREADS_BIND (docs, "CPU
 * installation"; vllm/platforms/cpu.py); SGLang's --numa-node and
 * SGLANG_NUMA_BIND_V2 (srt/environ.py: on by default, wraps each worker in numactl);
 * TensorRT-LLM's TLLM_NUMA_AWARE_WORKER_AFFINITY (docs, "CPU affinity"); Triton's
 * --host-policy (user guide, "Optimization"); llama.cpp's --numa (tools/server).
 */
/* clang-format off */
static const struct framework frameworks[] = {
	{ "vLLM", { "vllm" }, { "vllm" },
	  { { RULE_FLAG, SCOPE_ANY, "--numa-bind", NULL,
	      "vLLM binds its workers itself (--numa-bind)" },
	    { RULE_DEFAULT, SCOPE_CPU, "VLLM_CPU_OMP_THREADS_BIND", "nobind",
	      "without a GPU vLLM gives each worker a node of its own, threads and memory "
	      "(VLLM_CPU_OMP_THREADS_BIND), and a narrowed affinity could leave one without CPUs" } } },
	{ "SGLang", { "sglang" }, { "sglang" },
	  { { RULE_FLAG, SCOPE_ANY, "--numa-node", NULL,
	      "SGLang binds its workers itself (--numa-node)" },
	    { RULE_DEFAULT, SCOPE_GPU, "SGLANG_NUMA_BIND_V2", "0 false no off",
	      "SGLang puts each worker on its GPU's node itself (SGLANG_NUMA_BIND_V2 is on "
	      "unless set to 0)" } } },
	{ "TensorRT-LLM", { "trtllm-serve", "trtllm-llmapi-launch" }, { "tensorrt_llm" },
	  { { RULE_DEFAULT, SCOPE_GPU, "TLLM_NUMA_AWARE_WORKER_AFFINITY", "0 false no off",
	      "TensorRT-LLM clears an affinity set from outside and sets its own "
	      "(TLLM_NUMA_AWARE_WORKER_AFFINITY=0 would leave it to allocrun)" } } },
	{ "Triton", { "tritonserver" }, { NULL },
	  { { RULE_FLAG, SCOPE_ANY, "--host-policy", NULL,
	      "Triton binds its instances itself (--host-policy)" } } },
	{ "Ray Serve", { "serve", "ray" }, { "ray.serve", "ray" }, { { .kind = RULE_END } } },
	{ "llama.cpp", { "llama-server", "llama-cli" }, { "llama_cpp.server" },
	  { { RULE_FLAG, SCOPE_ANY, "--numa", NULL,
	      "llama.cpp places its threads itself (--numa)" } } },
	{ "TorchServe", { "torchserve" }, { "ts" },
	  { { RULE_VARIABLE, SCOPE_ANY, "TS_CPU_LAUNCHER_ENABLE", "0 false no off",
	      "TorchServe pins its workers itself (cpu_launcher_enable)" } } },
	{ "Python", { "python", "python3" }, { NULL }, { { .kind = RULE_END } } },
};
/* clang-format on */
#define N_FRAMEWORKS (sizeof frameworks / sizeof *frameworks)
#define FRAMEWORK_PYTHON (&frameworks[N_FRAMEWORKS - 1])

static const struct framework *framework_by_program(const char *path)
{
	const char *base = text_basename(path);

	for (size_t i = 0; i < N_FRAMEWORKS; i++) {
		for (const char *const *p = frameworks[i].programs; *p; p++) {
			if (strcmp(*p, base) == 0)
				return &frameworks[i];
		}
	}
	/* python3.12, pypy3.10 */
	if (strncmp(base, "python3.", 8) == 0 || strncmp(base, "pypy3", 5) == 0)
		return FRAMEWORK_PYTHON;
	return NULL;
}

/* "vllm" matches vllm and vllm.entrypoints.openai.api_server, not vllm_tool. */
static const struct framework *framework_by_module(const char *module)
{
	for (size_t i = 0; i < N_FRAMEWORKS; i++) {
		for (const char *const *p = frameworks[i].modules; *p; p++) {
			size_t n = strlen(*p);

			if (strncmp(*p, module, n) == 0 && (module[n] == '\0' || module[n] == '.'))
				return &frameworks[i];
		}
	}
	return NULL;
}

/* What "python [OPTION]... -m MODULE" or "python [OPTION]... SCRIPT" runs; NULL = just Python. */
static const struct framework *framework_in_python(const char *const *argv)
{
	for (size_t i = 1; argv[i]; i++) {
		const char *a = argv[i];

		/* "-m", and at the end of others without a value: "-um" */
		if (*a == '-' && a[1] != '-' && a[strspn(a, "-bBdEhiIOPqsSuvx")] == 'm') {
			a += strcspn(a, "m") + 1;
			a = *a ? a : argv[i + 1];
			return a ? framework_by_module(a) : NULL;
		}
		if (strcmp(a, "-c") == 0)
			return NULL;
		if ((strcmp(a, "-X") == 0 || strcmp(a, "-W") == 0) && argv[i + 1])
			i++;
		else if (*a != '-')
			return framework_by_program(a);
	}
	return NULL;
}

const struct framework *framework_find(const char *const *argv)
{
	const struct framework *found, *inner;

	if (!argv || !argv[0])
		return NULL;
	found = framework_by_program(argv[0]);
	if (found != FRAMEWORK_PYTHON)
		return found;
	inner = framework_in_python(argv);
	return inner ? inner : found;
}

const char **framework_programs(struct mem *m)
{
	const char **names = NULL;
	size_t n = 0;

	for (const struct framework *framework = frameworks; framework < FRAMEWORK_PYTHON; framework++) {
		for (const char *const *p = framework->programs; *p; p++)
			*MEM_PUSH(m, names, n) = *p;
	}
	*MEM_PUSH(m, names, n) = NULL;
	return names;
}

const char *framework_name(const struct framework *framework)
{
	return framework->name;
}

/* Does the argument start with the flag? Python servers take '_' for '-'. */
static bool framework_is_flag(const char *argument, const char *flag)
{
	while (*flag && (*argument == *flag || (*argument == '_' && *flag == '-')))
		argument++, flag++;
	return *flag == '\0';
}

static bool framework_has_flag(const char *const *argv, const char *prefix)
{
	for (size_t i = 1; argv[i] && strcmp(argv[i], "--") != 0; i++) {
		if (framework_is_flag(argv[i], prefix))
			return true;
	}
	return false;
}

static bool framework_rule_holds(const struct rule *rule, const char *const *argv, const char *const *environment,
				 bool has_gpu)
{
	const char *value = environment_get(environment, rule->name);
	bool is_off = value && rule->off && text_has_word_of_any_case(rule->off, value);

	if (rule->scope != SCOPE_ANY && (rule->scope == SCOPE_GPU) != has_gpu)
		return false;
	switch (rule->kind) {
	case RULE_FLAG:
		return framework_has_flag(argv, rule->name);
	case RULE_VARIABLE:
		return value && *value && !is_off;
	case RULE_DEFAULT:
		return !is_off;
	case RULE_END:
		break;
	}
	return false;
}

const char *framework_binds_itself(const struct framework *framework, const char *const *argv,
				   const char *const *environment, bool has_gpu)
{
	for (const struct rule *rule = framework->rules; rule->kind != RULE_END; rule++) {
		if (framework_rule_holds(rule, argv, environment, has_gpu))
			return rule->why;
	}
	return NULL;
}
