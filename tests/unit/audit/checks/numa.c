/* SPDX-License-Identifier: Apache-2.0 */
/* mempolicy-allowed, autonuma, gpu-nodes, cpuless-nodes. */
#include <errno.h>
#include <linux/mempolicy.h>

#include "support/audit.h"

#define HGX "hgx-8gpu-two-socket"
#define SUPERCHIP "superchip-memory-only-nodes-64k"
#define NODES_16 "cpus-512-nodes-16"

static const char *const no_variables[] = { NULL };

static void set_list(struct bitmap *bitmap, const char *list)
{
	assert_int_equal(bitmap_parse_list(list, bitmap), 0);
}

static void test_mempolicy_allowed(void **state)
{
	struct node_mempolicy *probe = &audit.node.mempolicy;

	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("mempolicy-allowed", "unknown", "only a running machine");
	probe->problem = "no process could be started";
	assert_finding("mempolicy-allowed", "unknown", "no process could be started");
	probe->problem = NULL;
	probe->was_tried = true;
	probe->tried = probe->accepted = 1U << MPOL_BIND;
	assert_finding("mempolicy-allowed", "ok", "nodes 0-1");
	probe->accepted = 0;
	probe->bind_error = EPERM;
	assert_finding("mempolicy-allowed", "fail", "the policy wants preferred 0");
	probe->bind_error = ENOSYS;
	assert_finding("mempolicy-allowed", "fail", "without the call");
	scenario_close();
	/* The policy has nothing to bind there: all GPUs are visible, or none. */
	audit_open(HGX, no_variables, NO_WORDS);
	probe->was_tried = true;
	probe->bind_error = EPERM;
	assert_finding("mempolicy-allowed", "warn", "does not need it");
	probe->was_tried = false;
	probe->killed_by = 31;
	assert_finding("mempolicy-allowed", "fail", "signal 31");
	scenario_close();
	audit_open("laptop-one-node", NULL, NO_WORDS);
	probe->was_tried = true;
	probe->bind_error = EPERM;
	assert_finding("mempolicy-allowed", "skip", "one NUMA node");
	scenario_close();
	audit_open("no-numa-sysfs", NULL, NO_WORDS);
	assert_finding("mempolicy-allowed", "skip", "no NUMA nodes");
}

static void test_autonuma(void **state)
{
	struct facts *f = &scenario.machine.facts;

	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("autonuma", "fail", "numa_balancing=1 on a host with 2 nodes and 4 visible GPUs");
	audit.node.balancing = 2; /* tiering, 5.18 */
	assert_finding("autonuma", "fail", "numa_balancing=2");
	audit.node.balancing = 0;
	assert_finding("autonuma", "ok", "numa_balancing=0");
	audit.node.balancing = FACT_UNKNOWN;
	audit.node.has_balancing = TRI_UNKNOWN;
	assert_finding("autonuma", "unknown", "cannot be read");
	audit.node.has_balancing = TRI_NO;
	assert_finding("autonuma", "ok", "no automatic");
	audit.node.balancing = 1;
	audit.node.has_balancing = TRI_YES;
	f->numa.known = TRI_UNKNOWN;
	assert_finding("autonuma", "unknown", "nodes cannot be read");
	scenario_close();
	audit_open(NODES_16, NULL, NO_WORDS);
	assert_finding("autonuma", "ok", "no GPU is visible");
	scenario_close();
	audit_open("laptop-one-node", NULL, NO_WORDS);
	audit.node.balancing = 1;
	assert_finding("autonuma", "skip", "one NUMA node");
}

