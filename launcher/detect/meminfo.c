/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/meminfo.h"

#include "util/text.h"

const struct meminfo meminfo_unknown = {
	.total = FACT_UNKNOWN,
	.hugetlb = FACT_UNKNOWN,
	.available = FACT_UNKNOWN,
	.file = FACT_UNKNOWN,
	.shmem = FACT_UNKNOWN,
	.locked = FACT_UNKNOWN,
	.unevictable = FACT_UNKNOWN,
	.commit_limit = FACT_UNKNOWN,
	.committed = FACT_UNKNOWN,
	.swap_total = FACT_UNKNOWN,
	.swap_free = FACT_UNKNOWN,
	.default_huge_size = FACT_UNKNOWN,
	.huge_total = FACT_UNKNOWN,
	.huge_free = FACT_UNKNOWN,
	.huge_reserved = FACT_UNKNOWN,
};

static void meminfo_read_pages(const char *text, const char *name, int64_t *ret)
{
	const char *value = text_find_field(text, name);
	int64_t pages;

	if (value && text_parse_i64(value, &pages, NULL) == 0 && pages >= 0)
		*ret = pages;
}

void meminfo_parse(const char *text, struct meminfo *ret)
{
	int64_t cached = FACT_UNKNOWN;

	text_read_kib(text, "MemTotal", &ret->total);
	text_read_kib(text, "Hugetlb", &ret->hugetlb);
	text_read_kib(text, "MemAvailable", &ret->available);
	text_read_kib(text, "Cached", &cached);
	text_read_kib(text, "Shmem", &ret->shmem);
	text_read_kib(text, "Mlocked", &ret->locked);
	text_read_kib(text, "Unevictable", &ret->unevictable);
	text_read_kib(text, "CommitLimit", &ret->commit_limit);
	text_read_kib(text, "Committed_AS", &ret->committed);
	text_read_kib(text, "SwapTotal", &ret->swap_total);
	text_read_kib(text, "SwapFree", &ret->swap_free);
	text_read_kib(text, "Hugepagesize", &ret->default_huge_size);
	meminfo_read_pages(text, "HugePages_Total", &ret->huge_total);
	meminfo_read_pages(text, "HugePages_Free", &ret->huge_free);
	meminfo_read_pages(text, "HugePages_Rsvd", &ret->huge_reserved);
	/* "Cached" has shmem in it, which nothing but swap can take back. */
	if (cached >= 0 && ret->shmem >= 0)
		ret->file = cached > ret->shmem ? cached - ret->shmem : 0;
}

int meminfo_read(const struct root *root, struct mem *m, struct meminfo *ret)
{
	char *text;
	int r = root_read_record(root, m, "/proc/meminfo", &text);

	*ret = meminfo_unknown;
	if (r == 0)
		meminfo_parse(text, ret);
	return r;
}
