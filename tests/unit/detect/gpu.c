/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "detect/detectors.h"
#include "support/support.h"

#define PROC "/proc/driver/nvidia/gpus/"

static void test_nvidia(void **state)
{
	static const char *const addresses[] = {
		"0000:1b:00.0", "0000:43:00.0", "0000:52:00.0", "0000:61:00.0",
		"0000:9d:00.0", "0000:c3:00.0", "0000:d1:00.0", "0000:df:00.0",
	};
	struct machine machine;
	const struct gpu_facts *gpu = &machine.facts.gpu;

	(void)state;
	machine_open(&machine, "hgx-8gpu-two-socket");
	assert_int_equal(gpu->n_gpus, 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(gpu->gpus[i].vendor, GPU_NVIDIA);
		assert_int_equal(gpu->gpus[i].index, i);
		assert_string_equal(gpu->gpus[i].address, addresses[i]);
		assert_int_equal(gpu->gpus[i].node, i < 4 ? 0 : 1);
		assert_int_equal(gpu->gpus[i].visible, i < 4 ? TRI_YES : TRI_NO);
	}
	assert_string_equal(gpu->gpus[2].uuid, "GPU-10000002-1111-2222-3333-444444444402");
	assert_string_equal(gpu->visible_by, "CUDA_VISIBLE_DEVICES=0,1,2,3");
	machine_close(&machine);
}

static void test_other_domains(void **state)
{
	struct machine machine;
	const struct gpu_facts *gpu = &machine.facts.gpu;

	(void)state;
	machine_open(&machine, "superchip-memory-only-nodes-64k");
	assert_int_equal(gpu->n_gpus, 4);
	assert_string_equal(gpu->gpus[3].address, "0019:01:00.0");
	assert_int_equal(gpu->gpus[1].node, 0);
	assert_int_equal(gpu->gpus[2].node, 1);
	assert_null(gpu->visible_by);
	machine_close(&machine);
}

static void test_amd(void **state)
{
	struct machine machine;
	const struct gpu_facts *gpu = &machine.facts.gpu;

	(void)state;
	machine_open(&machine, "one-socket-four-nodes");
	assert_int_equal(gpu->n_gpus, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(gpu->gpus[i].vendor, GPU_AMD);
		assert_int_equal(gpu->gpus[i].index, i);
		assert_int_equal(gpu->gpus[i].node, i);
		assert_int_equal(gpu->gpus[i].visible, i == 2 ? TRI_YES : TRI_NO);
	}
	assert_string_equal(gpu->gpus[0].uuid, "GPU-7a5d1c0000000010");
	assert_string_equal(gpu->gpus[3].address, "0000:c3:00.0");
	assert_string_equal(gpu->visible_by, "HIP_VISIBLE_DEVICES=2");
	machine_close(&machine);
}

static void test_no_gpu(void **state)
{
	struct machine machine;

	(void)state;
	machine_open_with(&machine, "laptop-one-node", (const char *const[]){ "CUDA_VISIBLE_DEVICES=0", NULL });
	assert_int_equal(machine.facts.gpu.n_gpus, 0);
	assert_null(machine.facts.gpu.visible_by);
	machine_close(&machine);
}

/* "VAR=VALUE VAR=VALUE" over the 8 GPUs: which are visible, as letters. */
static void check_visible(const char *machine_name, const char *variables, const char *expected)
{
	const char *environment[8] = { NULL };
	struct machine machine;
	char text[256], seen[16] = "", *rest;
	size_t n = 0;

	print_message("%s\n", variables);
	snprintf(text, sizeof text, "%s", variables);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		environment[n++] = word;
	machine_open_with(&machine, machine_name, environment);
	for (size_t i = 0; i < machine.facts.gpu.n_gpus; i++)
		seen[i] = "?.y"[machine.facts.gpu.gpus[i].visible + 1];
	assert_string_equal(seen, expected);
	machine_close(&machine);
}