static void test_gpu_nodes(void **state)
{
	struct facts *f = &scenario.machine.facts;
	struct gpu *gpus;

	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	gpus = f->gpu.gpus;
	assert_finding("gpu-nodes", "ok", "4 visible GPUs on node 0");
	gpus[4].node = -1; /* hidden by CUDA_VISIBLE_DEVICES */
	assert_finding("gpu-nodes", "ok", "4 visible GPUs on node 0");
	gpus[1].node = -1;
	assert_finding("gpu-nodes", "warn", "no known node");
	gpus[1].node = GPU_NODE_UNREAD; /* kind M: what cannot be read is not what the firmware says */
	assert_finding("gpu-nodes", "unknown", "on a node that cannot be read");
	gpus[1].node = 7;
	assert_finding("gpu-nodes", "warn", "node 7, which is not online");
	/* The worst of them is told, and that there are others. */
	set_list(&f->process.status.cpus, "60-70");
	assert_finding("gpu-nodes", "fail", "may use no CPU (it has 60-70) (3 more GPUs lie badly)");
	set_list(&f->process.status.cpus, "0-223");
	gpus[1].node = 0;
	set_list(&f->process.status.memory_nodes, "1");
	assert_finding("gpu-nodes", "fail", "may use no memory (it has nodes 1)");
	f->process.status.memory_nodes = (struct bitmap){ { 0 } };
	assert_finding("gpu-nodes", "ok", "node 0");
	f->process.status.cpus = (struct bitmap){ { 0 } };
	assert_finding("gpu-nodes", "unknown", "CPUs");
	f->numa.known = TRI_UNKNOWN;
	assert_finding("gpu-nodes", "unknown", "NUMA nodes");
	scenario_close();
	audit_open(HGX, WORDS("CUDA_VISIBLE_DEVICES="), NO_WORDS);
	assert_finding("gpu-nodes", "skip", "no GPU is visible");
	scenario_close();
	audit_open("laptop-one-node", NULL, NO_WORDS);
	assert_finding("gpu-nodes", "skip", "no GPU");
	f->numa.known = TRI_UNKNOWN;
	assert_finding("gpu-nodes", "unknown", "whether there are GPUs");
}

static void test_gpu_on_a_node_without_cpus(void **state)
{
	(void)state;
	audit_open(SUPERCHIP, NULL, NO_WORDS);
	scenario.machine.facts.gpu.gpus[0].node = 18;
	assert_finding("gpu-nodes", "warn", "on node 18, which has no CPUs; node 1 is the nearest");
	scenario.machine.facts.numa.nodes[4].distances = NULL;
	assert_finding("gpu-nodes", "warn", "on node 18, which has no CPUs");
}

static void test_cpuless_nodes(void **state)
{
	struct facts *f = &scenario.machine.facts;

	(void)state;
	audit_open(SUPERCHIP, NULL, NO_WORDS);
	assert_finding("cpuless-nodes", "warn", "nodes 2,10,18,26 have memory and no CPUs");
	set_list(&f->process.status.memory_nodes, "0-1");
	assert_finding("cpuless-nodes", "ok", "the cpuset keeps us out");
	set_list(&f->process.status.memory_nodes, "0-1,10");
	assert_finding("cpuless-nodes", "warn", "nodes 10 have");
	audit.node.mempolicy.mode = MPOL_INTERLEAVE;
	set_list(&audit.node.mempolicy.nodes, "0-2");
	assert_finding("cpuless-nodes", "fail", "inherited takes in nodes 2");
	audit.node.mempolicy.mode = MPOL_PREFERRED;
	assert_finding("cpuless-nodes", "warn", "nodes 10");
	f->process.status.memory_nodes = (struct bitmap){ { 0 } };
	assert_finding("cpuless-nodes", "unknown", "cannot be read");
	/* A slower tier of memory is none of the GPUs'. */
	set_list(&f->process.status.memory_nodes, "0-2");
	f->gpu.n_gpus = 0;
	assert_finding("cpuless-nodes", "ok", "a slower tier");
	f->numa.known = TRI_UNKNOWN;
	assert_finding("cpuless-nodes", "unknown", "NUMA nodes");
	scenario_close();
	audit_open(SUPERCHIP, NULL, WORDS("--numa=0-2", "--numa-strict", "x"));
	assert_finding("cpuless-nodes", "fail", "the policy asks for bind 0-2, which takes in nodes 2");
	scenario_close();
	/* Nodes kept for MIG have no memory. */
	audit_open(SUPERCHIP, NULL, NO_WORDS);
	for (size_t i = 2; i < f->numa.n_nodes; i++)
		f->numa.nodes[i].memory_total = 0;
	assert_finding("cpuless-nodes", "ok", "have CPUs");
	f->numa.nodes[2].memory_total = FACT_UNKNOWN;
	assert_finding("cpuless-nodes", "unknown", "have memory cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_mempolicy_allowed), SCENARIO_TEST(test_autonuma),
		SCENARIO_TEST(test_gpu_nodes),         SCENARIO_TEST(test_gpu_on_a_node_without_cpus),
		SCENARIO_TEST(test_cpuless_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
