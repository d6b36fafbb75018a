/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs, each with a limit of time. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/clock.h"
#include "util/retry.h"
#include "util/text.h"

#define RUN_OUTPUT_MAX (1024 * 1024)
#define RUN_LOOK_MS 20

extern char **environ;

__attribute__((noreturn)) static void run_child(const char *const *argv, int out)
{
	int nothing = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	dup2(nothing, 0);
	dup2(out, 1);
	dup2(out, 2);
	/* execve(2) writes to none of them. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* What has come; false: the end of it. */
static bool run_take(struct buffer *b, int fd)
{
	char piece[4096];
	ssize_t n = retry_read(fd, piece, sizeof piece);

	for (ssize_t i = 0; i < n; i++) {
		if (!piece[i])
			piece[i] = '?';
	}
	if (n > 0 && b->length < RUN_OUTPUT_MAX)
		buffer_append_bytes(b, piece, (size_t)n);
	return n > 0;
}

int run_program(struct mem *m, const char *const *argv, int64_t seconds, char **ret_out)
{
	const int64_t end = clock_now_ms() + seconds * 1000;
	struct buffer b = { .m = m };
	int pipes[2], status = 0, r = 0;
	bool is_open = true;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_child(argv, pipes[1]);
	r = pid < 0 ? -errno : 0;
	close(pipes[1]);
	while (r == 0) {
		struct pollfd look = { .fd = is_open ? pipes[0] : -1, .events = POLLIN };

		/* Who only inherited the pipe (a daemon) does not hold us up. */
		if (poll(&look, 1, RUN_LOOK_MS) > 0)
			is_open = run_take(&b, pipes[0]);
		else if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		if (clock_now_ms() >= end) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			r = -ETIMEDOUT;
		}
	}
	close(pipes[0]);
	if (ret_out)
		*ret_out = buffer_text(&b);
	return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_command(struct mem *m, const char *command, int64_t seconds, char **ret_out)
{
	return run_program(m, (const char *const[]){ "/bin/sh", "-c", command, NULL }, seconds, ret_out);
}

const char *run_first_line(struct mem *m, const char *out)
{
	/* gzip begins with an empty one. */
	char *line = text_dup_line(m, out + strspn(out, "\n"));

	for (char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return *line ? line : "it said nothing";
}
