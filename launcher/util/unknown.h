/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_UNKNOWN_H
#define ALLOCRUN_UTIL_UNKNOWN_H

#include <stdint.h>

/*
 * What could not be read is a value: FACT_UNKNOWN for numbers, TRI_UNKNOWN, NULL or ""
 * for text, the *_UNKNOWN value of an enum (always 0). It is never zero, and never an error.
 */
#define FACT_UNKNOWN INT64_C(-1)
#define FACT_UNLIMITED INT64_MAX

enum tristate { TRI_UNKNOWN = -1, TRI_NO = 0, TRI_YES = 1 };

#endif
