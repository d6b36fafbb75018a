/* SPDX-License-Identifier: Apache-2.0 */
/* [node]: what it takes, what it refuses, and how it says so. */
#include <errno.h>
#include <string.h>

#include "audit/runner.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"

static struct node_policy policy;
static const char *error;

static int reset(void **state)
{
	(void)state;
	policy = (struct node_policy){ .n = 0 };
	error = NULL;
	return 0;
}

static int set(const char *name, const char *value)
{
	return node_policy_set(&pool, &policy, name, value, mem_printf(&pool, "p.conf:%zu", policy.n + 1), &error);
}

static const struct {
	const char *name, *value;
	const char *path;   /* of node `node` where the key is "each" */
	const char *kernel; /* as the kernel shows the value */
} good_values[] = {
	{ "thp-enabled", "madvise", "/sys/kernel/mm/transparent_hugepage/enabled", "madvise" },
	{ "thp-enabled.64K", "inherit", "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "inherit" },
	{ "thp-enabled.2M", "always", "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled", "always" },
	{ "thp-defrag", "defer+madvise", "/sys/kernel/mm/transparent_hugepage/defrag", "defer+madvise" },
	{ "thp-shmem", "within_size", "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "within_size" },
	{ "thp-shmem.1M", "advise", "/sys/kernel/mm/transparent_hugepage/hugepages-1024kB/shmem_enabled", "advise" },
	{ "khugepaged-max-ptes-none", "0", "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none", "0" },
	{ "khugepaged-scan-sleep-ms", "007", "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
	  "7" },
	{ "hugetlb.2M", "1024", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024" },
	{ "hugetlb.1G", "8G", "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "8" },
	{ "hugetlb.512M.node33", "2", "/sys/devices/system/node/node33/hugepages/hugepages-524288kB/nr_hugepages",
	  "2" },
	{ "hugetlb.64K.node0", "1M", "/sys/devices/system/node/node0/hugepages/hugepages-64kB/nr_hugepages", "16" },
	{ "hugetlb-overcommit.2M", "0", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "0" },
	{ "numa-balancing", "2", "/proc/sys/kernel/numa_balancing", "2" },
	{ "zone-reclaim-mode", "7", "/proc/sys/vm/zone_reclaim_mode", "7" },
	{ "max-map-count", "2147483647", "/proc/sys/vm/max_map_count", "2147483647" },
	{ "weighted-interleave.node3", "255", "/sys/kernel/mm/mempolicy/weighted_interleave/node3", "255" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good_values / sizeof *good_values; i++) {
		const struct node_item *item;
		const char *path;

		assert_row_int(good_values[i].name, set(good_values[i].name, good_values[i].value), 0);
		assert_row_int(good_values[i].name, (int)policy.n, (int)i + 1);
		item = &policy.items[i];
		path = tune_setting_path(&pool, item->setting, item->node, item->size);
		assert_row_string(good_values[i].name, path, good_values[i].path);
		assert_row_string(good_values[i].name, item->value, good_values[i].kernel);
		assert_row_string(good_values[i].name, item->key, good_values[i].name);
		/* The state's parser knows each of these files, and the name of the key again. */
		assert_ptr_equal(tune_setting_find_path(path), item->setting);
		assert_row_string(good_values[i].name, tune_setting_name(&pool, item->setting, item->node, item->size),
				  good_values[i].name);
	}
	assert_int_equal(node_policy_verify(&pool, &policy, &error), 0);
	assert_string_equal(node_policy_find(&policy, "numa-balancing")->value, "2");
	assert_string_equal(node_policy_find(&policy, "thp-enabled")->value, "madvise");
	assert_null(node_policy_find(&policy, "khugepaged-defrag"));
}

/* Each row of the table can be named by a key; else it could never be set. */
static void test_every_setting(void **state)
{
	(void)state;
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		const char *name = tune_setting_name(&pool, s, 1, 2 << 20);
		const char *value = s->form == TUNE_WORD ? mem_strndup(&pool, s->words, strcspn(s->words, " ")) :
							   mem_printf(&pool, "%lld", (long long)s->least);

		assert_row_int(name, set(name, value), 0);
		assert_ptr_equal(policy.items[policy.n - 1].setting, s);
		assert_row_int(name, s->why && s->absent ? 1 : 0, 1);
	}
}

static void test_later_wins(void **state)
{
	(void)state;
	assert_int_equal(set("hugetlb.2M.node1", "5"), 0);
	assert_int_equal(set("hugetlb.2M.node2", "6"), 0);
	assert_int_equal(set("hugetlb.2M.each", "7"), 0);
	assert_int_equal(set("hugetlb.2M.node1", "8"), 0);
	assert_int_equal(policy.n, 3);
	assert_string_equal(policy.items[0].value, "8");
	assert_int_equal(policy.items[2].node, NODE_EACH);
	assert_int_equal(set("atomic", "yes"), 0);
	assert_true(policy.is_atomic);
	assert_int_equal(set("atomic", "no"), 0);
	assert_false(policy.is_atomic);
}

#define POOL_FORM "(a number of pages, or a multiple of the page as in 4G)"

static const struct {
	const char *name, *value, *error;
} bad_values[] = {
	{ "thp-enabeld", "madvise", "no key 'thp-enabeld' in [node] (did you mean 'thp-enabled'?)" },
	{ "thp-enabled", "madvice", "bad value 'madvice' for thp-enabled (did you mean 'madvise'?)" },
	/* A word of one size alone, and one of shmem alone. */
	{ "thp-enabled", "inherit", "bad value 'inherit' for thp-enabled (one of: always, madvise, never)" },
	{ "thp-enabled.64K", "advise", "bad value 'advise' for thp-enabled.64K (did you mean 'madvise'?)" },
	{ "thp-defrag", "", "bad value '' for thp-defrag (one of: always, defer, defer+madvise, madvise, never)" },
	{ "thp-enabled.64", "never",
	  "no key 'thp-enabled.64' in [node] (write: thp-enabled, thp-enabled.SIZE; a SIZE is as in 64K, 2M)" },
	{ "thp-enabled.3K", "never",
	  "no key 'thp-enabled.3K' in [node] (write: thp-enabled, thp-enabled.SIZE; a SIZE is as in 64K, 2M)" },
	{ "hugetlb", "5",
	  "no key 'hugetlb' in [node] (write: hugetlb.SIZE, hugetlb.SIZE.nodeN, hugetlb.SIZE.each; a SIZE is as in 64K, 2M)" },
	{ "hugetlb.2M.nodeX", "5",
	  "no key 'hugetlb.2M.nodeX' in [node] (write: hugetlb.SIZE, hugetlb.SIZE.nodeN, hugetlb.SIZE.each; a SIZE is as in 64K, 2M)" },
	{ "hugetlb.2M.node01", "5",
	  "no key 'hugetlb.2M.node01' in [node] (write: hugetlb.SIZE, hugetlb.SIZE.nodeN, hugetlb.SIZE.each; a SIZE is as in 64K, 2M)" },
	{ "hugetlb.2M.node1024", "5",
	  "no key 'hugetlb.2M.node1024' in [node] (write: hugetlb.SIZE, hugetlb.SIZE.nodeN, hugetlb.SIZE.each; a SIZE is as in 64K, 2M)" },
	{ "hugetlb.2M", "3M", "bad value '3M' for hugetlb.2M " POOL_FORM },
	{ "hugetlb.2M", "-1", "bad value '-1' for hugetlb.2M " POOL_FORM },
	{ "hugetlb.2M", "many", "bad value 'many' for hugetlb.2M " POOL_FORM },
	{ "hugetlb.2M", "2147483648", "bad value '2147483648' for hugetlb.2M (a number from 0 to 2147483647)" },
	{ "weighted-interleave", "5",
	  "no key 'weighted-interleave' in [node] (write: weighted-interleave.nodeN; a SIZE is as in 64K, 2M)" },
	{ "weighted-interleave.each", "5",
	  "no key 'weighted-interleave.each' in [node] (write: weighted-interleave.nodeN; a SIZE is as in 64K, 2M)" },
	{ "weighted-interleave.node0", "0", "bad value '0' for weighted-interleave.node0 (a number from 1 to 255)" },
	{ "weighted-interleave.node0", "256",
	  "bad value '256' for weighted-interleave.node0 (a number from 1 to 255)" },
	{ "numa-balancing", "on", "bad value 'on' for numa-balancing (a number from 0 to 3)" },
	{ "zone-reclaim-mode", "8", "bad value '8' for zone-reclaim-mode (a number from 0 to 7)" },
	{ "max-map-count", "99999999999999999999",
	  "bad value '99999999999999999999' for max-map-count (a number from 1 to 2147483647)" },
	{ "atomic", "true", "bad value 'true' for atomic (one of: yes, no)" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_values / sizeof *bad_values; i++) {
		assert_row_int(bad_values[i].name, set(bad_values[i].name, bad_values[i].value), -EINVAL);
		assert_row_string(bad_values[i].name, error, bad_values[i].error);
	}
	assert_int_equal(policy.n, 0);
}

static void test_contradiction(void **state)
{
	(void)state;
	assert_int_equal(set("hugetlb.2M", "64"), 0);
	assert_int_equal(set("hugetlb.1G.node0", "1"), 0);
	assert_int_equal(set("hugetlb-overcommit.2M", "1"), 0);
	assert_int_equal(node_policy_verify(&pool, &policy, &error), 0);
	assert_int_equal(set("hugetlb.2M.each", "8"), 0);
	assert_int_equal(node_policy_verify(&pool, &policy, &error), -EINVAL);
	assert_string_equal(error, "p.conf:4: hugetlb.2M.each contradicts hugetlb.2M (p.conf:1): "
				   "all nodes together, or each by itself");
}

static int parse_file(const char *text, struct options *o)
{
	*o = (struct options){ .check_ids = runner_list_ids(&pool, checks) };
	return policy_file_parse(&pool, o, "p.conf", text, strlen(text), &error);
}

static void test_file(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse_file("[launch]\nnuma = off\n[node]\nthp-enabled = never\n; a comment\n"
				    "hugetlb.2M.node0 = 4 ; pages\n",
				    &o),
			 0);
	assert_int_equal(o.node_policy.n, 2);
	assert_string_equal(o.node_policy.items[0].where, "p.conf:4");
	assert_string_equal(o.node_policy.items[1].value, "4");
	/* A launch has its own values, and no others. */
	assert_string_equal(o.settings[KEY_NUMA].text, "off");
	assert_null(o.settings[KEY_THP].text);
	assert_int_equal(parse_file("[node]\n\nthp = off\n", &o), -EINVAL);
	assert_true(strncmp(error, "p.conf:3: no key 'thp' in [node]", 32) == 0);
	assert_int_equal(parse_file("[nodes]\nthp-enabled = never\n", &o), -EINVAL);
	assert_string_equal(error, "p.conf:1: no section [nodes] (did you mean 'node'?)");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, pool_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_values), CASE(test_every_setting), CASE(test_later_wins),
		CASE(test_errors), CASE(test_contradiction), CASE(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
