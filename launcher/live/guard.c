/* SPDX-License-Identifier: Apache-2.0 */
#include "live/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "live/context.h"
#include "util/apart.h"
#include "util/clock.h"

/* How often the parent looks at its helper. */
#define GUARD_POLL_MS 50
/* What has not ended so long after SIGKILL will not. */
#define GUARD_KILL_MS 500
/* What a helper ends with: all is done; there was no more memory. */
#define GUARD_DONE 0
#define GUARD_NO_MEMORY 1
/* On an account, a millisecond is 1; a look costs so much at the least, and a MiB that it found as much as that. */
#define GUARD_COST_LOOK 1
#define GUARD_COST_MIB 1000

/* What helpers write and the audit reads. */
struct guard_state {
	_Atomic size_t at;        /* the turn that is looked at; SIZE_MAX = none */
	_Atomic int64_t since_ms; /* since when */
	_Atomic uint64_t n_looks;
	_Atomic size_t used; /* memory, before the look */
};

struct guard {
	struct guard_budget budget;
	struct guard_state *state;
	int64_t deadline_ms;
	pid_t parent;
	pid_t left[GUARD_LEFT_MAX];
	uint32_t left_at[GUARD_LEFT_MAX]; /* whose process */
	size_t n_left;
	int64_t silent[GUARD_SILENT_MAX];
	size_t n_silent;
};

struct guard_run {
	struct guard *guard;
	struct mem_shared *shared;
	struct turns *turns;
	guard_work *work;
	void *user;
	struct guard_state *state; /* NULL: nobody watches */
};

/* What the parent has seen of a helper. */
struct guard_helper {
	pid_t pid;
	int end; /* of a pipe, which ends with it */
	uint64_t n_looks;
	int64_t cpu_ns, still_since_ms;
};

struct guard *guard_new(struct mem *m, const struct guard_budget *budget)
{
	struct mem_shared *shared = mem_share(m, sizeof(struct guard_state));
	struct mem pool = mem_of_shared(shared);
	struct guard *guard;

	if (!shared)
		return NULL;
	guard = mem_alloc(m, sizeof *guard);
	guard->state = mem_alloc(&pool, sizeof *guard->state);
	guard->budget = *budget;
	guard->parent = getpid();
	return guard;
}

int64_t guard_timeout_ms(const struct guard *guard)
{
	return guard ? guard->budget.timeout_ms : 0;
}

struct mem_shared *guard_begin(struct guard *guard, struct mem *m)
{
	if (!guard)
		return NULL;
	guard->deadline_ms = clock_now_ms() + guard->budget.timeout_ms;
	if (guard->deadline_ms > guard->budget.end_ms)
		guard->deadline_ms = guard->budget.end_ms;
	return mem_share(m, guard->budget.memory);
}

void guard_note_silent(struct guard *guard, int64_t pid)
{
	if (guard && guard->n_silent < GUARD_SILENT_MAX && !guard_is_silent(guard, pid))
		guard->silent[guard->n_silent++] = pid;
}

bool guard_is_silent(const struct guard *guard, int64_t pid)
{
	for (size_t i = 0; guard && i < guard->n_silent; i++) {
		if (guard->silent[i] == pid)
			return true;
	}
	return false;
}

bool guard_is_audit(const struct guard *guard, int64_t pid)
{
	if (!guard)
		return false;
	for (size_t i = 0; i < guard->n_left; i++) {
		if (guard->left[i] == pid)
			return true;
	}
	return pid == guard->parent;
}

