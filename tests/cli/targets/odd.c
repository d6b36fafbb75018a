/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd STATE... -- COMMAND [ARG]...: runs COMMAND in a state that a shell cannot make:
 *
 *   broken-pipe=N     descriptor N is a pipe that nobody reads
 *   pending=N         signal N is blocked and pending
 *   no-arguments      argv is empty: argc is 0 for COMMAND (1 since Linux 5.18, "")
 *   null-argument=S   argv[0] is S
 *   twice=NAME        the environment has NAME two times
 *   full              the environment is the largest with which COMMAND still starts
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A quarter of the stack limit is the room for arguments and environment: 64 of 66 fit. */
#define FILL_STRINGS 66
#define FILL_STRING 4096
#define FILL_STACK (64 * FILL_STRING * 4)
#define FILL_STEP 16

extern char **environ;

static int odd_break_pipe(int fd)
{
	int ends[2];

	if (pipe(ends) < 0 || dup2(ends[1], fd) < 0)
		return -1;
	if (ends[0] != fd)
		close(ends[0]);
	if (ends[1] != fd)
		close(ends[1]);
	return 0;
}

static int odd_make_pending(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : raise(number);
}

/* The given variables, and `n` more of them. */
static char **odd_extend(size_t n)
{
	size_t have = 0;
	char **block;

	while (environ[have])
		have++;
	block = calloc(have + n + 1, sizeof *block);
	if (block)
		memcpy(block, environ, have * sizeof *block);
	return block;
}

static int odd_set_twice(const char *name)
{
	char **block = odd_extend(2);
	size_t n = 0;

	if (!block)
		return -1;
	while (block[n])
		n++;
	if (asprintf(&block[n], "%s=/first/libtcmalloc.so", name) < 0 ||
	    asprintf(&block[n + 1], "%s=/second/libgomp.so.1", name) < 0)
		return -1;
	environ = block;
	return 0;
}

/* Down from more than the kernel takes, in small steps: returns when none is small enough. */
static void odd_exec_full(char **argv)
{
	const struct rlimit stack = { FILL_STACK, FILL_STACK };
	char **block = odd_extend(FILL_STRINGS);
	size_t first = 0;

	if (!block || setrlimit(RLIMIT_STACK, &stack) < 0)
		return;
	while (block[first])
		first++;
	for (size_t i = 0; i < FILL_STRINGS; i++) {
		block[first + i] = malloc(FILL_STRING);
		if (!block[first + i])
			return;
		memset(block[first + i], 'x', FILL_STRING - 1);
		block[first + i][FILL_STRING - 1] = '\0';
		memcpy(block[first + i], "FILL=", 5);
	}
	for (size_t i = FILL_STRINGS; i-- > 0; block[first + i] = NULL) {
		for (size_t length = FILL_STRING - 1; length > FILL_STEP; length -= FILL_STEP) {
			block[first + i][length] = '\0';
			execve(argv[0], argv, block);
			if (errno != E2BIG)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	bool is_full = false, is_empty = false;
	char **command, *name = NULL, *path;
	int i = 1, r = 0;

	for (; i < argc && strcmp(argv[i], "--") != 0 && r == 0; i++) {
		const char *value = strchr(argv[i], '=');

		if (strncmp(argv[i], "broken-pipe=", 12) == 0)
			r = odd_break_pipe(atoi(value + 1));
		else if (strncmp(argv[i], "pending=", 8) == 0)
			r = odd_make_pending(atoi(value + 1));
		else if (strncmp(argv[i], "twice=", 6) == 0)
			r = odd_set_twice(value + 1);
		else if (strncmp(argv[i], "null-argument=", 14) == 0)
			name = strchr(argv[i], '=') + 1;
		else if (strcmp(argv[i], "full") == 0)
			is_full = true;
		else if (strcmp(argv[i], "no-arguments") == 0)
			is_empty = true;
		else
			r = -1;
	}
	if (r < 0 || i + 1 >= argc) {
		fprintf(stderr, "odd: cannot do %s\n", i <= argc ? argv[i - 1] : "that");
		return 99;
	}
	command = argv + i + 1;
	path = command[0];
	if (name)
		command[0] = name;
	if (is_empty)
		command[0] = NULL;
	if (is_full)
		odd_exec_full(command);
	else
		execv(path, command);
	perror(path);
	return 99;
}
