/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --heap-profile: a running server's heap profile is begun, dumped and ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "audit/runner.h"
#include "live/channel.h"
#include "modes/modes.h"
#include "util/clock.h"

/* jemalloc's. */
#define DUMP_BEGINS "heap_v2/"

static const struct heap_action {
	const char *name;
	enum purge_verb verb;
} heap_actions[] = {
	{ "start", PURGE_VERB_PROFILE_START },
	{ "stop", PURGE_VERB_PROFILE_STOP },
	{ "dump", PURGE_VERB_PROFILE_DUMP },
};

static int heap_refuse(struct mem *m, const char *pid, int error)
{
	if (error == -ENOSYS)
		commands_complain(
			m,
			"--heap-profile: process %s cannot be profiled: start it with --profile debug, which has "
			"the build for it (it costs about 1 %% until a profile is begun)",
			pid);
	else
		commands_complain(m, "--heap-profile: process %s: %s", pid, channel_describe_error(m, error));
	return AUDIT_EXIT_UNKNOWN;
}

static int heap_take_dump(struct mem *m, const struct options *o, int64_t pid, uint64_t number, int64_t end_ms)
{
	char *bytes;
	size_t size;
	uint64_t unused;
	int code, r = channel_read_dump(pid, number, end_ms - clock_now_ms(), &bytes, &size);

	channel_ask(pid, PURGE_VERB_DUMP_READ, 1000, &unused);
	if (r < 0)
		return heap_refuse(m, o->check.selector_text, r);
	/* A text: what lies behind it is zero. */
	if (size < strlen(DUMP_BEGINS) || strlen(bytes) != size || memcmp(bytes, DUMP_BEGINS, strlen(DUMP_BEGINS)) != 0)
		code = heap_refuse(m, o->check.selector_text, -EPROTO);
	else
		code = commands_write(m, o, bytes);
	munmap(bytes, CHANNEL_DUMP_MAX);
	return code;
}

int cmd_heap_profile(struct mem *m, struct options *options)
{
	const struct check_options *o = &options->check;
	int64_t seconds = o->timeout_seconds ? o->timeout_seconds : 30;
	int64_t pid = strtoll(o->selector_text, NULL, 10), end_ms = clock_now_ms() + 1000 * seconds;
	const struct heap_action *action = heap_actions;
	uint64_t value = 0;
	int r;

	/* The command line had one of them: options/mode.c. */
	while (strcmp(action->name, options->folder) != 0)
		action++;
	r = channel_ask(pid, action->verb, 1000 * seconds, &value);
	if (r < 0)
		return heap_refuse(m, o->selector_text, r);
	return action->verb == PURGE_VERB_PROFILE_DUMP ? heap_take_dump(m, options, pid, value, end_ms) : 0;
}
