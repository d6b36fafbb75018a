/* SPDX-License-Identifier: Apache-2.0 */
#include "util/clock.h"

int64_t clock_read_ns(clockid_t clock)
{
	struct timespec now = { 0, 0 };

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_now_ms(void)
{
	return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}
