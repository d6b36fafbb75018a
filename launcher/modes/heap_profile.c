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

static const enum purge_verb heap_verbs[] = {
	[HEAP_START] = PURGE_VERB_PROFILE_START,
	[HEAP_DUMP] = PURGE_VERB_PROFILE_DUMP,
	[HEAP_STOP] = PURGE_VERB_PROFILE_STOP,
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
	const struct channel_command was_read = { .verb = PURGE_VERB_DUMP_READ };
	uint64_t unused;
	int code, r = channel_read_dump(pid, number, end_ms - clock_now_ms(), &bytes, &size);

	channel_ask(pid, &was_read, 1000, &unused);
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
	const struct channel_command command = { .verb = heap_verbs[options->heap_action] };
	int64_t ms = 1000 * commands_timeout_seconds(options), end_ms = clock_now_ms() + ms;
	int64_t pid = strtoll(o->selector_text, NULL, 10);
	uint64_t value = 0;
	int r = channel_ask(pid, &command, ms, &value);

	if (r < 0)
		return heap_refuse(m, o->selector_text, r);
	return options->heap_action == HEAP_DUMP ? heap_take_dump(m, options, pid, value, end_ms) : 0;
}
