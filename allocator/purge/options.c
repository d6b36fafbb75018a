/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ALLOCRUN_PURGE, in MALLOC_CONF's manner: "window_ms:5000,idle_ms:1500". Its own variable, for
 * a jemalloc that is not ours complains of keys that it does not know. The launcher has checked
 * what it wrote; what anybody else wrote is taken where it makes sense and ignored where not: a
 * library has nobody to complain to.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

struct option_row {
	const char *name;
	size_t offset;
	unsigned least, most;
};

#define ROW(field, least, most) \
	{ \
#field, offsetof(struct purge_options, field), least, most \
	}
static const struct option_row option_rows[] = {
	ROW(window_ms, 100, 3600000),
	ROW(idle_ms, 50, 3600000),
	ROW(busy_percent, 1, 100),
	ROW(heap_mb, 1, 1048576),
};

static bool option_is_possible(const struct option_row *row, uint64_t value)
{
	return value >= row->least && value <= row->most;
}

/* One at a time is read by threads that allocate. */
static void option_write(struct purge_options *options, const struct option_row *row, uint64_t value)
{
	__atomic_store_n((unsigned *)(void *)((char *)options + row->offset), (unsigned)value, __ATOMIC_RELAXED);
}

/* All that are not 0, in the order of the rows; false: one is out of its range, and none is set. */
static bool options_change(struct purge_options *options, const uint64_t *values)
{
	for (unsigned i = 0; i < sizeof option_rows / sizeof *option_rows; i++) {
		if (values[i] && !option_is_possible(&option_rows[i], values[i]))
			return false;
	}
	for (unsigned i = 0; i < sizeof option_rows / sizeof *option_rows; i++) {
		if (values[i])
			option_write(options, &option_rows[i], values[i]);
	}
	return true;
}

static void option_set(struct purge_options *options, const char *name, size_t length, unsigned long value)
{
	for (unsigned i = 0; i < sizeof option_rows / sizeof *option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (strlen(row->name) == length && memcmp(row->name, name, length) == 0 &&
		    option_is_possible(row, value))
			option_write(options, row, value);
	}
}

/* No text: no thread. What is not said has the value of the profile "balanced". */
static struct purge_options purge_options_read(const char *text)
{
	struct purge_options options = {
		.is_on = text && *text, .window_ms = 5000, .idle_ms = 1500, .busy_percent = 5, .heap_mb = 32
	};

	while (text && *text) {
		size_t length = strcspn(text, ":,");
		char *end = NULL;

		if (text[length] == ':') {
			unsigned long value = strtoul(text + length + 1, &end, 10);

			if (end != text + length + 1 && (*end == ',' || *end == '\0'))
				option_set(&options, text, length, value);
		}
		text += length + strcspn(text + length, ",");
		text += *text == ',';
	}
	return options;
}
