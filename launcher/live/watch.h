/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_WATCH_H
#define ALLOCRUN_LIVE_WATCH_H

#include <stdbool.h>

#include "facts/live.h"
#include "util/mem.h"

/* --watch: looks at the processes from time to time, and keeps what is needed of it. */

/* So many samples are kept; a longer watch takes them farther apart. */
#define WATCH_SAMPLES_MAX 61

/* One look at the processes. `thorough`: as in struct live_request. */
typedef void watch_look(void *user, struct mem *m, bool thorough, struct live_facts *ret);

/* What the watch stands on; a test has its own. */
struct watch_hooks {
	void *user;
	watch_look *look;
	int64_t (*now_ms)(void *user);
	/* False: the watch is to end now, with what it has. */
	bool (*wait_until_ms)(void *user, int64_t deadline);
};

/*
 * Samples at the start, about every second, and at the end. The processes of the last
 * one go to *ret_live, in the pool; of those between nothing is kept but the numbers.
 * Once nobody of them is alive the watch is over: then those of the last look that found
 * one go there, as gone, and the samples are those up to then.
 */
struct live_samples watch_processes(struct mem *m, const struct watch_hooks *hooks, int64_t seconds,
				    struct live_facts *ret_live);

/* The process in one of the samples; NULL when it was not there. */
const struct live_point *samples_find(const struct live_sample *sample, const struct live_process *process);

/* The clock of the machine; SIGINT and SIGTERM end the waiting, a second one the program. */
struct watch_hooks watch_hooks_live(void *user, watch_look *look);

#endif
