/* SPDX-License-Identifier: Apache-2.0 */
#include "support/live_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct tree tree;

pid_t children[CHILDREN_MAX];

size_t n_children;

int open_children(void **state)
{
	(void)state;
	tree_open(&tree);
	return 0;
}

int close_children(void **state)
{
	/* They lead groups of their own: their children go with them. */
	for (size_t i = 0; i < n_children; i++)
		kill(-children[i], SIGKILL);
	for (size_t i = 0; i < n_children; i++)
		waitpid(children[i], NULL, 0);
	n_children = 0;
	tree_close(&tree);
	return pool_free(state);
}

pid_t start(const char *const *words, const char *const *environment)
{
	static const char *const none[] = { NULL };
	int fds[2];
	char byte;
	pid_t pid;

	assert_true(n_children < CHILDREN_MAX);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setpgid(0, 0);
		execve(words[0], (char **)(uintptr_t)words, (char **)(uintptr_t)(environment ? environment : none));
		_exit(127);
	}
	children[n_children++] = pid;
	close(fds[1]);
	while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(fds[0]);
	return pid;
}

char *compile(const char *name, const char *source, const char *flags)
{
	char *path = tree_outside(&tree, name), *text = mem_printf(&pool, "%s.c", name), *command;

	tree_write(&tree, text, source);
	command = mem_printf(&pool, "cc -w -O1 -Wl,--build-id=sha1 -o %s %s.c %s 2>/dev/null", path, path, flags);
	return system(command) == 0 ? path : NULL;
}

void look(enum live_selector selector, const char *text, const struct catalog_facts *catalog, struct live_facts *ret)
{
	struct live_request request = { selector, text, catalog, NULL, true, true };
	struct root root;

	assert_int_equal(root_open(NULL, &root), 0);
	live_detect(&root, &pool, &request, ret);
}

const struct live_process *look_at(pid_t pid, const struct catalog_facts *catalog)
{
	static const struct timespec pause = { 0, 20000000 };
	static struct live_facts facts;

	for (int i = 0; i < 200; i++) {
		look(LIVE_PID, mem_printf(&pool, "%d", (int)pid), catalog, &facts);
		assert_null(facts.problem);
		assert_true(facts.n_processes >= 1);
		assert_int_equal(facts.processes[0].pid, pid);
		if (!facts.processes[0].problem || !strstr(facts.processes[0].problem, "loader"))
			break;
		nanosleep(&pause, NULL);
	}
	return &facts.processes[0];
}

size_t count_descriptors(void)
{
	struct root root;
	char **names;
	size_t n = 0;

	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(root_list(&root, &pool, "/proc/self/fd", "", &names), 0);
	while (names[n])
		n++;
	return n;
}
