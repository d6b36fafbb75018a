/* SPDX-License-Identifier: Apache-2.0 */
/* A mode again and again, where no shell and no timer is there to do it: a container of allocrun alone. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "modes/modes.h"
#include "util/clock.h"

/* Until one of the set comes or it is `until`, on the clock of clock_now_ms: the signal, 0 = it is time. */
static int repeat_wait(const sigset_t *set, int64_t until)
{
	for (;;) {
		int64_t left = until - clock_now_ms();
		const struct timespec timeout = { left / 1000, left % 1000 * 1000000 };
		int signal = left > 0 ? sigtimedwait(set, NULL, &timeout) : 0;

		if (signal >= 0)
			return signal;
		if (errno == EAGAIN)
			return 0;
	}
}

/* One round: what it leaves in memory ends with it, and so does one that hangs when we are told to end. */
static pid_t repeat_start(struct mem *m, struct options *options, const sigset_t *before,
			  int (*round)(struct mem *m, struct options *options))
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, before, NULL);
		_exit(round(m, options));
	}
	return child;
}

/* All that has ended, orphans that PID 1 of a container is given among them: was it the child? */
static bool repeat_reap(pid_t child)
{
	bool has_ended = false;

	for (pid_t one; (one = waitpid(-1, NULL, WNOHANG)) > 0;)
		has_ended |= one == child;
	return has_ended;
}

/* 0 = it has ended, or it is time; else the signal that says that all shall end. */
static int repeat_wait_for(const sigset_t *set, pid_t child, int64_t until)
{
	int signal;

	do
		signal = repeat_wait(set, until);
	while (signal == SIGCHLD && !repeat_reap(child));
	return signal == SIGCHLD ? 0 : signal;
}

int commands_repeat(struct mem *m, struct options *options, int64_t seconds,
		    int (*round)(struct mem *m, struct options *options))
{
	static const pid_t none = 0;
	sigset_t set, before;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &before);
	do {
		child = repeat_start(m, options, &before, round);
		if (child < 0) {
			commands_complain(m, "--every: no process can be made: %s", strerror(errno));
			return EXIT_LAUNCHER;
		}
		if (repeat_wait_for(&set, child, INT64_MAX) != 0) {
			kill(child, SIGKILL);
			break;
		}
	} while (repeat_wait_for(&set, none, clock_now_ms() + 1000 * seconds) == 0);
	return 0;
}