/* All turns that wait, one after the other. What they cost is on the accounts when they are over. */
static void guard_look_at_all(const struct guard_run *run)
{
	struct turns *turns = run->turns;

	for (size_t at; (at = turns_next(turns)) < turns->n;) {
		int64_t start = clock_now_ms();
		size_t used = run->shared ? mem_shared_used(run->shared) : 0;

		if (run->state) {
			atomic_store(&run->state->since_ms, start);
			atomic_store(&run->state->used, used);
			atomic_fetch_add(&run->state->n_looks, 1);
			mem_shared_limit(run->shared, run->guard->budget.look_memory);
			atomic_store(&run->state->at, at);
		}
		run->work(run->user, at);
		if (run->state)
			atomic_store(&run->state->at, SIZE_MAX);
		turns->items[at].state = TURN_DONE;
		used = run->shared ? mem_shared_used(run->shared) - used : 0;
		turns_charge(turns, at,
			     GUARD_COST_LOOK + clock_now_ms() - start + (int64_t)(used * GUARD_COST_MIB >> 20));
	}
}

static _Noreturn void guard_help(const struct guard_run *run, int pipe)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != run->guard->parent)
		_exit(EXIT_FAILURE);
	/* A terminal's signals are for the audit, which decides what becomes of them. */
	setpgid(0, 0);
	apart_close_all_but(pipe);
	mem_at_end(GUARD_NO_MEMORY, NULL);
	guard_look_at_all(run);
	_exit(GUARD_DONE);
}

static int guard_start(const struct guard_run *run, struct guard_helper *ret)
{
	int fds[2];
	pid_t pid;

	atomic_store(&run->state->at, SIZE_MAX);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		guard_help(run, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	*ret = (struct guard_helper){ .pid = pid, .end = fds[0], .still_since_ms = clock_now_ms() };
	return 0;
}

/* It waits in the kernel: neither does it run, nor does it wait for a CPU, nor was it stopped. */
static bool guard_is_waiting(pid_t pid)
{
	struct process_stat stat;
	struct root root;

	return root_open(NULL, &root) == 0 && stat_read(&root, pid, &stat) == 0 &&
	       (stat.state == 'S' || stat.state == 'D');
}

/* Has it used no CPU for too long, in one and the same look? Whoever pauses wakes up in between. */
static bool guard_stands_still(const struct guard_run *run, struct guard_helper *helper)
{
	int64_t now = clock_now_ms(), cpu = 0;
	uint64_t n_looks = atomic_load(&run->state->n_looks);
	clockid_t clock;

	if (clock_getcpuclockid(helper->pid, &clock) == 0)
		cpu = clock_read_ns(clock);
	if (n_looks == helper->n_looks && cpu == helper->cpu_ns && guard_is_waiting(helper->pid))
		return now - helper->still_since_ms >= run->guard->budget.patience_ms;
	helper->n_looks = n_looks;
	helper->cpu_ns = cpu;
	helper->still_since_ms = now;
	return false;
}

/* Is the look too long, while others wait? */
static bool guard_is_slow(const struct guard_run *run, size_t at)
{
	unsigned int tries = run->turns->items[at].tries;
	int64_t slice = run->guard->budget.slice_ms << (tries < 16 ? tries : 16);

	return clock_now_ms() - atomic_load(&run->state->since_ms) >= slice && turns_has_rival(run->turns, at);
}

/* Until the helper has ended, or for so long. */
static bool guard_has_ended(const struct guard_helper *helper, int64_t ms)
{
	struct pollfd fd = { helper->end, POLLIN, 0 };
	int64_t until = clock_now_ms() + ms;
	int r = -1;

	while (r < 0 && ms >= 0) {
		r = poll(&fd, 1, (int)ms);
		ms = until - clock_now_ms();
	}
	return r > 0;
}

/* What has become of the look at turn `at`; the accounts and what still waits are as that says. */
static void guard_settle(const struct guard_run *run, size_t at, enum turn_state state)
{
	if (at == SIZE_MAX)
		return;
	/* Nobody knows of what it found. */
	mem_shared_rewind(run->shared, atomic_load(&run->state->used));
	turns_charge(run->turns, at, GUARD_COST_LOOK + clock_now_ms() - atomic_load(&run->state->since_ms));
	run->turns->items[at].state = (uint8_t)state;
	run->turns->items[at].tries++;
}

/* Left behind at a process of this owner's, who has no more turns when there are enough of them. */
static void guard_leave(const struct guard_run *run, pid_t pid, uint32_t owner)
{
	struct guard *guard = run->guard;
	int n = 0;

	if (guard->n_left < GUARD_LEFT_MAX) {
		guard->left_at[guard->n_left] = owner;
		guard->left[guard->n_left++] = pid;
	}
	for (size_t i = 0; i < guard->n_left; i++)
		n += guard->left_at[i] == owner;
	if (n >= GUARD_LEFT_OF_OWNER_MAX)
		turns_end(run->turns, owner, TURN_FORSAKEN);
	if (guard->n_left == GUARD_LEFT_MAX)
		turns_end(run->turns, SIZE_MAX, TURN_FORSAKEN);
}

static void guard_kill(const struct guard_run *run, const struct guard_helper *helper, enum turn_state state)
{
	bool has_ended;
	size_t at;

	kill(helper->pid, SIGKILL);
	has_ended = guard_has_ended(helper, GUARD_KILL_MS);
	/* Over in the last moment: nothing is wrong with that one. */
	at = atomic_load(&run->state->at);
	guard_settle(run, at, has_ended || state == TURN_LATE ? state : TURN_SILENT);
	if (has_ended)
		waitpid(helper->pid, NULL, 0);
	else if (at != SIZE_MAX)
		guard_leave(run, helper->pid, run->turns->items[at].owner);
}

/* It has ended by itself: all is done, or something was wrong with what it looked at. */
static void guard_reap(const struct guard_run *run, const struct guard_helper *helper)
{
	size_t at = atomic_load(&run->state->at);
	int status = 0;

	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == GUARD_DONE)
		return;
	/* Outside of a look there is nothing that could be left out next time. */
	if (at == SIZE_MAX)
		turns_end(run->turns, SIZE_MAX, TURN_FATAL);
	guard_settle(run, at, WIFEXITED(status) && WEXITSTATUS(status) == GUARD_NO_MEMORY ? TURN_TOO_BIG : TURN_FATAL);
}

