/* SPDX-License-Identifier: Apache-2.0 */
/* CPU affinity and memory policy on each captured machine. */
#include "facts/names.h"
#include "support/scenario.h"

#define HGX "hgx-8gpu-two-socket"
#define POD "cgroup-v2-memory-max"
#define NPS4 "one-socket-four-nodes"
#define SUPERCHIP "superchip-memory-only-nodes-64k"
#define SUPERCHIP_34 "superchip-34-nodes-64k"
#define MI300X "mi300x-8-gpus-nps4"
#define NODES_16 "cpus-512-nodes-16"

#define NOTHING "nothing to do"
#define HGX_0 "CPUs 0-55,112-167"
#define HGX_1 "CPUs 56-111,168-223"
#define EXACTLY "already exactly the CPUs of these nodes"
#define ONE_NODE "one NUMA node: there is nothing to choose"
#define ALL_NODES "spread over all nodes"
#define AT_GPU "the node of the "
#define NO_GPU "no GPU is visible"

struct placement_case {
	const char *machine;
	const char *variable; /* instead of the folder's; "": none; NULL: the folder's */
	const char *words[SCENARIO_WORDS_MAX];
	const char *affinity; /* value or outcome */
	const char *why;      /* part of the reason for it */
	const char *memory;
};

static const struct placement_case placement_cases[] = {
	/* One node, or none that is shown. */
	{ "laptop-one-node", NULL, { "python3", "x.py" }, NOTHING, ONE_NODE, NOTHING },
	{ "laptop-one-node",
	  NULL,
	  { "--numa=gpu", "python3" },
	  "refused",
	  "no GPU is visible to the command",
	  "refused" },
	{ "laptop-one-node", NULL, { "--numa=interleave", "x" }, NOTHING, ONE_NODE, NOTHING },
	{ "laptop-one-node", NULL, { "--numa=0", "x" }, NOTHING, EXACTLY, "preferred 0" },
	{ "laptop-one-node",
	  NULL,
	  { "--numa=0-1", "x" },
	  "refused",
	  "nodes 0-1 are asked for (--numa), and this machine has 0",
	  "refused" },
	{ "hybrid-cgroup-vm", NULL, { "x" }, NOTHING, ONE_NODE, NOTHING },
	{ "cgroup-v1-quota", NULL, { "x" }, NOTHING, ONE_NODE, NOTHING },
	{ "no-numa-sysfs", NULL, { "x" }, NOTHING, "the kernel shows no NUMA nodes", NOTHING },
	{ "no-numa-sysfs", NULL, { "--numa=0", "x" }, "refused", "the kernel shows no NUMA nodes", "refused" },
	{ "no-numa-sysfs", NULL, { "--numa=interleave", "x" }, NOTHING, "the kernel shows no NUMA nodes", NOTHING },
	/* GPUs on a subset of the nodes; the folder hides the second half. */
	{ HGX, NULL, { "python3", "x.py" }, HGX_0, AT_GPU, "preferred 0" },
	{ HGX, NULL, { "vllm", "serve", "m" }, HGX_0, AT_GPU, "preferred 0" },
	{ HGX, "CUDA_VISIBLE_DEVICES=6", { "x" }, HGX_1, AT_GPU, "preferred 1" },
	{ HGX, "CUDA_VISIBLE_DEVICES=6", { "--numa-strict", "x" }, HGX_1, AT_GPU, "bind 1" },
	{ HGX, "CUDA_VISIBLE_DEVICES=3,4", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ HGX, "CUDA_VISIBLE_DEVICES=3,4", { "--numa=gpu", "x" }, NOTHING, EXACTLY, "preferred-many 0-1 | local" },
	{ HGX, "CUDA_VISIBLE_DEVICES=3,4", { "--numa=gpu", "--numa-strict", "x" }, NOTHING, EXACTLY, "bind 0-1" },
	{ HGX, "", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ HGX, "CUDA_VISIBLE_DEVICES=", { "x" }, NOTHING, NO_GPU, NOTHING },
	{ HGX,
	  "CUDA_VISIBLE_DEVICES=",
	  { "--numa=gpu", "x" },
	  "refused",
	  "no GPU is visible to the command",
	  "refused" },
	/* What is asked for. */
	{ HGX, NULL, { "--numa=off", "x" }, NOTHING, "numa is off (--numa)", NOTHING },
	{ HGX, "", { "--numa=1", "x" }, HGX_1, "asked for (--numa)", "preferred 1" },
	{ HGX, "", { "--numa=0-1", "x" }, NOTHING, EXACTLY, "preferred-many 0-1 | local" },
	{ HGX,
	  "",
	  { "--numa=1,2", "x" },
	  "refused",
	  "nodes 1,2 are asked for (--numa), and this machine has 0-1",
	  "refused" },
	{ HGX, "", { "--numa=interleave", "x" }, NOTHING, "memory is interleaved", "interleave 0-1" },
	{ HGX, "", { "--profile=embedding", "x" }, NOTHING, "memory is interleaved", "interleave 0-1" },
	{ HGX, NULL, { "--profile=embedding", "--numa=auto", "x" }, HGX_0, AT_GPU, "preferred 0" },
	{ HGX, "ALLOCRUN_NUMA=1", { "x" }, HGX_1, "asked for (ALLOCRUN_NUMA)", "preferred 1" },
	/* The ladders. */
	{ HGX, NULL, { "--off=affinity", "x" }, "off", "switched off (--off)", "preferred 0" },
	{ HGX, NULL, { "--off=mempolicy", "x" }, HGX_0, AT_GPU, "off" },
	{ HGX, NULL, { "--off=mempolicy,affinity", "--numa=7", "x" }, "off", "switched off (--off)", "off" },
	/* Servers that bind by themselves. */
	{ HGX, NULL, { "vllm", "serve", "m", "--numa-bind" }, NOTHING, "--numa-bind", NOTHING },
	{ HGX, NULL, { "--numa=gpu", "vllm", "serve", "m", "--numa-bind" }, HGX_0, AT_GPU, "preferred 0" },
	{ HGX, NULL, { "sglang", "serve" }, NOTHING, "SGLANG_NUMA_BIND_V2", NOTHING },
	{ HGX, "SGLANG_NUMA_BIND_V2=0", { "--numa=0", "sglang" }, HGX_0, "asked for", "preferred 0" },
	{ HGX, "CUDA_VISIBLE_DEVICES=", { "vllm", "serve" }, NOTHING, "VLLM_CPU_OMP_THREADS_BIND", NOTHING },
	{ HGX, NULL, { "--numa=1", "sglang", "serve" }, HGX_1, "asked for (--numa)", "preferred 1" },
	/* A pod: by its GPU's UUID. */
	{ POD, NULL, { "x" }, "CPUs 16-31,48-63", AT_GPU, "preferred 1" },
	{ POD, "", { "x" }, "CPUs 16-31,48-63", AT_GPU, "preferred 1" },
	{ POD, "NVIDIA_VISIBLE_DEVICES=none", { "x" }, NOTHING, NO_GPU, NOTHING },
	/* Four nodes of one socket, AMD. */
	{ NPS4, NULL, { "x" }, "CPUs 32-47,96-111", AT_GPU, "preferred 2" },
	{ NPS4,
	  "HIP_VISIBLE_DEVICES=0,3",
	  { "x" },
	  "CPUs 0-15,48-79,112-127",
	  "the nodes of the ",
	  "preferred-many 0,3 | local" },
	{ NPS4, "", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ NPS4, "", { "--numa=interleave", "x" }, NOTHING, "interleaved", "interleave 0-3" },
	/* Memory-only nodes have no CPUs to give, and are not interleaved over by themselves. */
	{ SUPERCHIP, "", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ SUPERCHIP, "CUDA_VISIBLE_DEVICES=2", { "x" }, "CPUs 72-143", AT_GPU, "preferred 1" },
	{ SUPERCHIP, "", { "--numa=interleave", "x" }, NOTHING, "interleaved", "interleave 0-1" },
	{ SUPERCHIP, "", { "--profile=embedding", "x" }, NOTHING, "interleaved", "interleave 0-1" },
	{ SUPERCHIP, "", { "--numa=0,10", "x" }, "CPUs 0-71", "asked for", "preferred-many 0,10 | local" },
	{ SUPERCHIP,
	  "",
	  { "--numa=18", "x" },
	  "refused",
	  "node 18 has no CPU that this process may use (allowed: 0-143)",
	  "preferred 18" },
	{ SUPERCHIP, "", { "--numa=3", "x" }, "refused", "this machine has 0-2,10,18,26", "refused" },
	/* Nodes that have nothing at all: kept for the partitions of GPUs. */
	{ SUPERCHIP_34, "", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ SUPERCHIP_34, "CUDA_VISIBLE_DEVICES=2", { "x" }, "CPUs 72-143", AT_GPU, "preferred 1" },
	{ SUPERCHIP_34, "", { "--numa=interleave", "x" }, NOTHING, "interleaved", "interleave 0-1" },
	{ SUPERCHIP_34, "", { "--numa=3", "x" }, "refused", "node 3 has no CPU", "refused" },
	{ SUPERCHIP_34, "", { "--numa=0-33", "x" }, NOTHING, EXACTLY, "preferred-many 0-2,10,18,26 | local" },
	{ SUPERCHIP_34, "", { "--numa=34", "x" }, "refused", "this machine has 0-33", "refused" },
	/* 64 devices, eight of each GPU. */
	{ MI300X, NULL, { "x" }, "CPUs 80-95,208-223", AT_GPU, "preferred 5" },
	{ MI300X,
	  "HIP_VISIBLE_DEVICES=7,8",
	  { "x" },
	  "CPUs 0-31,128-159",
	  "the nodes of the 2 visible GPUs",
	  "preferred-many 0-1 | local" },
	{ MI300X, "", { "x" }, NOTHING, ALL_NODES, NOTHING },
	{ MI300X, "", { "--numa=4-7", "x" }, "CPUs 64-127,192-255", "asked for", "preferred-many 4-7 | local" },
	/* 16 nodes; CPUs above 255 are taken from us, 510 and 511 are offline. */
	{ NODES_16, "", { "x" }, NOTHING, NO_GPU, NOTHING },
	{ NODES_16, "", { "--numa=15", "x" }, "CPUs 240-255", "asked for", "preferred 15" },
	{ NODES_16, "", { "--numa=0-15", "x" }, NOTHING, EXACTLY, "preferred-many 0-15 | local" },
	{ NODES_16,
	  "",
	  { "--numa=1-15:2", "x" },
	  "CPUs 16-31,48-63,80-95,112-127,144-159,176-191,208-223,240-255",
	  "asked for",
	  "preferred-many 1,3,5,7,9,11,13,15 | local" },
	{ NODES_16, "", { "--numa=interleave", "x" }, NOTHING, "interleaved", "interleave 0-15" },
};

