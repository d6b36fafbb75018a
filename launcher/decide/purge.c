/* SPDX-License-Identifier: Apache-2.0 */
/* The purge thread of the bundled builds (allocator/purge): is it wanted, and with which options. Pure. */
#include <string.h>

#include "decide/conf_layers.h"
#include "util/text.h"

/* "dirty_decay_ms:5000 (MALLOC_CONF)": who says himself when to purge; NULL: nobody. */
static const char *purge_find_own_clock(const struct decision *d, const struct conf *allocator, const char *ours)
{
	static const char *const clocks[] = { "dirty_decay_ms", "purge_delay" };

	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		const struct conf_item *item = conf_find(allocator, clocks[i]);

		if (item && item->why != ours)
			return mem_printf(d->m, "%s:%s (%s)", item->key, item->value, item->why);
	}
	return NULL;
}

/* Such a one is not overruled by a thread that knows better; NULL: it may come. */
static const char *purge_find_reason(const struct decision *d, const struct conf *allocator, const char *ours,
				     const struct conf *conf)
{
	const struct conf_item *background = conf_find(allocator, "background_thread");
	const struct conf_item *thread = conf_find(conf, "thread");
	const char *clock = purge_find_own_clock(d, allocator, ours);

	if (thread && strcmp(thread->value, "false") == 0)
		return mem_printf(d->m, "no purge thread: thread:false (%s)", thread->why);
	if (background && strcmp(background->value, "true") == 0)
		return mem_printf(d->m, "no purge thread: background_thread:true (%s) asks for jemalloc's own",
				  background->why);
	/* An explicit thread:true takes the clock for what it then is: the safety net. */
	if (clock && !thread)
		return mem_printf(d->m, "no purge thread: %s says when to purge", clock);
	return NULL;
}

bool options_has_purge_thread(const struct decision *d)
{
	return text_is_among((const char *const *)d->plan->build->features, BUILD_FEATURE_PURGE);
}

void options_decide_purge(const struct decision *d, const struct conf *allocator, const char *ours)
{
	struct conf conf = { NULL, 0 };
	struct operation *op;
	const char *reason;

	if (!options_has_purge_thread(d))
		return;
	options_merge_layers(d, CONF_PURGE, d->profile->purge, NULL, &conf);
	reason = purge_find_reason(d, allocator, ours, &conf);
	if (reason && options_variable(d, PURGE_VARIABLE)) {
		options_add(d, PURGE_VARIABLE, NULL, reason);
		return;
	}
	if (reason) {
		policy_leave(d, STEP_OPTIONS, PURGE_VARIABLE, reason);
		return;
	}
	conf_remove(&conf, "thread");
	op = options_add(d, PURGE_VARIABLE, conf_format(d->m, CONF_PURGE, &conf),
			 mem_printf(d->m,
				    "one thread gives memory back, in a process whose heap is worth it (profile %s)",
				    d->plan->profile));
	for (size_t i = 0; i < conf.n; i++)
		parts_add(d->m, &op->parts, conf.items[i].key, conf.items[i].value, conf.items[i].why);
}
