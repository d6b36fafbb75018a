/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t watch_is_interrupted;

struct live_samples watch_processes(struct mem *m, const struct watch_hooks *hooks, int64_t seconds,
				    struct live_facts *ret_live)
{
	int64_t start = hooks->now_ms(hooks->user), end = start + 1000 * seconds, next = start;
	int64_t step = 1000 * ((seconds + WATCH_SAMPLES_MAX - 2) / (WATCH_SAMPLES_MAX - 1));
	struct live_samples samples = { NULL, 0 };
	bool is_last = false;

	while (!is_last) {
		struct mem passing = MEM_INIT;
		struct live_facts between;
		int64_t now;

		/* A look that took longer than the step leaves out the ones that it overran. */
		while (next <= hooks->now_ms(hooks->user))
			next += step;
		is_last = samples.n > 0 && !hooks->wait_until_ms(hooks->user, next < end ? next : end);
		now = samples.n > 0 ? hooks->now_ms(hooks->user) : start;
		is_last = is_last || (samples.n > 0 && now >= end) || samples.n + 1 == WATCH_SAMPLES_MAX;
		if (is_last)
			hooks->look(hooks->user, m, true, ret_live);
		else
			hooks->look(hooks->user, &passing, samples.n == 0, &between);
		*MEM_PUSH(m, samples.items, samples.n) =
			samples_reduce(m, is_last ? ret_live : &between, now - start);
		mem_free_all(&passing);
	}
	return samples;
}

static void watch_interrupt(int signal)
{
	(void)signal;
	watch_is_interrupted = 1;
}

static int64_t watch_now_ms(void *user)
{
	struct timespec now;

	(void)user;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return 1000 * (int64_t)now.tv_sec + now.tv_nsec / 1000000;
}

/* A signal that comes before the waiting is held back until it, and is not lost. */
static bool watch_wait_until_ms(void *user, int64_t deadline)
{
	sigset_t ends, before;

	(void)user;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &before);
	while (!watch_is_interrupted) {
		int64_t left = deadline - watch_now_ms(NULL);
		struct timespec timeout = { left / 1000, left % 1000 * 1000000 };

		if (left <= 0 || (ppoll(NULL, 0, &timeout, &before) < 0 && errno != EINTR))
			break;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return !watch_is_interrupted;
}

struct watch_hooks watch_hooks_live(void *user, watch_look *look)
{
	struct sigaction action = { .sa_handler = watch_interrupt, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return (struct watch_hooks){ user, look, watch_now_ms, watch_wait_until_ms };
}
