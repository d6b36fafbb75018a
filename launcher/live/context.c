/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of live_detect() ask of the process at hand. */
#include "live/context.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define LIVE_PAUSE_NS 5000000
/* For all processes of an owner together: those that are stopped there hold nobody up. */
#define LIVE_PAUSES_MAX 160

bool live_is_hidden(const struct live_context *c, int64_t pid)
{
	struct process_stat stat;

	/* Once more: between the two questions it may have been started. */
	return c->root->live && pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM) &&
	       stat_read(c->root, pid, &stat) == -ENOENT;
}

int live_open_root(const struct live_context *c, int64_t pid, struct root *ret)
{
	int r;

	if (!c->root->live)
		return -ENOTSUP;
	r = root_open(mem_printf(c->m, "/proc/%lld/root", (long long)pid), ret);
	if (r == 0)
		ret->is_others = true;
	return r;
}

bool live_pause(struct live_context *c)
{
	static const struct timespec pause = { 0, LIVE_PAUSE_NS };

	if (c->waits->pauses++ >= LIVE_PAUSES_MAX)
		return false;
	nanosleep(&pause, NULL);
	return true;
}
