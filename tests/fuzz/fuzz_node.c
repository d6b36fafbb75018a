/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the audit reads of a node. First line: cmdline, buddyinfo, counters, meminfo or
 * mountinfo; the rest: the text.
 */
#include "detect/boot.h"
#include "detect/meminfo.h"
#include "detect/node.h"
#include "fuzz.h"
#include "util/kernel_abi.h"

#define HUGE_SIZE (INT64_C(2) << 20)

static void check_command_line(struct mem *m, const char *text)
{
	static const char *const names[] = { "transparent_hugepage", "numa", "a", "hugepages" };
	struct boot_pool *pools = NULL;
	const char *state;
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *value = boot_find(m, text, names[i]);

		FUZZ_CHECK(!value || strlen(value) <= strlen(text));
	}
	if (boot_find_thp(m, text, THP_SIZE_WORDS, HUGE_SIZE, &state))
		FUZZ_CHECK(!state || strstr(text, state));
	boot_parse_pools(m, text, HUGE_SIZE, &pools, &n);
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(pools[i].page_size > 0 && pools[i].pages >= 0);
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(pools[k].page_size != pools[i].page_size);
	}
}

static void check_buddyinfo(struct mem *m, const char *text)
{
	struct node_free *nodes = NULL;
	size_t n = 0;

	if (node_parse_buddyinfo(m, text, 4096, HUGE_SIZE, &nodes, &n) < 0) {
		FUZZ_CHECK(!nodes && n == 0);
		return;
	}
	FUZZ_CHECK(n > 0);
	for (size_t i = 0; i < n; i++) {
		FUZZ_CHECK(nodes[i].bytes >= 0 && nodes[i].node >= 0);
		FUZZ_CHECK(nodes[i].huge == FACT_UNKNOWN || (nodes[i].huge >= 0 && nodes[i].huge <= nodes[i].bytes));
	}
}

static void check_counters(const char *text)
{
	struct node_vmstat events = node_unknown.events;

	node_parse_vmstat(text, &events);
	FUZZ_CHECK(events.thp_faults >= FACT_UNKNOWN && events.thp_fallbacks >= FACT_UNKNOWN);
	FUZZ_CHECK(events.pinned_pages >= FACT_UNKNOWN && events.oom_kills >= FACT_UNKNOWN);
}

static void check_meminfo(const char *text)
{
	struct meminfo memory = meminfo_unknown;

	meminfo_parse(text, &memory);
	FUZZ_CHECK(memory.available >= FACT_UNKNOWN && memory.file >= FACT_UNKNOWN);
	FUZZ_CHECK(memory.swap_total >= FACT_UNKNOWN && memory.default_huge_size >= FACT_UNKNOWN);
}

static void check_mounts(const char *text)
{
	int64_t size = 7;
	bool is_found = node_parse_tmpfs(text, "/dev/shm", INT64_C(1) << 30, &size);

	FUZZ_CHECK(size >= FACT_UNKNOWN);
	FUZZ_CHECK(!is_found || (strstr(text, " /dev/shm ") && strstr(text, "- tmpfs ")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	const char *text = fuzz_text(&m, data, size);
	const char *which = fuzz_next_line(&m, &text);

	if (which && strcmp(which, "buddyinfo") == 0)
		check_buddyinfo(&m, text);
	else if (which && strcmp(which, "counters") == 0)
		check_counters(text);
	else if (which && strcmp(which, "meminfo") == 0)
		check_meminfo(text);
	else if (which && strcmp(which, "mountinfo") == 0)
		check_mounts(text);
	else
		check_command_line(&m, text);
	mem_free_all(&m);
	return 0;
}
