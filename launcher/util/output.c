/* SPDX-License-Identifier: Apache-2.0 */
#include "util/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/retry.h"

static int output_write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = retry_write(fd, text, left);

		if (n < 0)
			return (int)n;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

int output_write(int fd, const char *text)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_signal, before, pending;
	int r;

	if (!*text)
		return 0;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	sigprocmask(SIG_BLOCK, &pipe_signal, &before);
	r = output_write_all(fd, text);
	/* Ours alone: one that was pending before is the command's. */
	if (r == -EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &now);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

void output_guard_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* The lowest free number is this one. O_PATH needs no /dev. */
			open("/", O_PATH | O_CLOEXEC);
	}
}
