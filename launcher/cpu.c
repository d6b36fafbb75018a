/* SPDX-License-Identifier: Apache-2.0 */
#include "detect.h"

#define CPU_FOLDER "/sys/devices/system/cpu"

void cpu_detect(const struct root *root, struct cpu_facts *ret)
{
	/* Two files, however many CPUs: nothing below cpuN is opened. */
	root_read_bitmap(root, &ret->present, CPU_FOLDER "/present");
	root_read_bitmap(root, &ret->online, CPU_FOLDER "/online");
}

int64_t cpu_count_effective(const struct cpu_facts *cpu)
{
	struct bitmap usable = bitmap_is_empty(&cpu->allowed) ? cpu->online : cpu->allowed;
	int64_t count = FACT_UNKNOWN, quota = FACT_UNKNOWN;

	if (!bitmap_is_empty(&cpu->online))
		bitmap_and(&usable, &cpu->online);
	if (!bitmap_is_empty(&usable))
		count = bitmap_count(&usable);
	if (cpu->quota_milli != FACT_UNKNOWN && cpu->quota_milli != FACT_UNLIMITED)
		quota = cpu->quota_milli / 1000 + (cpu->quota_milli % 1000 != 0);
	if (quota == 0)
		quota = 1;
	if (count == FACT_UNKNOWN || quota == FACT_UNKNOWN)
		return count == FACT_UNKNOWN ? quota : count;
	return quota < count ? quota : count;
}