static void check_placement(const struct placement_case *c, size_t i)
{
	const char *const environment[] = { c->variable && *c->variable ? c->variable : NULL, NULL };
	const char *row;

	scenario_open(c->machine, c->variable ? environment : NULL, c->words);
	row = mem_printf(&pool, "row %zu: %s %s %s", i, c->machine, c->words[0], c->variable ? c->variable : "");
	scenario_decide();
	assert_row_string(row, scenario_result(scenario_find(STEP_AFFINITY, NULL)), c->affinity);
	assert_row_contains(row, scenario_find(STEP_AFFINITY, NULL)->why, c->why);
	assert_row_string(row, scenario_memory(), c->memory);
	scenario_close();
}

static void test_placement(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof placement_cases / sizeof *placement_cases; i++)
		check_placement(&placement_cases[i], i);
}

static const char *const no_variables[] = { NULL };

static void limit_cpus(const char *list)
{
	assert_int_equal(bitmap_parse_list(list, &scenario.machine.facts.process.status.cpus), 0);
}

static void limit_memory(const char *list)
{
	assert_int_equal(bitmap_parse_list(list, &scenario.machine.facts.process.status.memory_nodes), 0);
}

static void assert_placement(const char *affinity, const char *memory)
{
	scenario_decide();
	assert_string_equal(scenario_result(scenario_find(STEP_AFFINITY, NULL)), affinity);
	assert_string_equal(scenario_memory(), memory);
	scenario_close();
}

