/* SPDX-License-Identifier: Apache-2.0 */
/* Who else sets what [node] sets, and where that is no contradiction. */
#include <string.h>

#include "support/tune_case.h"

static void assert_note(const char *key, const char *text)
{
	const struct tune_write *w = tune_find(key);

	for (size_t i = 0; i < w->n_notes; i++) {
		if (strcmp(w->notes[i], text) == 0)
			return;
	}
	fail_msg("%s: no note '%s' (%zu notes, the first: %s)", key, text, w->n_notes,
		 w->n_notes ? w->notes[0] : "none");
}

static void test_boot_notes(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, "/proc/cmdline",
		   "ro transparent_hugepage=always numa_balancing=enable default_hugepagesz=2M "
		   "hugepages=512 -- max\n");
	tune_want("thp-enabled", "madvise");
	tune_want("numa-balancing", "0");
	tune_want("hugetlb.2M", "64");
	tune_want("thp-defrag", "never");
	tune_decide_here();
	assert_note("thp-enabled",
		    "the kernel command line says transparent_hugepage=always: each boot begins with that");
	assert_note("numa-balancing", "the kernel command line says numa_balancing=enable: each boot begins with that");
	assert_note("hugetlb.2M", "the kernel command line asks for 512 pages of 2M: each boot begins with those");
	assert_int_equal(tune_find("thp-defrag")->n_notes, 0);
	/* The same value is no contradiction. */
	policy.n = 0;
	tune_want("thp-enabled", "always");
	tune_want("numa-balancing", "1");
	tune_decide_here();
	assert_int_equal(tune_find("thp-enabled")->n_notes + tune_find("numa-balancing")->n_notes, 0);
}

static void assert_no_note(const char *key)
{
	if (tune_find(key)->n_notes)
		fail_msg("%s: a note: %s", key, tune_find(key)->notes[0]);
}

/* thp_anon= and thp_shmem= name sizes; a later part wins. */
static void test_boot_sizes(void **state)
{
	static const struct {
		const char *boot, *word;
		bool has_note; /* where "madvise" is wanted for 64K */
	} rows[] = {
		{ "64K:madvise;128K:always", "madvise", false },
		{ "32K,64K:madvise;128K:always", "madvise", false },
		{ "16K-128K:always", "always", true },
		{ "16K-128K:madvise", "madvise", false },
		{ "16K-128K:always;64K:madvise", "madvise", false },
		{ "64K:madvise;16K-128K:always", "always", true },
		{ "128K:always", NULL, false },
		{ "64K", NULL, false },
		{ "64K-:always", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	tune_write_machine();
	tune_want("thp-enabled.64K", "madvise");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		tree_write(&tree, "/proc/cmdline", mem_printf(&pool, "ro thp_anon=%s\n", rows[i].boot));
		tune_decide_here();
		assert_row_int(rows[i].boot, tune_find("thp-enabled.64K")->n_notes != 0, rows[i].has_note);
		if (rows[i].has_note)
			assert_note("thp-enabled.64K",
				    mem_printf(&pool,
					       "the kernel command line says thp_anon=%s: each boot begins with that",
					       rows[i].boot));
	}
}

/* Pages of each node, and of all that the kernel spreads. */
static void test_boot_nodes(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, "/proc/cmdline", "ro hugepages=0:8,1:8\n");
	tune_want("hugetlb.2M.node0", "8");
	tune_want("hugetlb.2M.node1", "9");
	tune_want("hugetlb.2M.node2", "1");
	tune_decide_here();
	assert_no_note("hugetlb.2M.node0");
	assert_note("hugetlb.2M.node1",
		    "the kernel command line asks for 8 pages of 2M on node 1: each boot begins with those");
	assert_note("hugetlb.2M.node2",
		    "the kernel command line asks for 0 pages of 2M on node 2: each boot begins with those");
	policy.n = 0;
	tune_want("hugetlb.2M", "16");
	tune_decide_here();
	for (size_t i = 0; i < tune_find("hugetlb.2M")->n_notes; i++)
		assert_null(strstr(tune_find("hugetlb.2M")->notes[i], "each boot"));
	/* 30 and 30, and 4 that stay on node 2. */
	policy.n = 0;
	tree_write(&tree, "/proc/cmdline", "ro hugepages=64\n");
	tree_write(&tree, "/etc/sysctl.d/x.conf", "vm.nr_hugepages = 64\n");
	tune_want("hugetlb.2M.each", "30");
	tune_decide_here();
	assert_no_note("hugetlb.2M.node0");
	assert_no_note("hugetlb.2M.node1");
	policy.n = 0;
	tune_want("hugetlb.2M.each", "31");
	tune_decide_here();
	assert_note("hugetlb.2M.node0", "the kernel command line asks for 64 pages of 2M: each boot begins with those");
	assert_note("hugetlb.2M.node1", "/etc/sysctl.d/x.conf:1 sets it to 64");
}

