/* SPDX-License-Identifier: Apache-2.0 */
/* What [node] of the policy says is what the audit expects. */
#include <errno.h>
#include <string.h>

#include "support/audit.h"

#define HGX "hgx-8gpu-two-socket"
#define LAPTOP "laptop-one-node"
#define SUPERCHIP "superchip-memory-only-nodes-64k"

static void want(const char *name, const char *value)
{
	const char *error;

	if (node_policy_set(&pool, &scenario.options.node_policy, name, value, "p.conf:7", &error) < 0)
		fail_msg("%s", error);
}

static void test_values(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	assert_finding("thp-mode", "warn", "every large mapping");
	/* What the operator has decided is well, and no reason to warn. */
	want("thp-enabled", "always");
	assert_finding("thp-mode", "ok", "enabled=always, as [node] says");
	want("thp-enabled", "never");
	assert_finding("thp-mode", "warn", "enabled=always, and [node] says never (p.conf:7)");
	assert_string_equal(audit_find("thp-mode").expected, "enabled=never, as [node] of the policy says");
	assert_string_equal(audit_find("thp-mode").fix, "allocrun --tune");
	want("max-map-count", "1048576");
	assert_finding("max-map-count", "ok", "max_map_count=1048576, as [node] says");
	want("max-map-count", "70000");
	assert_finding("max-map-count", "warn", "and [node] says 70000");
	audit.node.max_map_count = FACT_UNKNOWN;
	assert_finding("max-map-count", "unknown", "cannot be read");
	want("thp-defrag", "defer");
	assert_finding("thp-defrag", "warn", "and [node] says defer");
	scenario_close();
}

/* A failure stays one, whatever the policy would rather have. */
static void test_failures(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	want("numa-balancing", "0");
	assert_finding("autonuma", "fail", "numa_balancing=1 on a host with 2 nodes");
	assert_string_equal(audit_find("autonuma").fix, "allocrun --tune");
	want("numa-balancing", "1");
	assert_finding("autonuma", "ok", "numa_balancing=1, as [node] says");
	scenario_close();
	/* Nothing to move pages between: what the policy of a fleet says does not matter here. */
	audit_open(LAPTOP, NULL, NO_WORDS);
	want("numa-balancing", "1");
	assert_finding("autonuma", "skip", "one NUMA node");
	scenario_close();
}

static void test_pools(void **state)
{
	(void)state;
	audit_open(HGX, NULL, NO_WORDS);
	want("hugetlb.2M.each", "512");
	assert_finding("hugetlb-pools", "warn", "0 of 512 pages of 2 MiB on node 1 (p.conf:7)");
	assert_null(strstr(audit_find("hugetlb-pools").observed, "node 0"));
	/* A node's own line takes it out of "each", as for --tune. */
	want("hugetlb.2M.node1", "0");
	assert_finding("hugetlb-pools", "ok", "as [node] says");
	want("hugetlb.2M.node0", "1025");
	assert_finding("hugetlb-pools", "warn", "1024 of 1025 pages of 2 MiB on node 0");
	scenario.options.node_policy.n = 0;
	want("hugetlb.2M", "1024");
	assert_finding("hugetlb-pools", "ok", "pages of 2 MiB free, as [node] says");
	/* Idle pages are what was asked for, unless they are of another size. */
	for (size_t i = 0; i < scenario.machine.facts.hugetlb.n_pools; i++) {
		struct hugetlb_pool *pages = &scenario.machine.facts.hugetlb.pools[i];

		if (pages->page_size == 1 << 30)
			pages->total = pages->free = 500;
	}
	assert_finding("hugetlb-pools", "warn", "that nobody uses");
	want("hugetlb.1G", "500");
	assert_finding("hugetlb-pools", "ok", "as [node] says");
	for (size_t i = 0; i < scenario.machine.facts.hugetlb.n_pools; i++) {
		if (scenario.machine.facts.hugetlb.pools[i].page_size == 1 << 30)
			scenario.machine.facts.hugetlb.pools[i].total = 0;
	}
	want("hugetlb.1G", "1");
	assert_finding("hugetlb-pools", "warn", "0 of 1 pages of 1 GiB");
	scenario_close();
	/* Not on nodes without CPUs. */
	audit_open(SUPERCHIP, NULL, NO_WORDS);
	want("hugetlb.2M.each", "1");
	assert_finding("hugetlb-pools", "warn", "on node 1 ");
	assert_null(strstr(audit_find("hugetlb-pools").observed, "node 2 "));
	scenario_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO_TEST(test_values),
		SCENARIO_TEST(test_failures),
		SCENARIO_TEST(test_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
