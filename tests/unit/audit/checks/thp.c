/* SPDX-License-Identifier: Apache-2.0 */
/* thp-mode, thp-defrag, thp-inherited, thp-cmdline, memory-fragmentation. */
#include "support/audit.h"

#define LAPTOP "laptop-one-node"
#define NO_THP "no-numa-sysfs"

static struct thp_facts *thp = &scenario.machine.facts.thp;

static struct thp_size *thp_size_of(int64_t size)
{
	for (size_t i = 0; i < thp->n_sizes; i++) {
		if (thp->sizes[i].size == size)
			return &thp->sizes[i];
	}
	fail_msg("no size %lld", (long long)size);
	return NULL;
}

static void set_word(char *to, const char *word)
{
	strcpy(to, word);
}

static void test_mode(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("thp-mode", "ok", "enabled=madvise");
	thp->enabled = THP_ALWAYS;
	assert_finding("thp-mode", "warn", "enabled=always");
	/* No size takes after it: then "always" is without effect. */
	set_word(thp_size_of(2 << 20)->enabled, "madvise");
	assert_finding("thp-mode", "ok", "enabled=always");
	set_word(thp_size_of(64 << 10)->enabled, "always");
	assert_finding("thp-mode", "warn", "always for 64 KiB");
	thp->enabled = THP_NEVER;
	thp->n_sizes = 0;
	assert_finding("thp-mode", "ok", "enabled=never");
	thp->known = TRI_UNKNOWN;
	assert_finding("thp-mode", "unknown", "cannot be read");
	scenario_close();
	audit_open(LAPTOP, NULL, WORDS("--thp=on", "x"));
	thp->enabled = THP_NEVER;
	assert_finding("thp-mode", "fail", "the policy asks for thp on");
	scenario_close();
	audit_open(LAPTOP, NULL, WORDS("--thp=advised", "x"));
	thp->enabled = THP_NEVER;
	assert_finding("thp-mode", "warn", "the policy asks for thp advised");
	scenario_close();
	audit_open(NO_THP, NULL, NO_WORDS);
	assert_finding("thp-mode", "skip", "no transparent hugepages");
}

static void test_defrag(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("thp-defrag", "ok", "defrag=madvise");
	set_word(thp->defrag, "always");
	assert_finding("thp-defrag", "warn", "advised memory");
	thp->enabled = THP_ALWAYS;
	assert_finding("thp-defrag", "fail", "any page fault");
	thp->enabled = THP_NEVER;
	assert_finding("thp-defrag", "ok", "without effect");
	thp->enabled = THP_MADVISE;
	/* Harmless while there are blocks. */
	set_word(thp->defrag, "defer+madvise");
	assert_finding("thp-defrag", "ok", "defer+madvise");
	audit.node.events.thp_fallbacks = audit.node.events.thp_faults;
	assert_finding("thp-defrag", "warn", "50%");
	audit.node.events.thp_fallbacks_charge = audit.node.events.thp_fallbacks;
	assert_finding("thp-defrag", "ok", "defer+madvise");
	audit.node.events.thp_fallbacks_charge = 0;
	set_word(thp->defrag, "defer");
	assert_finding("thp-defrag", "ok", "defer");
	set_word(thp->defrag, "");
	assert_finding("thp-defrag", "unknown", "cannot be read");
	scenario_close();
	audit_open(NO_THP, NULL, NO_WORDS);
	assert_finding("thp-defrag", "skip", "no transparent hugepages");
}