/* Since 5.8 sysctls may stand there as well. */
static void test_boot_sysctl(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, "/proc/cmdline",
		   "ro sysctl.vm.max_map_count=100 sysctl/kernel/numa_balancing=2 sysctl.vm.nr_hugepages=9 "
		   "sysctl.vm.zone_reclaim_mode=0\n");
	tune_want("max-map-count", "70000");
	tune_want("numa-balancing", "0");
	tune_want("hugetlb.2M", "12");
	tune_want("zone-reclaim-mode", "0");
	tune_decide_here();
	assert_note("max-map-count", "the kernel command line (sysctl.vm.max_map_count) sets it to 100");
	assert_note("numa-balancing", "the kernel command line (sysctl/kernel/numa_balancing) sets it to 2");
	assert_note("hugetlb.2M", "the kernel command line (sysctl.vm.nr_hugepages) sets it to 9");
	assert_no_note("zone-reclaim-mode");
}

static void test_rivals(void **state)
{
	(void)state;
	tune_write_machine();
	tree_write(&tree, "/etc/sysctl.d/50-x.conf",
		   "# vm.max_map_count = 1\n-vm/max_map_count=262144\nnet.ipv4.x = 1\n");
	/* Hidden by the one of the same name in /etc. */
	tree_write(&tree, "/usr/lib/sysctl.d/50-x.conf", "vm.max_map_count = 3\n");
	tree_write(&tree, "/usr/lib/sysctl.d/60-y.conf", "vm.nr_hugepages = 99\nkernel.numa_balancing = 0\n");
	tree_write(&tree, "/usr/lib/sysctl.d/README", "vm.max_map_count = 4\n");
	tree_write(&tree, "/etc/sysctl.conf", "[x]\nvm.zone_reclaim_mode = 0x1 \n");
	tree_write(&tree, "/etc/tuned/active_profile", "first second\n");
	tune_want("max-map-count", "70000");
	tune_want("hugetlb.2M.node0", "8");
	tune_want("numa-balancing", "0");
	tune_want("zone-reclaim-mode", "0");
	tune_decide_here();
	assert_int_equal(tune_find("max-map-count")->n_notes, 1);
	assert_note("max-map-count", "/etc/sysctl.d/50-x.conf:2 sets it to 262144");
	assert_note("hugetlb.2M.node0", "/usr/lib/sysctl.d/60-y.conf:1 sets it to 99");
	assert_int_equal(tune_find("numa-balancing")->n_notes, 0);
	assert_note("zone-reclaim-mode", "/etc/sysctl.conf:2 sets it to 0x1");
	assert_int_equal(plan.n_notes, 1);
	assert_row_contains("tuned", plan.notes[0], "profile first second:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_boot_notes),  TUNE_TEST(test_boot_sizes), TUNE_TEST(test_boot_nodes),
		TUNE_TEST(test_boot_sysctl), TUNE_TEST(test_rivals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
