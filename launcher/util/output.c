/* SPDX-License-Identifier: Apache-2.0 */
#include "util/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/retry.h"

/* A reader that is at work empties its pipe in less. */
#define OUTPUT_PATIENCE_MS 200

static int output_write_all(int fd, const char *text)
{
	return retry_write_all(fd, text, strlen(text));
}

/* A signal that was pending before we blocked it belongs to the command. */
static void output_drop_signal(int signal, const sigset_t *pending_before)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	if (sigismember(pending_before, signal))
		return;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigtimedwait(&set, NULL, &now);
}

/* As much at a time as a pipe that has room takes without waiting. */
static int output_say_all(int fd, const char *text)
{
	struct pollfd pollfd = { fd, POLLOUT, 0 };
	char piece[PIPE_BUF + 1];

	for (size_t n; *text; text += n) {
		int r;

		n = strnlen(text, PIPE_BUF);
		memcpy(piece, text, n);
		piece[n] = '\0';
		if (poll(&pollfd, 1, OUTPUT_PATIENCE_MS) == 0)
			return -EAGAIN;
		r = output_write_all(fd, piece);
		if (r < 0)
			return r;
	}
	return 0;
}

static int output_without_signals(int fd, const char *text, int (*write_all)(int fd, const char *text))
{
	sigset_t held, before, pending;
	int r;

	if (!*text)
		return 0;
	sigemptyset(&held);
	sigaddset(&held, SIGPIPE);
	sigaddset(&held, SIGXFSZ);
	/* Neither can fail but by a filter; then nothing was pending, and nothing changes. */
	sigemptyset(&pending);
	sigpending(&pending);
	if (sigprocmask(SIG_BLOCK, &held, &before) < 0)
		before = pending;
	r = write_all(fd, text);
	if (r == -EPIPE)
		output_drop_signal(SIGPIPE, &pending);
	if (r == -EFBIG)
		output_drop_signal(SIGXFSZ, &pending);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int output_write(int fd, const char *text)
{
	return output_without_signals(fd, text, output_write_all);
}

int output_say(int fd, const char *text)
{
	return output_without_signals(fd, text, output_say_all);
}

void output_guard_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* The lowest free number is this one. O_PATH needs no /dev. */
			open("/", O_PATH | O_CLOEXEC);
	}
}
