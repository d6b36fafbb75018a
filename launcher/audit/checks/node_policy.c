/* SPDX-License-Identifier: Apache-2.0 */
/* What [node] of the policy says a value is to be. Pure. */
#include "audit/checks/assess.h"

#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "util/size.h"
#include "util/text.h"

struct finding audit_by_policy(struct mem *m, const struct audit_facts *a, const char *key, const char *name,
			       const char *now, struct finding finding)
{
	const struct node_item *item = node_policy_find(&a->options->node_policy, key);

	if (!item || finding.status == CHECK_SKIP || finding.status == CHECK_UNKNOWN)
		return finding;
	if (strcmp(item->value, now) == 0)
		finding = finding_ok(m, "%s=%s, as [node] says", name, now);
	else if (finding.status != CHECK_FAIL)
		finding = finding_warn(m, "%s=%s, and [node] says %s (%s)", name, now, item->value, item->where);
	finding.expected = mem_printf(m, "%s=%s, as [node] of the policy says", name, item->value);
	finding.fix = "allocrun --tune";
	return finding;
}

static int64_t node_policy_pages(const struct hugetlb_pool *pools, size_t n, int64_t size)
{
	for (size_t i = 0; i < n; i++) {
		if (pools[i].page_size == size)
			return pools[i].total;
	}
	return 0;
}

/* One pool against its line; what is missing goes to the list. */
static void node_policy_compare(struct mem *m, const struct node_item *item, const char *place, int64_t now,
				const char **missing)
{
	int64_t wanted = strtoll(item->value, NULL, 10);

	if (now != FACT_UNKNOWN && now < wanted)
		text_list(m, missing,
			  mem_printf(m, "%lld of %lld pages of %s%s (%s)", (long long)now, (long long)wanted,
				     size_format(m, item->size), place, item->where));
}

const char *audit_missing_pages(struct mem *m, const struct audit_facts *a)
{
	const struct node_policy *policy = &a->options->node_policy;
	const struct facts *f = a->machine;
	const char *missing = NULL;

	for (size_t i = 0; i < policy->n; i++) {
		const struct node_item *item = &policy->items[i];

		if (strcmp(item->setting->key, "hugetlb") != 0)
			continue;
		if (item->node == NODE_NONE || (item->node == NODE_EACH && f->numa.known == TRI_NO))
			node_policy_compare(m, item, "",
					    node_policy_pages(f->hugetlb.pools, f->hugetlb.n_pools, item->size),
					    &missing);
		for (size_t k = 0; k < f->numa.n_nodes; k++) {
			const struct numa_node *node = &f->numa.nodes[k];

			if (node_policy_covers(policy, item, node))
				node_policy_compare(m, item, mem_printf(m, " on node %d", node->id),
						    node_policy_pages(node->pools, node->n_pools, item->size),
						    &missing);
		}
	}
	return missing;
}

bool audit_asks_for_pages(const struct audit_facts *a)
{
	const struct node_policy *policy = &a->options->node_policy;
	const struct hugetlb_facts *hugetlb = &a->machine->hugetlb;

	for (size_t i = 0; i < hugetlb->n_pools; i++) {
		bool is_asked = hugetlb->pools[i].total == 0;

		for (size_t k = 0; k < policy->n && !is_asked; k++)
			is_asked = strcmp(policy->items[k].setting->key, "hugetlb") == 0 &&
				   policy->items[k].size == hugetlb->pools[i].page_size;
		if (!is_asked)
			return false;
	}
	return hugetlb->n_pools > 0;
}
