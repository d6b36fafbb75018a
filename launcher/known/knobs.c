/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources: Documentation/admin-guide/mm/transhuge.rst, hugetlbpage.rst,
 * admin-guide/sysctl/vm.rst and kernel.rst, admin-guide/kernel-parameters.txt,
 * Documentation/ABI/testing/sysfs-kernel-mm-mempolicy-weighted-interleave.
 */
#include "known/knobs.h"

#include <ctype.h>
#include <string.h>

#include "util/kernel_abi.h"
#include "util/size.h"
#include "util/text.h"

#define THP "/sys/kernel/mm/transparent_hugepage"
#define POOL "hugepages-%KkB"
#define NO_THP "a kernel without transparent hugepages"
#define NO_HUGETLB "a kernel without hugetlb pages"
#define COUNT_MAX INT64_C(2147483647)

/* clang-format off */
const struct tune_setting tune_settings[] = {
	{ .key = "thp-enabled", .form = TUNE_WORD, .path = THP "/enabled",
	  .words = "always madvise never", .absent = NO_THP, .boot = "transparent_hugepage",
	  .why = "which memory gets transparent hugepages: all, what asks for them, or none" },
	{ .key = "thp-enabled", .subject = TUNE_OF_SIZE, .form = TUNE_WORD, .path = THP "/" POOL "/enabled",
	  .words = THP_SIZE_WORDS, .since = "6.8", .absent = NO_THP, .boot = "thp_anon",
	  .why = "the same for one size; inherit: as thp-enabled" },
	{ .key = "thp-defrag", .form = TUNE_WORD, .path = THP "/defrag",
	  .words = "always defer defer+madvise madvise never", .absent = NO_THP,
	  .why = "whether a page fault stops to make a free block, or leaves that to the background" },
	{ .key = "thp-shmem", .form = TUNE_WORD, .path = THP "/shmem_enabled",
	  .words = "always within_size advise never deny force", .absent = NO_THP " or shmem",
	  .boot = "transparent_hugepage_shmem",
	  .why = "hugepages for shared memory that is on no tmpfs mount of its own" },
	{ .key = "thp-shmem", .subject = TUNE_OF_SIZE, .form = TUNE_WORD,
	  .path = THP "/" POOL "/shmem_enabled", .words = "always inherit within_size advise never",
	  .since = "6.11", .absent = NO_THP, .boot = "thp_shmem",
	  .why = "the same for one size; inherit: as thp-shmem" },
	{ .key = "khugepaged-defrag", .form = TUNE_NUMBER, .path = THP "/khugepaged/defrag", .most = 1,
	  .absent = NO_THP, .why = "whether khugepaged compacts memory to make hugepages" },
	{ .key = "khugepaged-pages-to-scan", .form = TUNE_NUMBER, .path = THP "/khugepaged/pages_to_scan",
	  .least = 1, .most = COUNT_MAX, .absent = NO_THP,
	  .why = "how many pages khugepaged looks at in one pass" },
	{ .key = "khugepaged-scan-sleep-ms", .form = TUNE_NUMBER,
	  .path = THP "/khugepaged/scan_sleep_millisecs", .most = COUNT_MAX, .absent = NO_THP,
	  .why = "how long khugepaged sleeps between two passes" },
	{ .key = "khugepaged-alloc-sleep-ms", .form = TUNE_NUMBER,
	  .path = THP "/khugepaged/alloc_sleep_millisecs", .most = COUNT_MAX, .absent = NO_THP,
	  .why = "how long khugepaged sleeps when there was no free block" },
	{ .key = "khugepaged-max-ptes-none", .form = TUNE_NUMBER, .path = THP "/khugepaged/max_ptes_none",
	  .most = 8191, .absent = NO_THP,
	  .why = "how many pages that were never touched khugepaged may fill up: resident memory grows by them" },
	{ .key = "khugepaged-max-ptes-swap", .form = TUNE_NUMBER, .path = THP "/khugepaged/max_ptes_swap",
	  .most = 8191, .absent = NO_THP, .why = "how many pages khugepaged may read from swap for one" },
	{ .key = "khugepaged-max-ptes-shared", .form = TUNE_NUMBER,
	  .path = THP "/khugepaged/max_ptes_shared", .most = 8191, .since = "5.8", .absent = NO_THP,
	  .why = "how many pages that are shared khugepaged may copy for one" },
	{ .key = "hugetlb", .subject = TUNE_OF_POOL, .form = TUNE_PAGES,
	  .path = "/sys/kernel/mm/hugepages/" POOL "/nr_hugepages", .most = COUNT_MAX,
	  .absent = NO_HUGETLB, .boot = "hugepages", .sysctl = "vm.nr_hugepages",
	  .why = "pages set aside for hugetlb, spread over the nodes by the kernel" },
	{ .key = "hugetlb", .subject = TUNE_OF_POOL_ON_NODE, .form = TUNE_PAGES,
	  .path = "/sys/devices/system/node/node%N/hugepages/" POOL "/nr_hugepages", .most = COUNT_MAX,
	  .absent = NO_HUGETLB, .boot = "hugepages", .sysctl = "vm.nr_hugepages",
	  .why = "pages of this node set aside for hugetlb" },
	{ .key = "hugetlb-overcommit", .subject = TUNE_OF_POOL, .form = TUNE_PAGES,
	  .path = "/sys/kernel/mm/hugepages/" POOL "/nr_overcommit_hugepages", .most = COUNT_MAX,
	  .absent = NO_HUGETLB, .sysctl = "vm.nr_overcommit_hugepages",
	  .why = "pages that hugetlb may take on demand beyond its pool" },
	{ .key = "numa-balancing", .form = TUNE_NUMBER, .path = "/proc/sys/kernel/numa_balancing", .most = 3,
	  .absent = "a kernel without NUMA balancing", .boot = "numa_balancing",
	  .sysctl = "kernel.numa_balancing",
	  .why = "whether the kernel moves pages after the threads that use them; it unmaps pages to find out" },
	{ .key = "zone-reclaim-mode", .form = TUNE_NUMBER, .path = "/proc/sys/vm/zone_reclaim_mode", .most = 7,
	  .absent = NO_NUMA, .sysctl = "vm.zone_reclaim_mode",
	  .why = "whether a full node gives up its page cache before another node is asked for memory" },
	{ .key = "max-map-count", .form = TUNE_NUMBER, .path = "/proc/sys/vm/max_map_count",
	  .least = 1, .most = COUNT_MAX, .absent = "no /proc/sys/vm", .sysctl = "vm.max_map_count",
	  .why = "how many mappings a process may have; beyond that mmap and munmap fail" },
	{ .key = "weighted-interleave", .subject = TUNE_OF_NODE, .form = TUNE_NUMBER,
	  .path = "/sys/kernel/mm/mempolicy/weighted_interleave/node%N", .least = 1, .most = 255,
	  .since = "6.9", .absent = NO_NUMA,
	  .why = "how many pages this node gets in one round of weighted interleave" },
	{ .key = NULL },
};
/* clang-format on */

