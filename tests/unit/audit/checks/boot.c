/* SPDX-License-Identifier: Apache-2.0 */
/* kernel-age, boot-parameters, iommu-mode. */
#include <linux/mempolicy.h>
#include <stdio.h>

#include "support/audit.h"
#include "util/kernel_abi.h"

#define HGX "hgx-8gpu-two-socket"
#define NODES_16 "cpus-512-nodes-16"
#define LAPTOP "laptop-one-node"

static void set_kernel(const char *release)
{
	snprintf(scenario.machine.facts.kernel, sizeof scenario.machine.facts.kernel, "%s", release);
}

static void test_kernel_age(void **state)
{
	struct node_mempolicy *probe = &audit.node.mempolicy;

	(void)state;
	/* A list of nodes asks for preferred-many, of 5.15. */
	audit_open(NODES_16, NULL, WORDS("--numa=0-3", "x"));
	assert_finding("kernel-age", "ok", "6.12.0");
	set_kernel("5.15.0-1-generic");
	assert_finding("kernel-age", "ok", "5.15");
	set_kernel("5.14.0-427.el9");
	assert_finding("kernel-age", "warn", "MPOL_PREFERRED_MANY of 5.15");
	/* What the kernel did counts for more than its number. */
	probe->was_tried = true;
	probe->tried = 1U << MPOL_BIND | 1U << MPOL_PREFERRED_MANY;
	probe->accepted = probe->tried;
	assert_finding("kernel-age", "ok", "5.14");
	probe->accepted = 1U << MPOL_BIND;
	set_kernel("6.12.0");
	assert_finding("kernel-age", "warn", "MPOL_PREFERRED_MANY");
	/* Everything refused says nothing about this one. */
	probe->accepted = 0;
	assert_finding("kernel-age", "ok", "6.12");
	set_kernel("");
	assert_finding("kernel-age", "unknown", "cannot be read");
	set_kernel("next");
	assert_finding("kernel-age", "unknown", "cannot be understood");
}

static void test_kernel_age_thp(void **state)
{
	(void)state;
	audit_open(HGX, NULL, WORDS("--thp=advised", "x"));
	assert_finding("kernel-age", "warn", "PR_THP_DISABLE_EXCEPT_ADVISED of 6.18");
	set_kernel("6.18.0");
	assert_finding("kernel-age", "ok", "6.18");
	scenario_close();
	audit_open(HGX, NULL, NO_WORDS);
	set_kernel("3.10.0-1160.el7");
	assert_finding("kernel-age", "ok", "3.10");
}

static void test_boot_parameters(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("boot-parameters", "warn", "2048 hugepages of 2 MiB were asked for, and there are 1024");
	audit.node.command_line = "hugepages=1024";
	assert_finding("boot-parameters", "ok", "in force");
	audit.node.command_line = "hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=0:512,1:512";
	assert_finding("boot-parameters", "warn", "4 hugepages of 1 GiB were asked for, and there are 0");
	audit.node.command_line = "default_hugepagesz=16M hugepagesz=16M hugepages=4";
	assert_finding("boot-parameters", "warn", "of 16 MiB were asked for, and this kernel has none");
	audit.node.command_line = "default_hugepagesz=2M";
	assert_finding("boot-parameters", "ok", "in force");
	audit.node.command_line = "default_hugepagesz=1G";
	assert_finding("boot-parameters", "warn", "default_hugepagesz=1G, and the default is 2 MiB");
	audit.node.command_line = "default_hugepagesz=large";
	assert_finding("boot-parameters", "warn", "default_hugepagesz=large");
	audit.node.command_line = "numa=off";
	assert_finding("boot-parameters", "warn", "numa=off on a GPU host");
	audit.node.command_line = "numa_balancing=disable";
	assert_finding("boot-parameters", "warn", "numa_balancing=disable, and now it is 1");
	audit.node.command_line = "numa_balancing=enable";
	assert_finding("boot-parameters", "ok", "in force");
	audit.node.command_line = "numa_balancing=0";
	assert_finding("boot-parameters", "warn", "not a value the kernel takes");
	audit.node.command_line = "hugepages=64";
	scenario.machine.facts.hugetlb.n_pools = 0;
	assert_finding("boot-parameters", "unknown", "hugepages=64");
	audit.node.command_line = NULL;
	assert_finding("boot-parameters", "unknown", "/proc/cmdline");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	audit.node.command_line = "numa=off";
	assert_finding("boot-parameters", "ok", "in force");
}

static void test_iommu(void **state)
{
	static const struct {
		const char *text, *status, *observed;
	} lines[] = {
		{ "ro intel_iommu=on iommu=pt", "ok", "iommu=pt on the kernel command line" },
		{ "iommu=soft,pt", "ok", "iommu=pt" },
		{ "iommu.passthrough=1", "ok", "iommu.passthrough=1" },
		{ "iommu.passthrough=on", "ok", "iommu.passthrough=on" },
		{ "iommu.passthrough=0 iommu=pt", "warn",
		  "iommu.passthrough=0 on the kernel command line: the IOMMU translates" },
		{ "iommu=nopt", "warn", "iommu=nopt" },
		{ "intel_iommu=on", "unknown", "intel_iommu=on on the kernel command line does not say it" },
		{ "amd_iommu=fullflush", "unknown", "amd_iommu=fullflush" },
		{ "ro quiet", "unknown", "5.11" },
		{ NULL, "unknown", "5.11" },
	};
	struct node_iommu *iommu;

	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	iommu = audit.node.iommu;
	assert_int_equal(audit.node.n_iommu, 8);
	assert_finding("iommu-mode", "ok", "identity");
	iommu[3].has_group = TRI_YES;
	strcpy(iommu[3].type, "DMA");
	assert_finding("iommu-mode", "warn", "translating IOMMU (DMA)");
	strcpy(iommu[5].type, "DMA-FQ");
	assert_finding("iommu-mode", "warn", "2 of 8");
	for (size_t i = 0; i < 8; i++)
		iommu[i].has_group = TRI_NO;
	assert_finding("iommu-mode", "ok", "no IOMMU");
	/* Before 5.11 there is a group, and no word on its type. */
	iommu[1].has_group = TRI_YES;
	strcpy(iommu[1].type, "");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		audit.node.command_line = lines[i].text;
		assert_finding("iommu-mode", lines[i].status, lines[i].observed);
	}
	audit.node.n_iommu = 0;
	assert_finding("iommu-mode", "unknown", "/sys/bus/pci");
	scenario_close();
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("iommu-mode", "skip", "no GPU");
	scenario.machine.facts.numa.known = TRI_UNKNOWN;
	assert_finding("iommu-mode", "unknown", "whether there are GPUs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_kernel_age),
		SCENARIO_TEST(test_kernel_age_thp),
		SCENARIO_TEST(test_boot_parameters),
		SCENARIO_TEST(test_iommu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
