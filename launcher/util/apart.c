/* SPDX-License-Identifier: Apache-2.0 */
#include "util/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/output.h"
#include "util/retry.h"

#define APART_DESCRIPTORS 1024

void apart_close_all_but(int fd)
{
	if (close_range((unsigned int)fd + 1, ~0U, 0) < 0) {
		/* Before Linux 5.9: those that programs have. */
		for (int other = fd + 1; other < APART_DESCRIPTORS; other++)
			close(other);
	}
	for (int other = 0; other < fd; other++)
		close(other);
	output_guard_standard_descriptors();
}

static _Noreturn void apart_begin(int pipe, apart_work *work, void *user)
{
	int r;

	if (fork() != 0)
		_exit(EXIT_SUCCESS);
	apart_close_all_but(pipe);
	r = work(user);
	_exit(retry_write(pipe, (const char *)&r, sizeof r) < 0);
}

/* One int, or the end of all who could write it. */
static int apart_read(int fd, int64_t ms)
{
	struct pollfd pollfd = { fd, POLLIN, 0 };
	int64_t deadline = clock_now_ms() + ms;
	int r;

	while (ms > 0) {
		int n = poll(&pollfd, 1, (int)ms);

		if (n == 0)
			break;
		if (n > 0)
			return retry_read(fd, &r, sizeof r) == (ssize_t)sizeof r ? r : -EAGAIN;
		ms = deadline - clock_now_ms();
	}
	return -ETIMEDOUT;
}

int apart_run(int64_t ms, apart_work *work, void *user)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct sigaction before;
	int fds[2], r = -EAGAIN;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Who ignores SIGCHLD gets no status; and the one that comes is not the command's. */
	sigaction(SIGCHLD, &by_default, &before);
	pid = fork();
	if (pid == 0)
		apart_begin(fds[1], work, user);
	close(fds[1]);
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		r = apart_read(fds[0], ms);
	}
	close(fds[0]);
	sigaction(SIGCHLD, &before, NULL);
	return r;
}