/* Never wider than the cpuset that we were given. */
static void test_cpuset(void **state)
{
	(void)state;
	scenario_open(HGX, NULL, WORDS("x"));
	limit_cpus("0-3,56-59");
	assert_placement("CPUs 0-3", "preferred 0");
	scenario_open(HGX, no_variables, WORDS("--numa=1", "x"));
	limit_cpus("0-3");
	assert_placement("refused", "preferred 1");
	scenario_open(HGX, no_variables, WORDS("--numa=0-1", "x"));
	limit_cpus("0-3");
	assert_placement("nothing to do", "preferred-many 0-1 | local");
	/* Only one node of the two has CPUs and memory for us. */
	scenario_open(HGX, no_variables, WORDS("--numa=interleave", "x"));
	limit_cpus("0-3");
	assert_placement("nothing to do", "nothing to do");
	scenario_open(HGX, no_variables, WORDS("--numa=interleave", "x"));
	limit_memory("0");
	assert_placement("nothing to do", "nothing to do");
	scenario_open(HGX, no_variables, WORDS("--numa=0", "x"));
	limit_memory("1");
	assert_placement(HGX_0, "refused");
	scenario_open(HGX, no_variables, WORDS("--numa=0-1", "x"));
	limit_memory("1");
	assert_placement("nothing to do", "preferred 1");
	/* Two CPUs are offline: they are allowed, and no node has them. */
	scenario_open(NODES_16, no_variables, WORDS("--numa=0-15", "x"));
	limit_cpus("0-511");
	assert_placement("nothing to do", "preferred-many 0-15 | local");
	scenario_open(NODES_16, no_variables, WORDS("--numa=15", "x"));
	limit_cpus("0-511");
	assert_placement("CPUs 240-255,496-509", "preferred 15");
	/* Of the node's memory nothing is known: then it is not taken for allowed nowhere. */
	scenario_open(HGX, no_variables, WORDS("--numa=0", "x"));
	scenario.machine.facts.process.status.memory_nodes = (struct bitmap){ { 0 } };
	assert_placement(HGX_0, "preferred 0");
	/* Nor its CPUs, where the status cannot be read. */
	scenario_open(HGX, no_variables, WORDS("--numa=0", "x"));
	scenario.machine.facts.process.status.cpus = (struct bitmap){ { 0 } };
	assert_placement(HGX_0, "preferred 0");
	scenario_open(HGX, no_variables, WORDS("--numa=0", "x"));
	scenario.machine.facts.numa.nodes[0].memory_total = 0;
	assert_placement(HGX_0, "refused");
}