static void test_nvidia_visibility(void **state)
{
	static const struct {
		const char *variables, *expected;
	} cases[] = {
		{ "", "yyyyyyyy" },
		{ "CUDA_VISIBLE_DEVICES=0,2,-1,1", "y.y....." }, /* the manual's example */
		{ "CUDA_VISIBLE_DEVICES=2,1", ".yy....." },
		{ "CUDA_VISIBLE_DEVICES=7", ".......y" },
		{ "CUDA_VISIBLE_DEVICES=8,0", "........" },
		{ "CUDA_VISIBLE_DEVICES=0,x,1", "y......." },
		{ "CUDA_VISIBLE_DEVICES=0,,1", "y......." },
		{ "CUDA_VISIBLE_DEVICES=", "........" },
		{ "CUDA_VISIBLE_DEVICES=-1", "........" },
		{ "CUDA_VISIBLE_DEVICES=NoDevFiles", "........" },
		/* What driver 580 makes of the rest: tests/gpu/run. */
		{ "CUDA_VISIBLE_DEVICES=0,0", "........" },
		{ "CUDA_VISIBLE_DEVICES=0,9,0", "y......." },
		{ "CUDA_VISIBLE_DEVICES=0x1,+2,3;4", "y.yy...." },
		{ "CUDA_VISIBLE_DEVICES=\t1,-0", "yy......" },
		{ "CUDA_VISIBLE_DEVICES=++0", "........" },
		{ "CUDA_VISIBLE_DEVICES=GPU-", "........" },
		{ "CUDA_VISIBLE_DEVICES=GPU-10000005-1111-2222-3333-444444444405x", ".....y.." },
		{ "CUDA_VISIBLE_DEVICES=\tGPU-10000005-1111-2222-3333-444444444405", "........" },
		{ "CUDA_VISIBLE_DEVICES=gpu-10000005", "........" },
		{ "CUDA_VISIBLE_DEVICES=0,GPU-10000005", "y......." },
		{ "CUDA_VISIBLE_DEVICES=GPU-10000005,0", ".....y.." },
		{ "CUDA_VISIBLE_DEVICES=GPU-10000005,GPU-1000000", ".....y.." },
		{ "CUDA_VISIBLE_DEVICES=99999999999999999999", "........" },
		{ "CUDA_VISIBLE_DEVICES=GPU-10000005-1111-2222-3333-444444444405", ".....y.." },
		{ "CUDA_VISIBLE_DEVICES=GPU-10000005,GPU-10000001", ".y...y.." },
		{ "CUDA_VISIBLE_DEVICES=GPU-1000000", "........" }, /* of several */
		{ "CUDA_VISIBLE_DEVICES=GPU-ffff,0", "........" },
		{ "CUDA_VISIBLE_DEVICES=MIG-11112222-3333-4444-5555-666677778888", "????????" },
		{ "CUDA_VISIBLE_DEVICES=MIG-GPU-10000003-1111-2222-3333-444444444403/1/0", "...y...." },
		{ "CUDA_VISIBLE_DEVICES=0 CUDA_VISIBLE_DEVICES=1", ".y......" },
		{ "HIP_VISIBLE_DEVICES=0 ROCR_VISIBLE_DEVICES=0", "yyyyyyyy" },
		{ "NVIDIA_VISIBLE_DEVICES=all", "yyyyyyyy" },
		{ "NVIDIA_VISIBLE_DEVICES=none", "........" },
		{ "NVIDIA_VISIBLE_DEVICES=void", "........" },
		{ "NVIDIA_VISIBLE_DEVICES=", "........" },
		{ "NVIDIA_VISIBLE_DEVICES=4,5", "....yy.." },
		{ "NVIDIA_VISIBLE_DEVICES=GPU-10000006-1111-2222-3333-444444444406", "......y." },
		/* Not to be found: the folder already shows what the container has. */
		{ "NVIDIA_VISIBLE_DEVICES=0,9", "yyyyyyyy" },
		/* CUDA counts what the container has. */
		{ "NVIDIA_VISIBLE_DEVICES=4,5 CUDA_VISIBLE_DEVICES=1", ".....y.." },
		{ "NVIDIA_VISIBLE_DEVICES=4,5 CUDA_VISIBLE_DEVICES=4", "........" },
		{ "NVIDIA_VISIBLE_DEVICES=none CUDA_VISIBLE_DEVICES=0", "........" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_visible("hgx-8gpu-two-socket", cases[i].variables, cases[i].expected);
}

static void test_amd_visibility(void **state)
{
	static const struct {
		const char *variables, *expected;
	} cases[] = {
		{ "", "yyyy" },
		{ "ROCR_VISIBLE_DEVICES=1,3", ".y.y" },
		/* ROCr ends the list at an index it has seen. */
		{ "ROCR_VISIBLE_DEVICES=0,0,1", "y..." },
		{ "ROCR_VISIBLE_DEVICES=GPU-7a5d1c0000000012", "..y." },
		{ "ROCR_VISIBLE_DEVICES=GPU-7A5D1C0000000012", "..y." },
		{ "ROCR_VISIBLE_DEVICES=", "...." },
		{ "ROCR_VISIBLE_DEVICES=2,3 HIP_VISIBLE_DEVICES=1", "...y" },
		{ "ROCR_VISIBLE_DEVICES=2,3 HIP_VISIBLE_DEVICES=2", "...." },
		{ "HIP_VISIBLE_DEVICES=", "yyyy" },
		{ "CUDA_VISIBLE_DEVICES=1", ".y.." },
		{ "CUDA_VISIBLE_DEVICES=1 HIP_VISIBLE_DEVICES=0", "y..." },
		{ "CUDA_VISIBLE_DEVICES=", "yyyy" },
		{ "NVIDIA_VISIBLE_DEVICES=none", "yyyy" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_visible("one-socket-four-nodes", cases[i].variables, cases[i].expected);
}

static void test_narrowed_container(void **state)
{
	struct machine machine;

	(void)state;
	machine_open(&machine, "cgroup-v2-memory-max");
	assert_int_equal(machine.facts.gpu.n_gpus, 1);
	assert_int_equal(machine.facts.gpu.gpus[0].visible, TRI_YES);
	assert_int_equal(machine.facts.gpu.gpus[0].node, 1);
	assert_null(machine.facts.gpu.visible_by);
	machine_close(&machine);
	/* Index 3 of the host is the only one here. */
	check_visible("cgroup-v2-memory-max", "NVIDIA_VISIBLE_DEVICES=3", "y");
	check_visible("cgroup-v2-memory-max", "NVIDIA_VISIBLE_DEVICES=3 CUDA_VISIBLE_DEVICES=0", "y");
}

static void write_gpu(struct tree *t, const char *address, const char *information, const char *node)
{
	tree_write(t, mem_printf(&t->mem, PROC "%s/information", address), information);
	tree_write(t, mem_printf(&t->mem, "/sys/bus/pci/devices/%s/numa_node", address), node);
}

/* A container that sees the whole host's driver folder, but not the devices. */
static void test_device_nodes(void **state)
{
	static const char *const cdi[] = { "NVIDIA_VISIBLE_DEVICES=void", NULL };
	struct gpu_facts gpu;
	struct tree t;

	(void)state;
	tree_open(&t);
	write_gpu(&t, "0000:10:00.0", "Device Minor: \t 1\n", "0\n");
	write_gpu(&t, "0000:0a:00.0", "Device Minor: \t 0\n", "1\n");
	tree_write(&t, "/dev/nvidiactl", "");
	tree_write(&t, "/dev/nvidia1", "");
	gpu_detect(&t.root, &t.mem, NULL, &gpu);
	assert_int_equal(gpu.n_gpus, 2);
	assert_string_equal(gpu.gpus[0].address, "0000:0a:00.0");
	assert_int_equal(gpu.gpus[0].visible, TRI_NO);
	assert_int_equal(gpu.gpus[1].visible, TRI_YES);
	/* With CDI the variable says void, and the device is there. */
	gpu_detect(&t.root, &t.mem, cdi, &gpu);
	assert_int_equal(gpu.gpus[0].visible, TRI_NO);
	assert_int_equal(gpu.gpus[1].visible, TRI_YES);
	assert_null(gpu.visible_by);
	tree_close(&t);
}

static void test_driver_without_proc(void **state)
{
	struct gpu_facts gpu;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_mkdir(&t, "/sys/bus/pci/drivers/nvidia/0000:b1:00.0");
	tree_mkdir(&t, "/sys/bus/pci/drivers/nvidia/0000:0f:00.0");
	tree_write(&t, "/sys/bus/pci/drivers/nvidia/bind", "");
	tree_write(&t, "/sys/bus/pci/drivers/nvidia/module", "");
	tree_write(&t, "/sys/bus/pci/devices/0000:b1:00.0/numa_node", "1\n");
	tree_write(&t, "/sys/bus/pci/devices/0000:0f:00.0/numa_node", "-1\n");
	tree_mkdir(&t, "/sys/bus/pci/drivers/amdgpu/0000:03:00.0");
	gpu_detect(&t.root, &t.mem, NULL, &gpu);
	assert_int_equal(gpu.n_gpus, 3);
	assert_string_equal(gpu.gpus[0].address, "0000:0f:00.0");
	assert_int_equal(gpu.gpus[0].node, -1);
	assert_null(gpu.gpus[0].uuid);
	assert_int_equal(gpu.gpus[1].node, 1);
	assert_int_equal(gpu.gpus[2].vendor, GPU_AMD);
	assert_int_equal(gpu.gpus[2].index, 0);
	assert_int_equal(gpu.gpus[2].node, GPU_NODE_UNREAD);
	tree_close(&t);
}

static void test_odd_files(void **state)
{
	struct gpu_facts gpu;
	struct tree t;

	(void)state;
	tree_open(&t);
	/* Nothing has initialised it yet; no node file; a cut line. */
	write_gpu(&t, "0000:01:00.0", "GPU UUID: \t GPU-\?\?\?\?\?\?\?\?-\?\?\?\?-\?\?\?\?\n", "x\n");
	write_gpu(&t, "0000:02:00.0", "GPU UUID: \t GPU-1234", "99999\n");
	tree_mkdir(&t, PROC "0000:03:00.0");
	tree_mkdir(&t, PROC "not-a-gpu");
	tree_mkdir(&t, PROC "0000:03:00.00");
	/* A partition of a GPU has its number in the function, the device has not. */
	tree_write(&t, "/sys/class/kfd/kfd/topology/nodes/1/properties",
		   "simd_count 4\nlocation_id 258\ndomain 1\nunique_id 0\n");
	tree_write(&t, "/sys/class/kfd/kfd/topology/nodes/2/properties", "simd_count 4\n");
	tree_write(&t, "/sys/class/kfd/kfd/topology/nodes/x/properties", "simd_count 4\nlocation_id 1\n");
	gpu_detect(&t.root, &t.mem, NULL, &gpu);
	assert_int_equal(gpu.n_gpus, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_null(gpu.gpus[i].uuid);
		assert_int_equal(gpu.gpus[i].node, GPU_NODE_UNREAD);
	}
	assert_string_equal(gpu.gpus[3].address, "0001:01:00.0");
	assert_null(gpu.gpus[3].uuid);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nvidia),
		cmocka_unit_test(test_other_domains),
		cmocka_unit_test(test_amd),
		cmocka_unit_test(test_no_gpu),
		cmocka_unit_test(test_nvidia_visibility),
		cmocka_unit_test(test_amd_visibility),
		cmocka_unit_test(test_narrowed_container),
		cmocka_unit_test(test_device_nodes),
		cmocka_unit_test(test_driver_without_proc),
		cmocka_unit_test(test_odd_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
