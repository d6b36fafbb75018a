/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as people and the kernel write them. Pure. */
#include "util/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "util/unknown.h"

/* The letter of 2^(10 * (1 + its place)). */
static const char size_units[] = "KMGT";

int size_parse(const char *text, int64_t *ret)
{
	const char *unit;
	char *end;
	unsigned long long value;
	unsigned shift = 0;

	if (strcmp(text, "unlimited") == 0) {
		*ret = FACT_UNLIMITED;
		return 0;
	}
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	unit = *end ? strchr(size_units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = (unsigned)(unit - size_units + 1) * 10;
		end++;
		if (strncmp(end, "iB", 2) == 0)
			end += 2;
	}
	if (*end)
		return -EINVAL;
	if (value > (unsigned long long)(INT64_MAX - 1) >> shift)
		return -ERANGE;
	*ret = (int64_t)(value << shift);
	return 0;
}

bool size_parse_boot(const char *text, int64_t *ret)
{
	const char *end, *unit;
	int64_t size;
	int shift;

	if (text_parse_i64(text, &size, &end) < 0 || size <= 0)
		return false;
	unit = *end ? strchr(size_units, *end & ~0x20) : NULL;
	if (*end && (!unit || end[1]))
		return false;
	shift = unit ? 10 * (int)(unit - size_units + 1) : 0;
	if (size > INT64_MAX >> shift)
		return false;
	*ret = size << shift;
	return true;
}

char *size_format(struct mem *m, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes == FACT_UNLIMITED)
		return mem_strdup(m, "unlimited");
	if (bytes < 0)
		return mem_strdup(m, "unknown");
	while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		value /= 1024;
		unit++;
	}
	return mem_printf(m, "%.*f %s", value < 10 && value > (double)(int)value ? 1 : 0, value, units[unit]);
}

char *size_format_boot(struct mem *m, int64_t bytes)
{
	int64_t size = bytes / 1024;
	size_t unit = 0;

	while (size >= 1024 && size % 1024 == 0 && unit + 1 < sizeof size_units - 1) {
		size /= 1024;
		unit++;
	}
	return mem_printf(m, "%lld%c", (long long)size, size_units[unit]);
}
