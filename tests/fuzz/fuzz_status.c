/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/status and stat: the same text is read as both. */
#include <errno.h>

#include "fuzz.h"
#include "live/context.h"

static void check_size(int64_t size)
{
	FUZZ_CHECK(size >= FACT_UNKNOWN);
}

static void check_status(struct mem *m, const char *text)
{
	struct live_process p = {
		.uid = FACT_UNKNOWN,
		.inner_pid = 7,
		.rss_anon = FACT_UNKNOWN,
		.rss_file = FACT_UNKNOWN,
		.rss_shmem = FACT_UNKNOWN,
		.hugetlb = FACT_UNKNOWN,
		.swap = FACT_UNKNOWN,
		.locked = FACT_UNKNOWN,
		.pinned = FACT_UNKNOWN,
		.capabilities_known = TRI_UNKNOWN,
		.thp = THP_PROCESS_UNKNOWN,
	};

	status_parse(m, text, &p);
	check_size(p.rss_anon);
	check_size(p.rss_file);
	check_size(p.rss_shmem);
	check_size(p.hugetlb);
	check_size(p.swap);
	check_size(p.locked);
	check_size(p.pinned);
	FUZZ_CHECK(p.capabilities_known == TRI_UNKNOWN || p.capabilities_known == TRI_YES);
	FUZZ_CHECK(p.capabilities == 0 || p.capabilities_known == TRI_YES);
	FUZZ_CHECK(p.thp == THP_PROCESS_UNKNOWN || p.thp == THP_PROCESS_ALLOWED || p.thp == THP_PROCESS_DISABLED);
	/* A text without an end says nothing. */
	if (!strchr(text, '\n'))
		FUZZ_CHECK(p.uid == FACT_UNKNOWN && p.rss_anon == FACT_UNKNOWN && p.inner_pid == 7);
}

static void check_stat(const char *text)
{
	struct live_stat stat = { .pid = -7, .parent = -7, .start_time = -7 };
	int r = stat_parse(text, &stat);

	FUZZ_CHECK(r == 0 || r == -EINVAL);
	FUZZ_CHECK(r == 0 || (stat.pid == -7 && stat.parent == -7 && stat.start_time == -7));
	FUZZ_CHECK(memchr(stat.name, '\0', sizeof stat.name) != NULL);
	/* The name is between the first and the last parenthesis, as far as there is room. */
	if (r == 0)
		FUZZ_CHECK(strncmp(strchr(text, '(') + 1, stat.name, strlen(stat.name)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	char *text = fuzz_text(&m, data, size);

	check_status(&m, text);
	check_stat(text);
	mem_free_all(&m);
	return 0;
}
