/* SPDX-License-Identifier: Apache-2.0 */
#include "live/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "live/live.h"
#include "util/clock.h"
#include "util/size.h"

static volatile sig_atomic_t watch_is_interrupted;

/* Of one look, what is kept. */
static struct live_sample samples_reduce(struct mem *m, const struct live_facts *live, int64_t after_ms)
{
	struct live_sample sample = { after_ms, NULL, live->n_processes };

	sample.points = mem_alloc(m, live->n_processes * sizeof *sample.points);
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		sample.points[i] = (struct live_point){
			.pid = p->pid,
			.start_time = p->start_time,
			.rss_anon = p->status.rss_anon,
			.rss_file = p->status.rss_file,
			.rss_shmem = p->status.rss_shmem,
			.hugetlb = p->status.hugetlb,
			.allocator_resident = p->allocator_resident,
		};
	}
	return sample;
}

const struct live_point *samples_find(const struct live_sample *sample, const struct live_process *process)
{
	for (size_t i = 0; i < sample->n_points; i++) {
		const struct live_point *point = &sample->points[i];

		if (point->pid == process->pid && point->start_time == process->start_time)
			return point;
	}
	return NULL;
}

/* What there is to say of processes that ended under our eyes: all that was seen of them. */
static void watch_set_gone(struct mem *m, const struct live_samples *samples, int64_t after_ms, struct live_facts *live)
{
	for (size_t i = 0; i < live->n_processes; i++) {
		struct live_process *p = &live->processes[i];
		const struct live_point *first = samples_find(&samples->items[0], p);

		if (p->state == LIVE_GONE || p->state == LIVE_ZOMBIE)
			continue;
		p->problem = mem_printf(m, "it ended %lld s into the watch", (long long)(after_ms + 500) / 1000);
		if (first && first->rss_anon >= 0 && p->status.rss_anon >= 0)
			p->problem = mem_printf(m, "%s; its anonymous memory went from %s to %s, shared from %s to %s",
						p->problem, size_format(m, first->rss_anon),
						size_format(m, p->status.rss_anon), size_format(m, first->rss_shmem),
						size_format(m, p->status.rss_shmem));
		p->state = LIVE_GONE;
	}
}

struct live_samples watch_processes(struct mem *m, const struct watch_hooks *hooks, int64_t seconds,
				    struct live_facts *ret_live)
{
	int64_t start = hooks->now_ms(hooks->user), end = start + 1000 * seconds, next = start;
	int64_t step = 1000 * ((seconds + WATCH_SAMPLES_MAX - 2) / (WATCH_SAMPLES_MAX - 1));
	struct live_samples samples = { NULL, 0 };
	/* Of the look before this one: the last there is, where nobody is left. */
	struct mem before = MEM_INIT;
	struct live_facts live = { 0 };
	bool is_last = false;

	while (!is_last) {
		struct mem passing = MEM_INIT;
		struct live_facts seen;
		int64_t now;

		/* A look that took longer than the step leaves out the ones that it overran. */
		while (next <= hooks->now_ms(hooks->user))
			next += step;
		is_last = samples.n > 0 && !hooks->wait_until_ms(hooks->user, next < end ? next : end);
		now = samples.n > 0 ? hooks->now_ms(hooks->user) : start;
		is_last = is_last || (samples.n > 0 && now >= end) || samples.n + 1 == WATCH_SAMPLES_MAX;
		hooks->look(hooks->user, &passing, is_last || samples.n == 0, &seen);
		if (!live_has_anybody(&seen)) {
			/* Nobody is left to wait for. */
			if (samples.n > 0)
				watch_set_gone(&before, &samples, now - start, &live);
			is_last = true;
		}
		if (samples.n == 0 || live_has_anybody(&seen)) {
			live = seen;
			mem_free_all(&before);
			mem_absorb(&before, &passing);
			*MEM_PUSH(m, samples.items, samples.n) = samples_reduce(m, &live, now - start);
		}
		mem_free_all(&passing);
	}
	mem_absorb(m, &before);
	*ret_live = live;
	return samples;
}

static void watch_interrupt(int signal)
{
	(void)signal;
	watch_is_interrupted = 1;
}

static int64_t watch_now_ms(void *user)
{
	(void)user;
	return clock_now_ms();
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
