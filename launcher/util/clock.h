/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_CLOCK_H
#define ALLOCRUN_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock, 0 where it cannot be read. */
int64_t clock_read_ns(clockid_t clock);
/* Milliseconds that no setting of the time moves. */
int64_t clock_now_ms(void);

#endif
