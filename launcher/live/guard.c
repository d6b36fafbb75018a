/* SPDX-License-Identifier: Apache-2.0 */
#include "live/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "live/context.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/output.h"

/* How often the parent looks at its child. */
#define GUARD_POLL_MS 100
/* What has not ended so long after SIGKILL will not. */
#define GUARD_KILL_MS 500
#define GUARD_DESCRIPTORS 1024

struct guard {
	int64_t patience_ms;
	pid_t parent;
	_Atomic int64_t pid;     /* that is looked at; 0 = none */
	_Atomic int64_t n_looks; /* of this child */
	int64_t looks_max;
	int64_t skipped[GUARD_SKIPPED_MAX];
	int n_skipped;
};

/* What the parent has seen of its child. */
struct guard_child {
	pid_t pid;
	int end; /* of a pipe: what it has to tell; and its end, when it ends */
	int64_t looked_at, n_looks, cpu_ns, since_ms;
};

static volatile sig_atomic_t guard_child_pid;

struct guard *guard_new(int64_t patience_ms)
{
	struct guard *guard = mmap(NULL, sizeof *guard, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (guard == MAP_FAILED)
		return NULL;
	guard->patience_ms = patience_ms;
	guard->looks_max = INT64_MAX;
	return guard;
}

bool guard_is_audit(const struct guard *guard, int64_t pid)
{
	return guard && (pid == guard->parent || pid == getpid());
}

bool guard_enter(struct guard *guard, int64_t pid)
{
	if (!guard)
		return true;
	if (atomic_fetch_add(&guard->n_looks, 1) >= guard->looks_max)
		return false;
	for (int i = 0; i < guard->n_skipped; i++) {
		if (guard->skipped[i] == pid)
			return false;
	}
	atomic_store(&guard->pid, pid);
	return true;
}

void guard_leave(struct guard *guard)
{
	if (guard)
		atomic_store(&guard->pid, 0);
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
static bool guard_stands_still(struct guard *guard, struct guard_child *child)
{
	int64_t now = clock_now_ms(), cpu = 0;
	int64_t looked_at = atomic_load(&guard->pid), n_looks = atomic_load(&guard->n_looks);
	clockid_t clock;

	if (clock_getcpuclockid(child->pid, &clock) == 0)
		cpu = clock_read_ns(clock);
	if (looked_at && looked_at == child->looked_at && n_looks == child->n_looks && cpu == child->cpu_ns &&
	    guard_is_waiting(child->pid))
		return now - child->since_ms >= guard->patience_ms;
	child->looked_at = looked_at;
	child->n_looks = n_looks;
	child->cpu_ns = cpu;
	child->since_ms = now;
	return false;
}

static void guard_hand_on(int number)
{
	pid_t pid = (pid_t)guard_child_pid;

	if (pid > 0)
		kill(pid, number);
}

/* A child that is left behind must not keep open what others wait for the end of. */
static void guard_close_all_but(int fd)
{
	if (close_range((unsigned int)fd + 1, ~0U, 0) < 0) {
		/* Before Linux 5.9: those that programs have. */
		for (int other = fd + 1; other < GUARD_DESCRIPTORS; other++)
			close(other);
	}
	for (int other = 0; other < fd; other++)
		close(other);
	output_guard_standard_descriptors();
}

static void guard_work_in_child(struct mem *m, guard_work *work, void *user, pid_t parent, int pipe)
{
	const char *text = "";
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	/* A terminal's signals come through the parent: twice the same would mean "at once". */
	setpgid(0, 0);
	guard_close_all_but(pipe);
	r = work(m, user, &text);
	_exit(output_write(pipe, text) < 0 ? EXIT_FAILURE : r);
}

static int guard_start(struct guard *guard, struct mem *m, guard_work *work, void *user, struct guard_child *ret)
{
	struct guard_child child = { .pid = -1 };
	int fds[2];

	atomic_store(&guard->pid, 0);
	atomic_store(&guard->n_looks, 0);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child.pid = fork();
	if (child.pid == 0)
		guard_work_in_child(m, work, user, guard->parent, fds[1]);
	close(fds[1]);
	if (child.pid < 0) {
		close(fds[0]);
		return -EAGAIN;
	}
	child.end = fds[0];
	*ret = child;
	return 0;
}

/* What has been written since. -EAGAIN: nothing so far, -EPIPE: there will be no more. */
static int guard_read(const struct guard_child *child, int ms, struct buffer *text)
{
	struct pollfd fd = { child->end, POLLIN, 0 };
	char bytes[4096];
	ssize_t n;

	if (poll(&fd, 1, ms) <= 0)
		return -EAGAIN;
	n = read(child->end, bytes, sizeof bytes - 1);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -EPIPE;
	if (n == 0)
		return -EPIPE;
	bytes[n] = '\0';
	buffer_append(text, bytes);
	return 0;
}

/* Its status; -ETIMEDOUT: it stood still, and is none of ours any more. */
static int guard_watch(struct guard *guard, struct guard_child *child, struct buffer *text)
{
	int status = 0, r = 0;

	while (r != -EPIPE) {
		r = guard_read(child, GUARD_POLL_MS, text);
		if (r != -EAGAIN || !guard_stands_still(guard, child))
			continue;
		kill(child->pid, SIGKILL);
		if (guard_read(child, GUARD_KILL_MS, text) != -EAGAIN)
			waitpid(child->pid, NULL, 0);
		return -ETIMEDOUT;
	}
	do
		r = waitpid(child->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : status;
}

/* The next child leaves it out; when there have been enough of them, also all behind it. */
static void guard_skip(struct guard *guard)
{
	if (guard->n_skipped == GUARD_SKIPPED_MAX) {
		guard->looks_max = 0;
		return;
	}
	guard->skipped[guard->n_skipped++] = atomic_load(&guard->pid);
	if (guard->n_skipped == GUARD_SKIPPED_MAX)
		guard->looks_max = atomic_load(&guard->n_looks);
}

/* As the child ended, so does the parent. */
static int guard_end(int status)
{
	static const struct sigaction ordinary = { .sa_handler = SIG_DFL };

	if (status < 0)
		return EXIT_FAILURE;
	if (WIFSIGNALED(status)) {
		sigaction(WTERMSIG(status), &ordinary, NULL);
		raise(WTERMSIG(status));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int guard_run(struct guard *guard, struct mem *m, guard_work *work, void *user, const char **ret_text)
{
	const struct sigaction hand_on = { .sa_handler = guard_hand_on, .sa_flags = (int)SA_RESTART };
	const struct sigaction heeded = { .sa_handler = SIG_DFL };
	struct guard_child child = { .pid = -1, .end = -1 };
	struct sigaction ints, terms;
	struct buffer text = { .m = m };
	int status = -ETIMEDOUT;

	if (guard) {
		guard->parent = getpid();
		/* Where SIGCHLD is ignored there is no status of a child. */
		sigaction(SIGCHLD, &heeded, NULL);
	}
	while (status == -ETIMEDOUT) {
		text = (struct buffer){ .m = m };
		if (!guard || guard_start(guard, m, work, user, &child) < 0)
			return work(m, user, ret_text);
		guard_child_pid = child.pid;
		sigaction(SIGINT, &hand_on, &ints);
		sigaction(SIGTERM, &hand_on, &terms);
		status = guard_watch(guard, &child, &text);
		guard_child_pid = 0;
		sigaction(SIGINT, &ints, NULL);
		sigaction(SIGTERM, &terms, NULL);
		close(child.end);
		if (status == -ETIMEDOUT)
			guard_skip(guard);
	}
	*ret_text = buffer_text(&text);
	return guard_end(status);
}
