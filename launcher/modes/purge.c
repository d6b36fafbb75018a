/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocrun --purge: what running servers keep for reuse goes back to the kernel now; with --purge-thread
 * their threads go by other options from now on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/runner.h"
#include "known/conf.h"
#include "live/channel.h"
#include "live/live.h"
#include "modes/modes.h"
#include "report/json_values.h"
#include "report/stat.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/size.h"
#include "util/utf8.h"

/* What came of one process. */
struct purged {
	const struct live_process *process;
	int status; /* 0 or -errno */
	uint64_t bytes;
	const char *problem; /* NULL: it was asked, and obeyed */
};

static const char *purge_find_problem(struct mem *m, const struct live_process *p)
{
	const char *state = stat_name_purge(p);

	if (p->state == LIVE_DENIED || p->state == LIVE_UNREADABLE)
		return p->problem ? p->problem : "it may not be looked into";
	if (!state)
		return "no purge thread: what serves its malloc is no bundled build";
	if (strcmp(state, "waits") == 0)
		return mem_printf(m, "no purge thread yet: its heap is below %lld MB, and what it frees decays",
				  (long long)p->purge->heap_mb);
	return strcmp(state, "runs") == 0 ? NULL : mem_printf(m, "its purge thread is %s", state);
}

/* What all of them are told, and in words. */
struct purge_order {
	struct channel_command command;
	const char *changed; /* "window_ms:200"; NULL: nothing, they give back */
	int64_t end_ms;
};

static void purge_process(struct mem *m, const struct live_process *p, const struct purge_order *order,
			  struct purged *ret)
{
	int64_t left = order->end_ms - clock_now_ms();

	*ret = (struct purged){ .process = p, .problem = purge_find_problem(m, p) };
	if (ret->problem)
		return;
	ret->status = left > 0 ? channel_ask(p->pid, &order->command, left, &ret->bytes) : -ETIMEDOUT;
	if (ret->status < 0)
		ret->problem = channel_describe_error(m, ret->status);
}

static char *purge_report_text(struct mem *m, const struct purge_order *order, const struct purged *all, size_t n)
{
	struct buffer text = { .m = m };

	for (size_t i = 0; i < n; i++) {
		const struct live_process *p = all[i].process;
		/* What a process calls itself. */
		const char *name = utf8_clean(m, p->name);

		if (all[i].problem)
			buffer_printf(&text, "%lld %s: %s\n", (long long)p->pid, name, all[i].problem);
		else if (order->changed)
			buffer_printf(&text, "%lld %s: goes by %s\n", (long long)p->pid, name, order->changed);
		else
			buffer_printf(&text, "%lld %s: gave back %s\n", (long long)p->pid, name,
				      size_format(m, all[i].bytes > INT64_MAX ? INT64_MAX : (int64_t)all[i].bytes));
	}
	return buffer_text(&text);
}

static char *purge_report_json(struct mem *m, const struct purge_order *order, const struct purged *all, size_t n)
{
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < n; i++) {
		const struct live_process *p = all[i].process;
		json_t *one = json_object();

		json_object_set_new(one, "pid", json_integer(p->pid));
		json_object_set_new(one, "name", json_text(p->name));
		if (all[i].problem)
			json_object_set_new(one, "problem", json_text(all[i].problem));
		else if (order->changed)
			json_object_set_new(one, "changed", json_text(order->changed));
		else
			json_object_set_new(one, "given_back", json_integer((json_int_t)(all[i].bytes & INT64_MAX)));
		json_array_append_new(list, one);
	}
	text = report_dump_json(m, list);
	json_decref(list);
	return text;
}

/* 0, or -EINVAL: a key that cannot be changed. The options have been checked. */
static int purge_read_order(struct mem *m, const struct options *options, struct purge_order *ret)
{
	/* In the order of allocator/purge/options.c. */
	static const char *const keys[PURGE_CHANNEL_OPTIONS] = { "window_ms", "idle_ms", "busy_percent", "heap_mb" };
	const char *text = options->confs[CONF_PURGE][ORIGIN_COMMAND_LINE].text;
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };

	*ret = (struct purge_order){ .command.verb = PURGE_VERB_PURGE,
				     .end_ms = clock_now_ms() + 1000 * commands_timeout_seconds(options) };
	if (!text)
		return 0;
	conf_parse(m, CONF_PURGE, text, NULL, &conf, &problems);
	if (conf_find(&conf, "thread"))
		return -EINVAL;
	ret->command.verb = PURGE_VERB_SET;
	ret->changed = conf_format(m, CONF_PURGE, &conf);
	for (size_t i = 0; i < PURGE_CHANNEL_OPTIONS; i++) {
		const struct conf_item *item = conf_find(&conf, keys[i]);

		ret->command.options[i] = item ? strtoull(item->value, NULL, 10) : 0;
	}
	return 0;
}

/* That a child is too small for a thread is no failure, as long as somebody was asked. */
static int purge_exit_code(const struct purged *all, size_t n)
{
	if (n == 1 && all[0].problem)
		return AUDIT_EXIT_UNKNOWN;
	for (size_t i = 0; i < n; i++) {
		if (all[i].status < 0 || all[i].process->state == LIVE_DENIED)
			return AUDIT_EXIT_UNKNOWN;
	}
	return AUDIT_EXIT_FINE;
}

int cmd_purge(struct mem *m, struct options *options)
{
	const struct check_options *o = &options->check;
	struct purge_order order;
	struct live_facts live;
	struct facts machine;
	struct purged *all;
	char *text;
	const struct live_request request = { .selector = o->selector,
					      .text = o->selector_text,
					      .catalog = &machine.catalog,
					      .guard = commands_new_guard(m, options),
					      .awaits_exec = true };

	if (purge_read_order(m, options, &order) < 0) {
		commands_complain(m, "--purge-thread thread: a running process keeps its thread, or has none");
		return EXIT_LAUNCHER;
	}
	commands_detect_parts(m, options, false, false, &machine);
	live_detect(&options->root, m, &request, &live);
	if (live.problem) {
		commands_complain(m, "--purge: %s", live.problem);
		return AUDIT_EXIT_UNKNOWN;
	}
	all = mem_alloc(m, live.n_processes * sizeof *all + 1);
	for (size_t i = 0; i < live.n_processes; i++)
		purge_process(m, &live.processes[i], &order, &all[i]);
	text = o->format == CHECK_FORMAT_JSON ? purge_report_json(m, &order, all, live.n_processes) :
						purge_report_text(m, &order, all, live.n_processes);
	return commands_write(m, options, text) == 0 ? purge_exit_code(all, live.n_processes) : EXIT_LAUNCHER;
}
