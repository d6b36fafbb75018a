/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_CHANNEL_H
#define ALLOCRUN_LIVE_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "purge/channel.h"
#include "util/mem.h"

struct channel_command {
	enum purge_verb verb;
	uint64_t options[PURGE_CHANNEL_OPTIONS]; /* of PURGE_VERB_SET */
};

/*
 * A command to the purge thread of a running process, by allocator/purge/channel.h. Who may is decided by the kernel,
 * as for /proc/PID/fd. The process may be hostile: nothing of its but that one page is opened, the page is sealed, what
 * it answers is a number, and who waits waits no longer than `timeout_ms`.
 *
 * 0, or -errno: -ENXIO no channel is there (no thread yet, a build without, its descriptor closed); -EACCES the kernel
 * refuses; -EBUSY another client is at it; -ETIMEDOUT no answer (stopped, or stuck); -EPROTO a page of another version;
 * else what the thread said, -ENOSYS a command that it does not know, -EINVAL an option out of its range.
 */
int channel_ask(int64_t pid, const struct channel_command *command, int64_t timeout_ms, uint64_t *ret_value);

/* In words, what to do among them; in the pool. */
const char *channel_describe_error(struct mem *m, int error);

/* A dump has a line for each place that allocates; this is a program with a million of them. */
#define CHANNEL_DUMP_MAX (256 << 20)

/*
 * What PURGE_VERB_PROFILE_DUMP left in the descriptor `number` of that process: its bytes, mapped, to be given back
 * with munmap(*ret, CHANNEL_DUMP_MAX). 0 or -errno: -EFBIG too long; -ENXIO that is no dump.
 */
int channel_read_dump(int64_t pid, uint64_t number, int64_t timeout_ms, char **ret, size_t *ret_size);

#endif
