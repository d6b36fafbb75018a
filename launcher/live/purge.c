/* SPDX-License-Identifier: Apache-2.0 */
#include "live/purge.h"

#include <errno.h>

/* enum purge_why of allocator/purge/policy.h: the order of the figures by reason. */
enum { REASON_IDLE = 1, REASON_DEMAND, REASON_PRESSURE };

/* The largest number that is one: FACT_UNLIMITED lies above it. */
static int64_t purge_number(uint64_t value)
{
	return value < INT64_MAX ? (int64_t)value : INT64_MAX - 1;
}

static struct live_purged purge_reason(const struct purge_figures *f, int reason)
{
	return (struct live_purged){ purge_number(f->purges[reason]), purge_number(f->bytes[reason]),
				     purge_number(f->regrets[reason]) };
}

/* Of a look that never was, or of a clock that is not ours, there is no age. */
static int64_t purge_find_age(const struct purge_figures *f, int64_t now_ns)
{
	if (now_ns == FACT_UNKNOWN || f->looks == 0 || f->look_ns > (uint64_t)now_ns)
		return FACT_UNKNOWN;
	return (now_ns - (int64_t)f->look_ns) / 1000000;
}

int purge_read(struct live_memory *memory, const struct symtab *table, uint64_t base, int64_t now_ns,
	       struct live_purge *ret)
{
	const struct symtab_entry *entry = symtab_find(table, "allocrun_purge_figures");
	struct purge_figures f;

	if (!entry || entry->size != sizeof f)
		return -ENODATA;
	if (memory_read(memory, base + entry->value, &f, sizeof f) < 0)
		return -EFAULT;
	if (f.version == 0)
		return -EAGAIN;
	if (f.version != PURGE_FIGURES_VERSION || f.state > PURGE_THREAD_FAILED)
		return -ENODATA;
	*ret = (struct live_purge){
		.state = (enum purge_thread_state)f.state,
		.pid = purge_number(f.pid),
		.error = purge_number(f.error),
		.looks = purge_number(f.looks),
		.look_age_ms = purge_find_age(&f, now_ns),
		.idle = purge_reason(&f, REASON_IDLE),
		.demand = purge_reason(&f, REASON_DEMAND),
		.pressure = purge_reason(&f, REASON_PRESSURE),
		.window_ms = purge_number(f.window_ms),
		.idle_ms = purge_number(f.idle_ms),
		.busy_percent = purge_number(f.busy_percent),
		.heap_mb = purge_number(f.heap_mb),
		.changes = purge_number(f.changes),
		.limit = f.limit == UINT64_MAX ? FACT_UNLIMITED : purge_number(f.limit),
	};
	return 0;
}

void purge_list_options(struct mem *m, const struct live_purge *purge, struct conf *ret)
{
	const struct {
		const char *key;
		int64_t value;
	} options[] = {
		{ "window_ms", purge->window_ms },
		{ "idle_ms", purge->idle_ms },
		{ "busy_percent", purge->busy_percent },
		{ "heap_mb", purge->heap_mb },
	};

	/* Switched off, it has only defaults. */
	for (size_t i = 0; purge->state != PURGE_THREAD_OFF && i < sizeof options / sizeof *options; i++)
		conf_set(m, ret, options[i].key, mem_printf(m, "%lld", (long long)options[i].value),
			 "read from the memory of the process");
}
