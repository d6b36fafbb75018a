/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detectors.h"
#include "util/text.h"

#define HUGETLB_FOLDER "/sys/kernel/mm/hugepages"

static void hugetlb_read_pool(const struct root *root, const char *folder, const char *name, struct hugetlb_pool *pool)
{
	root_read_i64(root, &pool->total, "%s/%s/nr_hugepages", folder, name);
	if (pool->total == 0)
		pool->free = 0;
	else if (pool->total > 0)
		root_read_i64(root, &pool->free, "%s/%s/free_hugepages", folder, name);
}

void hugetlb_read_pools(const struct root *root, struct mem *m, const char *folder, struct hugetlb_pool **ret_pools,
			size_t *ret_n)
{
	char **names;

	if (root_list(root, m, folder, HUGEPAGES_PREFIX, &names) < 0)
		return;
	for (; *names; names++) {
		struct hugetlb_pool pool = { FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN };

		if (text_parse_hugepages(*names, &pool.page_size) < 0)
			continue;
		hugetlb_read_pool(root, folder, *names, &pool);
		*MEM_PUSH(m, *ret_pools, *ret_n) = pool;
	}
}

/* meminfo's sum over all sizes is nothing: only the sizes are left to be read. */
static void hugetlb_read_empty(const struct root *root, struct mem *m, struct hugetlb_facts *ret)
{
	char **names;

	if (root_list(root, m, HUGETLB_FOLDER, HUGEPAGES_PREFIX, &names) < 0)
		return;
	for (; *names; names++) {
		struct hugetlb_pool pool = { 0 };

		if (text_parse_hugepages(*names, &pool.page_size) == 0)
			*MEM_PUSH(m, ret->pools, ret->n_pools) = pool;
	}
}

/* Where /sys has no pools, as in a container without it, meminfo knows the one of the default size. */
static void hugetlb_read_default(struct mem *m, const struct meminfo *memory, struct hugetlb_facts *ret)
{
	if (memory->huge_total == FACT_UNKNOWN || memory->default_huge_size == FACT_UNKNOWN)
		return;
	*MEM_PUSH(m, ret->pools, ret->n_pools) = (struct hugetlb_pool){
		.page_size = memory->default_huge_size,
		.total = memory->huge_total,
		.free = memory->huge_free,
		.reserved = memory->huge_reserved,
	};
}

void hugetlb_detect(const struct root *root, struct mem *m, const struct meminfo *memory, struct hugetlb_facts *ret)
{
	*ret = (struct hugetlb_facts){ NULL, 0 };
	if (memory->hugetlb == 0)
		hugetlb_read_empty(root, m, ret);
	else
		hugetlb_read_pools(root, m, HUGETLB_FOLDER, &ret->pools, &ret->n_pools);
	if (!ret->n_pools) {
		hugetlb_read_default(m, memory, ret);
		return;
	}
	for (size_t i = 0; i < ret->n_pools; i++) {
		struct hugetlb_pool *pool = &ret->pools[i];
		long long kib = (long long)(pool->page_size / 1024);

		/* Without pages there is nothing to reserve. */
		if (pool->total == 0)
			pool->reserved = 0;
		else
			root_read_i64(root, &pool->reserved,
				      HUGETLB_FOLDER "/" HUGEPAGES_PREFIX "%lldkB/resv_hugepages", kib);
	}
}