static void guard_watch(const struct guard_run *run, struct guard_helper *helper)
{
	for (;;) {
		bool is_silent;
		size_t at;

		if (guard_has_ended(helper, GUARD_POLL_MS)) {
			guard_reap(run, helper);
			return;
		}
		at = atomic_load(&run->state->at);
		if (clock_now_ms() >= run->guard->deadline_ms) {
			guard_kill(run, helper, TURN_LATE);
			turns_end(run->turns, SIZE_MAX, TURN_LATE);
			return;
		}
		if (at == SIZE_MAX)
			continue;
		is_silent = guard_stands_still(run, helper);
		if (is_silent || guard_is_slow(run, at)) {
			guard_kill(run, helper, is_silent ? TURN_SILENT : TURN_WAITS);
			return;
		}
	}
}

/* Where no child can be had, the time at least has an end: that of the audit. */
static void guard_look_unaided(struct guard_run *run)
{
	int64_t left_ms = run->guard->deadline_ms - clock_now_ms();

	run->state = NULL;
	alarm(left_ms < 1000 ? 1 : (unsigned int)(left_ms / 1000));
	guard_look_at_all(run);
	alarm(0);
}

void guard_run(struct guard *guard, struct mem_shared *shared, struct turns *turns, guard_work *work, void *user)
{
	static const struct sigaction heeded = { .sa_handler = SIG_DFL };
	struct guard_run run = { guard, shared, turns, work, user, NULL };
	struct guard_helper helper;

	if (!guard || !shared) {
		guard_look_at_all(&run);
		return;
	}
	run.state = guard->state;
	/* Where SIGCHLD is ignored there is no status of a child. */
	sigaction(SIGCHLD, &heeded, NULL);
	while (turns_next(turns) < turns->n) {
		if (guard_start(&run, &helper) < 0) {
			guard_look_unaided(&run);
			return;
		}
		guard_watch(&run, &helper);
		close(helper.end);
	}
}