/* A GPU's memory node is as far from both sockets (POWER9): the first by number is no better. */
static void test_nearest_ties(void **state)
{
	struct bitmap candidates, nearest;
	struct numa_facts *numa = &scenario.machine.facts.numa;

	(void)state;
	scenario_open("superchip-memory-only-nodes-64k", no_variables, WORDS("x"));
	assert_int_equal(bitmap_parse_list("0-1", &candidates), 0);
	numa_find_nearest(numa, 18, &candidates, &nearest);
	assert_int_equal(bitmap_count(&nearest), 1);
	numa->nodes[4].distances[0] = numa->nodes[4].distances[1] = 80;
	numa_find_nearest(numa, 18, &candidates, &nearest);
	assert_list_equal(&nearest, "0-1");
	numa_find_nearest(numa, 4711, &candidates, &nearest);
	assert_true(bitmap_is_empty(&nearest));
	numa->nodes[4].distances = NULL;
	numa_find_nearest(numa, 18, &candidates, &nearest);
	assert_true(bitmap_is_empty(&nearest));
	scenario_close();
}

/* Weights that differ want the mode that obeys them; without it, even shares are next best. */
static void test_weights(void **state)
{
	static const struct {
		int64_t weights[2];
		const char *memory, *why;
	} cases[] = {
		{ { 3, 1 }, "weighted-interleave 0-1 | interleave 0-1", "as the nodes are weighted: 3:1" },
		{ { 1, 255 }, "weighted-interleave 0-1 | interleave 0-1", "1:255" },
		{ { 4, 4 }, "interleave 0-1", "page by page" },
		{ { 3, FACT_UNKNOWN }, "interleave 0-1", "page by page" },
		{ { FACT_UNKNOWN, FACT_UNKNOWN }, "interleave 0-1", "page by page" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open(HGX, no_variables, WORDS("--profile=embedding", "x"));
		for (size_t n = 0; n < 2; n++)
			scenario.machine.facts.numa.nodes[n].weight = cases[i].weights[n];
		scenario_decide();
		assert_row_contains(cases[i].memory, scenario_find(STEP_MEMPOLICY, NULL)->why, cases[i].why);
		assert_placement("nothing to do", cases[i].memory);
	}
	/* Near one node there is nothing to weigh. */
	scenario_open(HGX, no_variables, WORDS("--numa=0-1", "x"));
	scenario.machine.facts.numa.nodes[0].weight = 3;
	assert_placement("nothing to do", "preferred-many 0-1 | local");
}

/* A GPU on a node without CPUs belongs to the nearest that has some. */
static void test_gpu_without_cpus(void **state)
{
	static const struct {
		int gpu_node;
		const char *affinity, *memory;
	} cases[] = {
		{ 2, "CPUs 0-71", "preferred 0" },        { 10, "CPUs 0-71", "preferred 0" },
		{ 18, "CPUs 72-143", "preferred 1" },     { 26, "CPUs 72-143", "preferred 1" },
		{ 0, "CPUs 0-71", "preferred 0" },        { 1, "CPUs 72-143", "preferred 1" },
		{ 3, "nothing to do", "nothing to do" },  /* not online */
		{ -1, "nothing to do", "nothing to do" }, /* sysfs does not know */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		scenario_open(SUPERCHIP, WORDS("CUDA_VISIBLE_DEVICES=0"), WORDS("x"));
		scenario.machine.facts.gpu.gpus[0].node = cases[i].gpu_node;
		assert_placement(cases[i].affinity, cases[i].memory);
	}
	/* The nearest of those that we may use. */
	scenario_open(SUPERCHIP, WORDS("CUDA_VISIBLE_DEVICES=0"), WORDS("--numa=gpu", "x"));
	scenario.machine.facts.gpu.gpus[0].node = 2;
	limit_cpus("100-143");
	assert_placement("nothing to do", "preferred 1");
	/* Without distances nothing is near. */
	scenario_open(SUPERCHIP, WORDS("CUDA_VISIBLE_DEVICES=0"), WORDS("--numa=gpu", "x"));
	scenario.machine.facts.gpu.gpus[0].node = 2;
	scenario.machine.facts.numa.nodes[2].distances = NULL;
	assert_placement("refused", "refused");
	/* One that may or may not be visible counts. */
	scenario_open(HGX, NULL, WORDS("x"));
	scenario.machine.facts.gpu.gpus[0].visible = TRI_UNKNOWN;
	assert_placement(HGX_0, "preferred 0");
}

static void test_required(void **state)
{
	(void)state;
	scenario_open(HGX, no_variables, WORDS("--require=affinity,mempolicy", "--numa=9", "x"));
	scenario_decide();
	assert_ptr_equal(plan_find_blocker(&scenario.plan), scenario_find(STEP_AFFINITY, NULL));
	scenario_close();
	/* Nothing to do is no refusal. */
	scenario_open("laptop-one-node", no_variables, WORDS("--require=affinity,mempolicy", "x"));
	scenario_decide();
	assert_null(plan_find_blocker(&scenario.plan));
	scenario_close();
	/* Preferred only: said, and gone on without. */
	scenario_open(HGX, no_variables, WORDS("--numa=9", "x"));
	scenario_decide();
	assert_null(plan_find_blocker(&scenario.plan));
	scenario_close();
}

static void test_list_against_the_framework(void **state)
{
	(void)state;
	scenario_open(HGX, NULL, WORDS("--numa=1", "sglang", "serve"));
	scenario_decide();
	assert_true(scenario_warns("numa 1 (--numa) goes ahead although SGLang"));
	assert_string_equal(scenario.plan.framework, "SGLang");
	scenario_close();
	scenario_open(HGX, NULL, WORDS("--numa=1", "python3", "x.py"));
	scenario_decide();
	assert_false(scenario_warns("goes ahead"));
	assert_string_equal(scenario.plan.framework, "Python");
	scenario_close();
}

/* --explain without a command, or with one that nobody knows. */
static void test_no_framework(void **state)
{
	(void)state;
	scenario_open(HGX, NULL, (const char *const[]){ NULL });
	scenario_decide();
	assert_null(scenario.plan.framework);
	assert_string_equal(scenario_result(scenario_find(STEP_AFFINITY, NULL)), HGX_0);
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_placement),
		SCENARIO_TEST(test_cpuset),
		SCENARIO_TEST(test_nearest_ties),
		SCENARIO_TEST(test_weights),
		SCENARIO_TEST(test_gpu_without_cpus),
		SCENARIO_TEST(test_required),
		SCENARIO_TEST(test_list_against_the_framework),
		SCENARIO_TEST(test_no_framework),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
