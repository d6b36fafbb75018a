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
	struct process_status s = process_status_unknown;

	status_parse(m, text, &s);
	check_size(s.rss_anon);
	check_size(s.rss_file);
	check_size(s.rss_shmem);
	check_size(s.hugetlb);
	check_size(s.swap);
	check_size(s.locked);
	check_size(s.pinned);
	FUZZ_CHECK(s.capabilities_known == TRI_UNKNOWN || s.capabilities_known == TRI_YES);
	FUZZ_CHECK(s.effective == 0 || s.capabilities_known == TRI_YES);
	FUZZ_CHECK(s.thp == THP_PROCESS_UNKNOWN || s.thp == THP_PROCESS_ALLOWED || s.thp == THP_PROCESS_DISABLED);
	/* A text without an end says nothing. */
	if (!strchr(text, '\n'))
		FUZZ_CHECK(s.uid == FACT_UNKNOWN && s.rss_anon == FACT_UNKNOWN && s.inner_pid == FACT_UNKNOWN);
}

static void check_stat(const char *text)
{
	struct process_stat stat = { .pid = -7, .parent = -7, .start_time = -7 };
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
