/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --stat: what the allocators of running processes hold, and gave back. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/runner.h"
#include "live/live.h"
#include "modes/modes.h"
#include "report/stat.h"
#include "util/clock.h"

struct stat_run {
	const struct options *options;
	struct live_request request;
	bool has_color;
};

/* What could not be read is said, and is no success. */
static int stat_status(const struct live_facts *live)
{
	if (live->problem || !live_has_anybody(live))
		return AUDIT_EXIT_UNKNOWN;
	for (size_t i = 0; i < live->n_processes; i++) {
		enum live_state state = live->processes[i].state;

		if (state == LIVE_DENIED || state == LIVE_UNREADABLE)
			return AUDIT_EXIT_UNKNOWN;
	}
	return 0;
}

/* One look: 0, AUDIT_EXIT_UNKNOWN, or EXIT_LAUNCHER. */
static int stat_print(const struct stat_run *run)
{
	const struct check_options *o = &run->options->check;
	struct mem m = MEM_INIT;
	struct live_facts live;
	const struct stat_report report = { &live, check_options_asked(&m, o), o->has_classes, run->has_color };
	const char *text;
	int r;

	live_detect(&run->options->root, &m, &run->request, &live);
	text = o->format == CHECK_FORMAT_JSON       ? report_stat_json(&m, &report) :
	       o->format == CHECK_FORMAT_PROMETHEUS ? report_stat_prometheus(&m, &report) :
						      report_stat_text(&m, &report);
	r = commands_write(&m, run->options, text);
	if (r == 0)
		r = stat_status(&live);
	mem_free_all(&m);
	return r;
}

int cmd_stat(struct mem *m, struct options *options)
{
	static const struct timespec second = { 1, 0 };
	int64_t end = clock_now_ms() + options->check.watch_seconds * 1000;
	struct facts machine;
	struct stat_run run = {
		.options = options,
		.request = { .selector = options->check.selector,
			     .text = options->check.selector_text,
			     .catalog = &machine.catalog,
			     .guard = commands_new_guard(m, options),
			     .awaits_exec = true,
			     .thorough = true },
		.has_color = !options->check.output && isatty(STDOUT_FILENO),
	};
	int code;

	commands_detect_parts(m, options, false, false, &machine);
	code = stat_print(&run);
	/* Whoever interrupts it has seen enough; with nobody left there is nothing to see. */
	while (code != EXIT_LAUNCHER && clock_now_ms() < end) {
		nanosleep(&second, NULL);
		if (options->check.format == CHECK_FORMAT_TEXT && !options->check.output)
			commands_print(m, "\n");
		code = stat_print(&run);
		if (code == AUDIT_EXIT_UNKNOWN)
			break;
	}
	return code;
}
