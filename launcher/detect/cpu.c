/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect.h"
#include "detect/detectors.h"

#ifdef __x86_64__
#include <sys/platform/x86.h>
#endif

#ifdef __x86_64__
/*
 * The psABI's levels, up to the third, by what the C library found out at start:
 * asking the CPU again is slow in a virtual machine.
 */
static int64_t cpu_find_x86_level(void)
{
	if (!CPU_FEATURE_ACTIVE(CMPXCHG16B) || !CPU_FEATURE_ACTIVE(LAHF64_SAHF64) || !CPU_FEATURE_ACTIVE(POPCNT) ||
	    !CPU_FEATURE_ACTIVE(SSE3) || !CPU_FEATURE_ACTIVE(SSSE3) || !CPU_FEATURE_ACTIVE(SSE4_1) ||
	    !CPU_FEATURE_ACTIVE(SSE4_2))
		return 1;
	if (!CPU_FEATURE_ACTIVE(AVX2) || !CPU_FEATURE_ACTIVE(BMI1) || !CPU_FEATURE_ACTIVE(BMI2) ||
	    !CPU_FEATURE_ACTIVE(F16C) || !CPU_FEATURE_ACTIVE(FMA) || !CPU_FEATURE_ACTIVE(LZCNT) ||
	    !CPU_FEATURE_ACTIVE(MOVBE))
		return 2;
	return 3;
}
#else
static int64_t cpu_find_x86_level(void)
{
	return FACT_UNKNOWN;
}
#endif

void cpu_detect(const struct root *root, struct cpu_facts *ret)
{
	*ret = (struct cpu_facts){ .quota_milli = FACT_UNKNOWN, .effective = FACT_UNKNOWN };
	/* One file, however many CPUs: nothing below cpuN is opened. */
	root_read_bitmap(root, &ret->online, "/sys/devices/system/cpu/online");
	ret->x86_level = root->live ? cpu_find_x86_level() : FACT_UNKNOWN;
}

int64_t cpu_count_effective(const struct cpu_facts *cpu, const struct bitmap *allowed)
{
	struct bitmap usable = bitmap_is_empty(allowed) ? cpu->online : *allowed;
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
