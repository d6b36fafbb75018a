/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purge thread: one in a process that holds enough to be worth it, none in all others.
 * Included behind an allocator's own sources, as one with them, after its heap.c.
 *
 * The allocator's decay stays the safety net: it is in force until a thread lives, in the child
 * of a fork until it has its own, and for ever where none can be made.
 *
 * Locks: the step lock is held while memory is given back, so that a fork never copies a heap
 * that is half purged; a step is kept small, for that is what a fork waits. It is taken before
 * any of the allocator's locks, by a thread that holds none of them.
 */
#include "heap.h"
#include "hooks.h"
#include "limit.h"
#include "policy.h"

#include "figures.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of linux/futex.h, which musl's compiler does not find: shared, for a client rings from another process. */
#define PURGE_FUTEX_WAIT 0
#define PURGE_FUTEX_WAKE 1

/* About 3 ms of madvise: what a fork, or a thread that needs room, may have to wait. */
#define STEP_BYTES ((size_t)8 << 20)
/* How often a process that is growing is looked at; and a thread that sleeps is woken by so much garbage. */
#define COUNT_BYTES ((size_t)8 << 20)
/* What others of the same group do, no hook of ours sees: twice a minute. */
#define SLEEP_SECONDS 30
/* glibc wants room for its TLS there too; where this is too little, its own default is taken. */
#define STACK_BYTES ((size_t)256 << 10)

/* With a value, as all that the child of a fork writes at once: then it lies in .data, a page or two, and each page is
 * a fault of 3 us. */
__attribute__((used)) static struct purge_figures allocrun_purge_figures = { .limit = UINT64_MAX };
#define figures allocrun_purge_figures

static struct {
	struct purge_options options;
	pthread_mutex_t step;
	pid_t pid;          /* of the process whose memory this is: not that of a vfork's child */
	size_t taken;       /* pages handed out since the last count, bytes */
	size_t given;       /* and come back */
	uint32_t own_bell;  /* the futex, where there is no channel: 1 while the thread sleeps */
	uint32_t *bell;     /* that, or the one of the channel */
	ssize_t budget;     /* bytes of new memory until somebody looks at the limits again */
	ssize_t granted;    /* what it was then */
	uint64_t limits_ns; /* when the limits were last looked for */
	bool is_unsettled;  /* in the child of a fork: its arenas are as the parent's thread left them */
} purge = { .step = PTHREAD_MUTEX_INITIALIZER, .bell = &purge.own_bell };

#include "channel.c"