const struct tune_setting tune_weights_auto = {
	.key = "weighted-interleave.auto",
	.form = TUNE_SWITCH,
	.path = "/sys/kernel/mm/mempolicy/weighted_interleave/auto",
	.since = "6.16",
	.why = "the kernel chooses the weights by bandwidth until one is written",
};

const struct tune_setting *tune_setting_of_pool(enum tune_subject subject)
{
	const struct tune_setting *s = tune_settings;

	while (s->subject != subject || strcmp(s->key, "hugetlb") != 0)
		s++;
	return s;
}

char *tune_setting_name(struct mem *m, const struct tune_setting *setting, int node, int64_t size)
{
	switch (setting->subject) {
	case TUNE_OF_SIZE:
	case TUNE_OF_POOL:
		return mem_printf(m, "%s.%s", setting->key, size_format_boot(m, size));
	case TUNE_OF_NODE:
		return mem_printf(m, "%s.node%d", setting->key, node);
	case TUNE_OF_POOL_ON_NODE:
		return mem_printf(m, "%s.%s.node%d", setting->key, size_format_boot(m, size), node);
	default:
		return mem_strdup(m, setting->key);
	}
}

char *tune_setting_path(struct mem *m, const struct tune_setting *setting, int node, int64_t size)
{
	char *path = mem_strdup(m, "");

	for (const char *at = setting->path; *at;) {
		size_t n = strcspn(at, "%");

		path = mem_printf(m, "%s%.*s", path, (int)n, at);
		at += n;
		if (!*at)
			break;
		path = at[1] == 'N' ? mem_printf(m, "%s%d", path, node) :
				      mem_printf(m, "%s%lld", path, (long long)(size / 1024));
		at += 2;
	}
	return path;
}

/* Does the text have this form, with a number of at most nine digits for each %? */
static bool setting_matches(const char *form, const char *path, int *ret_node, int64_t *ret_size)
{
	*ret_node = NODE_NONE;
	*ret_size = 0;
	while (*form) {
		size_t digits = 0;
		int64_t number;

		if (*form != '%') {
			if (*form++ != *path++)
				return false;
			continue;
		}
		while (isdigit((unsigned char)path[digits]))
			digits++;
		if (digits == 0 || digits > 9 || (digits > 1 && *path == '0') ||
		    text_parse_i64(path, &number, NULL) < 0)
			return false;
		if (form[1] == 'N')
			*ret_node = (int)number;
		else
			*ret_size = number * 1024;
		path += digits;
		form += 2;
	}
	return *path == '\0';
}

const struct tune_setting *tune_setting_parse_path(const char *path, int *ret_node, int64_t *ret_size)
{
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		if (setting_matches(s->path, path, ret_node, ret_size))
			return s;
	}
	*ret_node = NODE_NONE;
	*ret_size = 0;
	if (strcmp(path, tune_weights_auto.path) == 0 || strcmp(path, TUNE_WEIGHTS_AUTO_MISNAMED) == 0)
		return &tune_weights_auto;
	return NULL;
}

const struct tune_setting *tune_setting_find_path(const char *path)
{
	int64_t size;
	int node;

	return tune_setting_parse_path(path, &node, &size);
}