static void test_inherited(void **state)
{
	static const struct {
		const char *option;
		enum thp_process process;
		const char *status;
	} cases[] = {
		{ "--thp=inherit", THP_PROCESS_ALLOWED, "ok" },
		{ "--thp=inherit", THP_PROCESS_EXCEPT_ADVISED, "warn" },
		{ "--thp=inherit", THP_PROCESS_DISABLED, "fail" },
		{ "--thp=inherit", THP_PROCESS_UNKNOWN, "unknown" },
		{ "--thp=advised", THP_PROCESS_EXCEPT_ADVISED, "ok" },
		{ "--thp=advised", THP_PROCESS_DISABLED, "fail" },
		{ "--thp=off", THP_PROCESS_DISABLED, "ok" },
		{ "--thp=off", THP_PROCESS_EXCEPT_ADVISED, "warn" },
		{ "--thp=on", THP_PROCESS_ALLOWED, "ok" },
		{ "--thp=on", THP_PROCESS_DISABLED, "fail" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s %d\n", cases[i].option, cases[i].process);
		audit_open(LAPTOP, NULL, WORDS(cases[i].option, "x"));
		scenario.machine.facts.process.status.thp = cases[i].process;
		assert_finding("thp-inherited", cases[i].status, "");
		scenario_close();
	}
	audit_open(NO_THP, NULL, NO_WORDS);
	assert_finding("thp-inherited", "skip", "no transparent hugepages");
}

static void test_cmdline(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	assert_finding("thp-cmdline", "ok", "does not speak of it");
	audit.node.command_line = "ro transparent_hugepage=madvise quiet";
	assert_finding("thp-cmdline", "ok", "as it is now");
	audit.node.command_line = "transparent_hugepage=madvise transparent_hugepage=always";
	assert_finding("thp-cmdline", "warn", "transparent_hugepage=always, and now it is madvise");
	set_word(thp_size_of(2 << 20)->enabled, "inherit");
	set_word(thp_size_of(64 << 10)->enabled, "never");
	audit.node.command_line = "thp_anon=2M:always";
	assert_finding("thp-cmdline", "warn", "thp_anon=2M:always, and now 2 MiB has inherit");
	audit.node.command_line = "thp_anon=2M:inherit;32K,64K:never";
	assert_finding("thp-cmdline", "ok", "thp_anon=2M:inherit;32K,64K:never, as it is now");
	audit.node.command_line = "transparent_hugepage=madvise thp_anon=64K-64K:always";
	assert_finding("thp-cmdline", "warn", "thp_anon=64K-64K:always, and now 64 KiB has never");
	audit.node.command_line = "transparent_hugepage=madvise thp_anon=2M:inherit";
	assert_finding("thp-cmdline", "ok", "transparent_hugepage=madvise, thp_anon=2M:inherit, as it is now");
	audit.node.command_line = "thp_anon=2M";
	assert_finding("thp-cmdline", "warn", "thp_anon=2M: not a value the kernel takes");
	audit.node.command_line = "thp_anon=2M:often";
	assert_finding("thp-cmdline", "warn", ": not a value");
	audit.node.command_line = "thp_anon=2X-4M:always";
	assert_finding("thp-cmdline", "warn", ": not a value");
	audit.node.command_line = "thp_anon=4M-2M:always";
	assert_finding("thp-cmdline", "warn", ": not a value");
	audit.node.command_line = "transparent_hugepage=off";
	assert_finding("thp-cmdline", "warn", "transparent_hugepage=off: not a value the kernel takes");
	audit.node.command_line = "transparent_hugepage=always thp_anon=2M:often";
	assert_finding(
		"thp-cmdline", "warn",
		"and now it is madvise: the next boot brings back what stands there, and tools such as tuned leave "
		"it alone meanwhile; thp_anon=2M:often: not a value");
	audit.node.command_line = "ro -- transparent_hugepage=always";
	assert_finding("thp-cmdline", "ok", "does not speak of it");
	audit.node.command_line = "transparent_hugepage=always";
	thp->known = TRI_UNKNOWN;
	assert_finding("thp-cmdline", "unknown", "in force cannot be read");
	audit.node.command_line = NULL;
	assert_finding("thp-cmdline", "unknown", "/proc/cmdline");
	scenario_close();
	audit_open(NO_THP, NULL, NO_WORDS);
	assert_finding("thp-cmdline", "skip", "no transparent hugepages");
}

static void set_faults(int64_t faults, int64_t fallbacks, int64_t charge)
{
	audit.node.events.thp_faults = faults;
	audit.node.events.thp_fallbacks = fallbacks;
	audit.node.events.thp_fallbacks_charge = charge;
}

static void test_fragmentation(void **state)
{
	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	set_faults(9600, 400, 0);
	assert_finding("memory-fragmentation", "ok", "4% of 10000");
	set_faults(9500, 500, 0);
	assert_finding("memory-fragmentation", "warn", "5% of 10000");
	set_faults(7000, 3000, 0);
	assert_finding("memory-fragmentation", "warn", "30% of 10000");
	set_faults(6900, 3100, 0);
	assert_finding("memory-fragmentation", "fail", "31% of 10000");
	/* A limit that was reached is no fragment. */
	set_faults(6900, 3100, 3000);
	assert_finding("memory-fragmentation", "ok", "1% of 7000");
	set_faults(10, 80, 0);
	assert_finding("memory-fragmentation", "ok", "too few");
	set_faults(FACT_UNKNOWN, 80, 0);
	assert_finding("memory-fragmentation", "unknown", "/proc/vmstat");
	audit.node.n_free = 0;
	assert_finding("memory-fragmentation", "unknown", "neither");
	scenario_close();
	audit_open(NO_THP, NULL, NO_WORDS);
	assert_finding("memory-fragmentation", "skip", "no transparent hugepages");
}

static void test_free_blocks(void **state)
{
	struct node_free nodes[] = {
		{ 0, INT64_C(8) << 30, INT64_C(8) << 30 },
		{ 1, INT64_C(8) << 30, INT64_C(1) << 29 },
		{ 2, INT64_C(1) << 29, 0 },
		{ 3, INT64_C(9) << 30, FACT_UNKNOWN },
	};

	(void)state;
	audit_open(LAPTOP, NULL, NO_WORDS);
	set_faults(10000, 0, 0);
	audit.node.free = nodes;
	audit.node.n_free = 4;
	assert_finding("memory-fragmentation", "warn", "6% of the 8 GiB free on node 1");
	nodes[1].huge = INT64_C(4) << 30;
	assert_finding("memory-fragmentation", "ok", "50% of the 8 GiB free on node 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_mode),    SCENARIO_TEST(test_defrag),        SCENARIO_TEST(test_inherited),
		SCENARIO_TEST(test_cmdline), SCENARIO_TEST(test_fragmentation), SCENARIO_TEST(test_free_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