static void hook_set(bool *hook, bool is_set)
{
	__atomic_store_n(hook, is_set, __ATOMIC_RELEASE);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- what the process holds ---------------------------------------------------- */

static size_t purge_look_parts(struct purge_look *look)
{
	size_t held = 0;

	look->count = heap_parts();
	for (unsigned i = 0; i < look->count; i++) {
		if (!heap_look(i, &look->parts[i]))
			look->parts[i] = (struct purge_part){ .is_held = false };
		held += look->parts[i].used + look->parts[i].kept;
	}
	return held;
}

static size_t purge_held(void)
{
	size_t held = 0;

	for (unsigned i = 0, n = heap_parts(); i < n; i++) {
		struct purge_part part;

		held += heap_look(i, &part) ? part.used + part.kept : 0;
	}
	return held;
}

/* --- giving back ---------------------------------------------------------------- */

static size_t purge_step(unsigned part, size_t keep)
{
	size_t bytes;

	pthread_mutex_lock(&purge.step);
	bytes = heap_purge(part, keep, STEP_BYTES);
	pthread_mutex_unlock(&purge.step);
	return bytes;
}

static void purge_count(enum purge_why why, size_t bytes)
{
	__atomic_fetch_add(&figures.purges[why], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&figures.bytes[why], bytes, __ATOMIC_RELAXED);
}

/* The others' CPU since the process began, for the thread itself is not work. */
static uint64_t purge_cpu_ns(void)
{
	uint64_t own = now_ns(CLOCK_THREAD_CPUTIME_ID), all = now_ns(CLOCK_PROCESS_CPUTIME_ID);

	return all > own ? all - own : 0;
}

/* Two milliseconds of work while a step took about three: it is not idle any more. */
static bool purge_work_returned(uint64_t *cpu_ns)
{
	uint64_t before = *cpu_ns;

	*cpu_ns = purge_cpu_ns();
	return *cpu_ns > before + 2000000;
}

static size_t purge_carry_out(const struct purge_look *look, const struct purge_plan *plan)
{
	uint64_t cpu_ns = purge_cpu_ns();
	size_t total = 0;

	for (unsigned i = 0; i < look->count; i++) {
		/* What is freed meanwhile belongs to the next look: a part that never empties must not hold us. */
		size_t most = look->parts[i].kept, bytes = 0, n;

		if (plan->keep[i] == SIZE_MAX)
			continue;
		do {
			n = purge_step(i, plan->keep[i]);
			bytes += n;
		} while (n > 0 && bytes < most && !(plan->stops_when_busy && purge_work_returned(&cpu_ns)));
		total += bytes;
	}
	if (total > 0)
		purge_count(plan->why, total);
	return total;
}

/* On command: what everybody keeps now, busy or not; what is freed meanwhile is the next command's. */
static size_t purge_everything(void)
{
	size_t total = 0;

	for (unsigned i = 0, parts = heap_parts(); i < parts; i++) {
		struct purge_part part;
		size_t bytes = 0, n;

		if (!heap_look(i, &part))
			continue;
		do {
			n = purge_step(i, 0);
			bytes += n;
		} while (n > 0 && bytes < part.kept);
		total += bytes;
	}
	if (total > 0)
		purge_count(PURGE_NOTHING, total);
	return total;
}

static void purge_show_options(void)
{
	figures.window_ms = purge.options.window_ms;
	figures.idle_ms = purge.options.idle_ms;
	figures.busy_percent = purge.options.busy_percent;
	figures.heap_mb = purge.options.heap_mb;
}

static bool purge_change_options(const uint64_t *values)
{
	bool is_changed;

	/* All of them or none, in the child of a fork too. */
	pthread_mutex_lock(&purge.step);
	is_changed = options_change(&purge.options, values);
	figures.changes += is_changed;
	purge_show_options();
	pthread_mutex_unlock(&purge.step);
	return is_changed;
}

/* --- the memory limit -------------------------------------------------------------- */

/* Under the step lock. */
static size_t purge_free_up(size_t wanted)
{
	size_t bytes = 0, n;

	for (unsigned i = 0, parts = heap_parts(); i < parts && bytes < wanted; i++) {
		do {
			n = heap_purge(i, 0, STEP_BYTES);
			bytes += n;
		} while (n > 0 && bytes < wanted);
	}
	if (bytes > 0)
		purge_count(PURGE_PRESSURE, bytes);
	return bytes;
}

/* Under the step lock: half of what is left may be mapped before anybody looks again. */
static void purge_grant(uint64_t left)
{
	const uint64_t least = 4 << 20;
	ssize_t budget = left == UINT64_MAX ? SSIZE_MAX : (ssize_t)(left / 2 > least ? left / 2 : least);

	purge.granted = budget;
	__atomic_store_n(&purge.budget, budget, __ATOMIC_RELAXED);
}

/*
 * A clock cannot outrun a thread that allocates: who asks for new memory near a limit first gives
 * back what is kept. What was mapped since the last look counts as not touched yet.
 */
static void purge_make_room(size_t bytes)
{
	uint64_t limit, left, needed;
	int error = errno;

	if (__atomic_sub_fetch(&purge.budget, (ssize_t)bytes, __ATOMIC_RELAXED) >= 0)
		return;
	pthread_mutex_lock(&purge.step);
	/* Another may have been here first. */
	if (__atomic_load_n(&purge.budget, __ATOMIC_RELAXED) < 0) {
		ssize_t spent = purge.granted - __atomic_load_n(&purge.budget, __ATOMIC_RELAXED);

		left = limits_left(&limit);
		needed = (uint64_t)spent + (limit == UINT64_MAX ? 0 : limit / 16);
		/*
		 * What goes back is not at once what is left: of a huge page the kernel lets nothing go before
		 * all of it is given back, and jemalloc's oldest lie anywhere.
		 */
		while (left < needed && purge_free_up((size_t)(needed - left)) > 0)
			left = limits_left(&limit);
		purge_grant(left);
	}
	pthread_mutex_unlock(&purge.step);
	errno = error;
}

static void purge_find_limits(void)
{
	bool is_limited;
	int error = errno;

	pthread_mutex_lock(&purge.step);
	is_limited = limits_find();
	if (is_limited) {
		purge_grant(limits_left(&figures.limit));
	} else {
		figures.limit = UINT64_MAX;
	}
	hook_set(&purge_hooks.limited, is_limited);
	purge.limits_ns = now_ns(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&purge.step);
	errno = error;
}

/* --- the child of a fork --------------------------------------------------------------- */

/*
 * Back to the decay, at the first pages that the child takes or gives back: most children exec or end
 * before that, and a fork must cost them little.
 */
static void purge_settle(void)
{
	int error = errno;

	if (!__atomic_load_n(&purge.is_unsettled, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&purge.step);
	if (purge.is_unsettled) {
		heap_release_all();
		hook_set(&purge_hooks.giving, false);
		__atomic_store_n(&purge.is_unsettled, false, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&purge.step);
	errno = error;
}

/* --- the thread ---------------------------------------------------------------------- */

static void purge_look(const struct purge_state *state, struct purge_look *look)
{
	look->wall_ns = now_ns(CLOCK_MONOTONIC);
	look->cpu_ns = purge_cpu_ns();
	purge_look_parts(look);
	if (purge_wants_peaks(state, &purge.options, look->wall_ns)) {
		for (unsigned i = 0; i < look->count; i++)
			look->peaks[i] = heap_peak(i);
	}
	if (look->wall_ns - purge.limits_ns > SLEEP_SECONDS * (uint64_t)1000000000)
		purge_find_limits();
	look->left = look->limit = UINT64_MAX;
	if (purge_hook(&purge_hooks.limited)) {
		pthread_mutex_lock(&purge.step);
		look->left = limits_left(&look->limit);
		purge_grant(look->left);
		pthread_mutex_unlock(&purge.step);
	}
	figures.limit = look->limit;
	figures.looks++;
	figures.look_ns = look->wall_ns;
}

/* Until somebody has given back enough to be looked at, or for SLEEP_SECONDS. */
static void purge_sleep(void)
{
	const struct timespec most = { .tv_sec = SLEEP_SECONDS };

	__atomic_store_n(&purge.given, 0, __ATOMIC_RELAXED);
	__atomic_store_n(purge.bell, 1, __ATOMIC_SEQ_CST);
	hook_set(&purge_hooks.giving, true);
	/* Who asked before the bell was set has not rung it. */
	if (!channel_rings())
		syscall(SYS_futex, purge.bell, PURGE_FUTEX_WAIT, 1, &most, NULL, 0);
	hook_set(&purge_hooks.giving, false);
	__atomic_store_n(purge.bell, 0, __ATOMIC_SEQ_CST);
}

static void purge_count_given(size_t bytes)
{
	int error = errno;

	purge_settle();
	if (__atomic_add_fetch(&purge.given, bytes, __ATOMIC_RELAXED) < COUNT_BYTES)
		return;
	/* Whose bell it is was decided before the hook was set: where it is not any more, the bell has rung. */
	if (!__atomic_load_n(&purge_hooks.giving, __ATOMIC_ACQUIRE))
		return;
	hook_set(&purge_hooks.giving, false);
	__atomic_store_n(purge.bell, 0, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, purge.bell, PURGE_FUTEX_WAKE, 1, NULL, NULL, 0);
	errno = error;
}

static void purge_rest(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void *purge_run(void *unused)
{
	/* Of this thread alone; too big for its stack. */
	static struct purge_state state;
	static struct purge_look look;
	static struct purge_plan plan;
	(void)unused;

	prctl(PR_SET_NAME, "allocrun-purge");
	pthread_mutex_lock(&purge.step);
	channel_begin(purge.pid);
	pthread_mutex_unlock(&purge.step);
	if (channel.page)
		__atomic_store_n(&purge.bell, &channel.page->bell, __ATOMIC_RELEASE);
	memset(&state, 0, sizeof state);
	purge_look(&state, &look);
	purge_state_begin(&state, &look);
	for (;;) {
		size_t bytes;

		if (channel_rings())
			channel_serve();
		for (unsigned i = 0; i < heap_parts(); i++)
			heap_hold(i);
		purge_look(&state, &look);
		purge_decide(&state, &purge.options, &look, &plan);
		if (plan.why != PURGE_NOTHING) {
			bytes = purge_carry_out(&look, &plan);
			purge_look(&state, &look);
			purge_done(&state, &plan, bytes, &look);
		}
		memcpy(figures.regrets, state.regrets, sizeof state.regrets);
		if (plan.sleep_ms != PURGE_SLEEP) {
			purge_rest(plan.sleep_ms);
			continue;
		}
		purge_sleep();
		purge_look(&state, &look);
		purge_state_begin(&state, &look);
	}
	return NULL;
}

static int purge_make_thread(size_t stack)
{
	pthread_t thread;
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	if (stack)
		pthread_attr_setstacksize(&attributes, stack);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, purge_run, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

/* --- when it is started --------------------------------------------------------------- */

/*
 * Any process with much to give back has first been handed it: so the pages handed out are
 * counted, and every COUNT_BYTES the whole heap. A shell, setpriv, git never get there.
 */
static void purge_count_taken(size_t bytes)
{
	size_t most = (size_t)__atomic_load_n(&purge.options.heap_mb, __ATOMIC_RELAXED) << 20;

	purge_settle();
	if (__atomic_add_fetch(&purge.taken, bytes, __ATOMIC_RELAXED) < COUNT_BYTES && bytes < COUNT_BYTES)
		return;
	__atomic_store_n(&purge.taken, 0, __ATOMIC_RELAXED);
	/* Between vfork and exec this memory is the parent's: getpid() tells, for it is asked of the kernel. */
	if (purge_held() + bytes < most || syscall(SYS_getpid) != purge.pid)
		return;
	/* Others may have counted as far, and the thread of one of them be made by now: it is one. */
	if (__atomic_exchange_n(&purge_hooks.taking, false, __ATOMIC_ACQ_REL))
		hook_set(&purge_hooks.wanted, true);
}

/*
 * Called at the end of an allocation that was not served from a thread's own cache: there no lock
 * of the allocator's is held. None of libc's either that making a thread needs: glibc frees under
 * the lock of its list of stacks, but never allocates under it; musl's loader has a malloc of its own.
 */
static void purge_start(void)
{
	sigset_t all, old;
	int error = errno, failure;

	/* One of all the threads that come here. */
	if (!__atomic_exchange_n(&purge_hooks.wanted, false, __ATOMIC_ACQ_REL))
		return;
	purge_find_limits();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failure = purge_make_thread(STACK_BYTES);
	if (failure == EINVAL)
		failure = purge_make_thread(0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	figures.pid = (uint64_t)purge.pid;
	figures.error = (uint64_t)failure;
	figures.state = failure ? PURGE_THREAD_FAILED : PURGE_THREAD_RUNS;
	errno = error;
}

/* --- fork -------------------------------------------------------------------------------- */

static void purge_before_fork(void)
{
	pthread_mutex_lock(&purge.step);
}

static void purge_after_fork_parent(void)
{
	pthread_mutex_unlock(&purge.step);
}

/* The thread is the parent's: back to counting, and soon to the decay. */
static void purge_after_fork_child(void)
{
	pthread_mutex_unlock(&purge.step);
	purge.bell = &purge.own_bell;
	channel_forget();
	if (!purge.options.is_on)
		return;
	/* Whatever the state says: the thread holds arenas before its maker has said that it runs. */
	purge.is_unsettled = true;
	purge.pid = (pid_t)syscall(SYS_getpid);
	purge.taken = 0;
	hook_set(&purge_hooks.giving, true);
	hook_set(&purge_hooks.wanted, false);
	hook_set(&purge_hooks.taking, true);
	figures = (struct purge_figures){ .version = PURGE_FIGURES_VERSION,
					  .state = PURGE_THREAD_WAITS,
					  .pid = (uint64_t)purge.pid,
					  .limit = figures.limit,
					  .changes = figures.changes };
	purge_show_options();
}

/* --- the beginning ------------------------------------------------------------------------- */

/* Does the allocator's own configuration leave room for us? See its heap.c. */
static bool heap_is_ours(void);

__attribute__((constructor)) static void purge_begin(void)
{
	purge.options = purge_options_read(secure_getenv("ALLOCRUN_PURGE"));
	purge.options.is_on = purge.options.is_on && heap_is_ours();
	purge.pid = getpid();
	figures = (struct purge_figures){ .version = PURGE_FIGURES_VERSION,
					  .pid = (uint64_t)purge.pid,
					  .limit = UINT64_MAX };
	purge_show_options();
	if (!purge.options.is_on)
		return;
	figures.state = PURGE_THREAD_WAITS;
	hook_set(&purge_hooks.taking, true);
}
