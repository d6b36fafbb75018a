/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --purge: what running servers keep for reuse goes back to the kernel now. */
#include <errno.h>
#include <string.h>

#include "audit/runner.h"
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

static void purge_process(struct mem *m, const struct live_process *p, int64_t end_ms, struct purged *ret)
{
	int64_t left = end_ms - clock_now_ms();

	*ret = (struct purged){ .process = p, .problem = purge_find_problem(m, p) };
	if (ret->problem)
		return;
	ret->status = left > 0 ? channel_ask(p->pid, PURGE_VERB_PURGE, left, &ret->bytes) : -ETIMEDOUT;
	if (ret->status < 0)
		ret->problem = channel_describe_error(m, ret->status);
}

static char *purge_report_text(struct mem *m, const struct purged *all, size_t n)
{
	struct buffer text = { .m = m };

	for (size_t i = 0; i < n; i++) {
		const struct live_process *p = all[i].process;
		/* What a process calls itself. */
		const char *name = utf8_clean(m, p->name);

		if (all[i].problem)
			buffer_printf(&text, "%lld %s: %s\n", (long long)p->pid, name, all[i].problem);
		else
			buffer_printf(&text, "%lld %s: gave back %s\n", (long long)p->pid, name,
				      size_format(m, all[i].bytes > INT64_MAX ? INT64_MAX : (int64_t)all[i].bytes));
	}
	return buffer_text(&text);
}

static char *purge_report_json(struct mem *m, const struct purged *all, size_t n)
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
		else
			json_object_set_new(one, "given_back", json_integer((json_int_t)(all[i].bytes & INT64_MAX)));
		json_array_append_new(list, one);
	}
	text = report_dump_json(m, list);
	json_decref(list);
	return text;
}

int cmd_purge(struct mem *m, struct options *options)
{
	const struct check_options *o = &options->check;
	struct live_facts live;
	struct facts machine;
	struct purged *all;
	int64_t end_ms;
	int code = 0;
	const struct live_request request = { .selector = o->selector,
					      .text = o->selector_text,
					      .catalog = &machine.catalog,
					      .guard = commands_new_guard(m, options),
					      .awaits_exec = true };

	commands_detect_parts(m, options, false, false, &machine);
	live_detect(&options->root, m, &request, &live);
	if (live.problem) {
		commands_complain(m, "--purge: %s", live.problem);
		return AUDIT_EXIT_UNKNOWN;
	}
	end_ms = clock_now_ms() + 1000 * (o->timeout_seconds ? o->timeout_seconds : 30);
	all = mem_alloc(m, live.n_processes * sizeof *all + 1);
	for (size_t i = 0; i < live.n_processes; i++)
		purge_process(m, &live.processes[i], end_ms, &all[i]);
	/* That a child is too small for a thread is no failure, as long as somebody was asked. */
	for (size_t i = 0; i < live.n_processes; i++) {
		if (all[i].status < 0 || live.processes[i].state == LIVE_DENIED)
			code = AUDIT_EXIT_UNKNOWN;
	}
	if (live.n_processes == 1 && all[0].problem)
		code = AUDIT_EXIT_UNKNOWN;
	return commands_write(m, options,
			      o->format == CHECK_FORMAT_JSON ? purge_report_json(m, all, live.n_processes) :
							       purge_report_text(m, all, live.n_processes)) == 0 ?
		       code :
		       EXIT_LAUNCHER;
}
