/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include <stdarg.h>

const char *check_status_name(enum check_status status)
{
	switch (status) {
	case CHECK_SKIP:
		return "skip";
	case CHECK_OK:
		return "ok";
	case CHECK_UNKNOWN:
		return "unknown";
	case CHECK_WARN:
		return "warn";
	case CHECK_FAIL:
		return "fail";
	}
	return "unknown";
}

static struct finding finding_make(struct mem *m, enum check_status status, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static struct finding finding_make(struct mem *m, enum check_status status, const char *format, va_list args)
{
	return (struct finding){ .status = status, .observed = mem_vprintf(m, format, args) };
}

/* One constructor for each status, so that the compiler checks every format. */
#define FINDING(name, status) \
	struct finding name(struct mem *m, const char *format, ...) \
	{ \
		struct finding finding; \
		va_list args; \
\
		va_start(args, format); \
		finding = finding_make(m, status, format, args); \
		va_end(args); \
		return finding; \
	}

FINDING(finding_ok, CHECK_OK)
FINDING(finding_skip, CHECK_SKIP)
FINDING(finding_unknown, CHECK_UNKNOWN)
FINDING(finding_warn, CHECK_WARN)
FINDING(finding_fail, CHECK_FAIL)
