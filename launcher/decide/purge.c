/* SPDX-License-Identifier: Apache-2.0 */
/* The purge thread of the bundled builds (allocator/purge): is it wanted, and with which options. Pure. */
#include <string.h>

#include "decide/conf_layers.h"
#include "util/text.h"

/* Who says himself when jemalloc purges is not overruled by a thread that knows better. */
static const char *purge_find_reason(const struct decision *d, const struct conf *jemalloc, const char *ours,
				     const struct conf *conf)
{
	const struct conf_item *decay = conf_find(jemalloc, "dirty_decay_ms");
	const struct conf_item *background = conf_find(jemalloc, "background_thread");
	const struct conf_item *thread = conf_find(conf, "thread");

	if (thread && strcmp(thread->value, "false") == 0)
		return mem_printf(d->m, "no purge thread: thread:false (%s)", thread->why);
	if (background && strcmp(background->value, "true") == 0)
		return mem_printf(d->m, "no purge thread: background_thread:true (%s) asks for jemalloc's own",
				  background->why);
	/* An explicit thread:true takes the decay for what it then is: the safety net. */
	if (decay && decay->why != ours && !thread)
		return mem_printf(d->m, "no purge thread: dirty_decay_ms:%s (%s) says when to purge", decay->value,
				  decay->why);
	return NULL;
}

void options_decide_purge(const struct decision *d, const struct conf *jemalloc, const char *ours)
{
	struct conf conf = { NULL, 0 };
	struct operation *op;
	const char *reason;

	if (!text_is_among((const char *const *)d->plan->build->features, BUILD_FEATURE_PURGE))
		return;
	options_merge_layers(d, CONF_PURGE, d->profile->purge, NULL, &conf);
	reason = purge_find_reason(d, jemalloc, ours, &conf);
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
