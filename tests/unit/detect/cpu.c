/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect.h"
#include "support/support.h"

static void test_machines(void **state)
{
	static const struct {
		const char *machine, *online, *allowed;
		int64_t quota_milli, effective;
	} cases[] = {
		{ "hybrid-cgroup-vm", "0-1", "0-1", FACT_UNLIMITED, 2 },
		{ "laptop-one-node", "0-15", "0-15", FACT_UNLIMITED, 16 },
		{ "hgx-8gpu-two-socket", "0-223", "0-223", FACT_UNLIMITED, 224 },
		{ "superchip-memory-only-nodes-64k", "0-143", "0-143", FACT_UNLIMITED, 144 },
		{ "one-socket-four-nodes", "0-127", "0-127", FACT_UNLIMITED, 128 },
		{ "cgroup-v1-quota", "0-31", "0-31", 2500, 3 },
		{ "cgroup-v2-memory-max", "0-63", "0-63", 4000, 4 },
		{ "no-numa-sysfs", "0-3", "0-3", FACT_UNLIMITED, 4 },
		{ "cpus-512-nodes-16", "0-509", "0-255", FACT_UNLIMITED, 256 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine machine;

		print_message("%s\n", cases[i].machine);
		machine_open(&machine, cases[i].machine);
		assert_list_equal(&machine.facts.cpu.online, cases[i].online);
		assert_list_equal(&machine.facts.process.status.cpus, cases[i].allowed);
		assert_int_equal(machine.facts.cpu.quota_milli, cases[i].quota_milli);
		assert_int_equal(machine.facts.cpu.effective, cases[i].effective);
		machine_close(&machine);
	}
}

static void test_kernel(void **state)
{
	static const struct {
		const char *name, *kernel, *machine;
		int64_t page_size, memory_total;
	} cases[] = {
		{ "hybrid-cgroup-vm", "6.18.44", "x86_64", 4096, INT64_C(24684084) * 1024 },
		{ "superchip-memory-only-nodes-64k", "6.8.0-1031-nvidia-64k", "aarch64", 65536,
		  INT64_C(1787924480) * 1024 },
		/* Before 6.1 no file says what machine it is. */
		{ "no-numa-sysfs", "4.19.0-26-cloud-amd64", "", 4096, INT64_C(4028276) * 1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine machine;

		print_message("%s\n", cases[i].name);
		machine_open(&machine, cases[i].name);
		assert_false(machine.facts.is_live);
		assert_string_equal(machine.facts.kernel, cases[i].kernel);
		assert_string_equal(machine.facts.machine, cases[i].machine);
		assert_int_equal(machine.facts.page_size, cases[i].page_size);
		assert_int_equal(machine.facts.memory_total, cases[i].memory_total);
		assert_null(machine.facts.ld_so_preload);
		machine_close(&machine);
	}
}

static void test_effective(void **state)
{
	static const struct {
		const char *online, *allowed;
		int64_t quota_milli, effective;
	} cases[] = {
		{ "0-7", "0-3", FACT_UNLIMITED, 4 },
		{ "0-7", "0-3", FACT_UNKNOWN, 4 },
		{ "0-7", "0-3", 2000, 2 },
		{ "0-7", "0-3", 2001, 3 },
		{ "0-7", "0-3", 9000, 4 },
		{ "0-7", "0-3", 100, 1 },
		{ "0-7", "0-3", 0, 1 },
		/* Allowed, but offline. */
		{ "0-3", "2-9", FACT_UNLIMITED, 2 },
		{ "", "0-3", FACT_UNLIMITED, 4 },
		{ "0-7", "", FACT_UNLIMITED, 8 },
		{ "", "", 2500, 3 },
		{ "", "", FACT_UNLIMITED, FACT_UNKNOWN },
		{ "", "", FACT_UNKNOWN, FACT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cpu_facts cpu = { .quota_milli = cases[i].quota_milli };
		struct bitmap allowed;

		print_message("case %zu\n", i);
		assert_int_equal(bitmap_parse_list(cases[i].online, &cpu.online), 0);
		assert_int_equal(bitmap_parse_list(cases[i].allowed, &allowed), 0);
		assert_int_equal(cpu_count_effective(&cpu, &allowed), cases[i].effective);
	}
}

static void test_ld_so_preload(void **state)
{
	struct detect_request request = { 0 };
	struct facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/etc/ld.so.preload", "/usr/lib/libfoo.so\n");
	facts_detect(&t.root, &t.mem, &request, &facts);
	assert_string_equal(facts.ld_so_preload, "/usr/lib/libfoo.so\n");
	tree_write(&t, "/etc/ld.so.preload", "#libjemalloc.so\n/usr/lib/libfoo.so\n");
	facts_detect(&t.root, &t.mem, &request, &facts);
	assert_string_equal(facts.ld_so_preload, "               \n/usr/lib/libfoo.so\n");
	tree_close(&t);
}

static void test_live(void **state)
{
	struct detect_request request = { 0 };
	struct mem m = MEM_INIT;
	struct facts facts;
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	facts_detect(&root, &m, &request, &facts);
	assert_true(facts.is_live);
	assert_true(facts.cpu.effective >= 1);
	assert_true(facts.page_size >= 4096);
	assert_true(facts.memory_total > 0);
	assert_true(facts.kernel[0]);
	assert_true(facts.machine[0]);
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machines),      cmocka_unit_test(test_kernel), cmocka_unit_test(test_effective),
		cmocka_unit_test(test_ld_so_preload), cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
