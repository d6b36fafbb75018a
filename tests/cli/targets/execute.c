/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execute HOW PROGRAM [ARG]...: executes PROGRAM, in this process or a child, by one of the ways
 * that a libc has. Ends as the program does; with 100 + errno where it cannot be executed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 25

extern char **environ;

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int spawn(char **argv, int (*function)(pid_t *, const char *, const posix_spawn_file_actions_t *,
					      const posix_spawnattr_t *, char *const[], char *const[]))
{
	pid_t pid;
	int error = function(&pid, argv[0], NULL, NULL, argv, environ);

	return error ? 100 + error : wait_for(pid);
}

static int execute_forked(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(100 + errno);
	}
	return wait_for(pid);
}

static int execute_vforked(char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(argv[0], argv, environ);
		_exit(100 + errno);
	}
	return wait_for(pid);
}

static int result;

static void *execute_often(void *data)
{
	char **argv = data;

	for (int i = 0; i < ROUNDS; i++) {
		int one = i % 3 == 0 ? execute_vforked(argv) :
			  i % 3 == 1 ? execute_forked(argv) :
				       spawn(argv, posix_spawn);

		__atomic_store_n(&result, one ? one : result, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* From small stacks, as threads of runtimes have them. */
static int execute_threaded(char **argv)
{
	pthread_t threads[THREADS];
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32768);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], &small, execute_often, argv) != 0)
			return 98;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return result;
}

static void execute_here(const char *how, char **argv)
{
	char *const none[] = { NULL };

	if (strcmp(how, "execve") == 0)
		execve(argv[0], argv, environ);
	else if (strcmp(how, "execv") == 0)
		execv(argv[0], argv);
	else if (strcmp(how, "execvp") == 0)
		execvp(argv[0], argv);
	else if (strcmp(how, "execl") == 0)
		execl(argv[0], argv[0], argv[1], NULL);
	else if (strcmp(how, "execlp") == 0)
		execlp(argv[0], argv[0], argv[1], NULL);
	else if (strcmp(how, "execle") == 0)
		execle(argv[0], argv[0], argv[1], NULL, environ);
	else if (strcmp(how, "fexecve") == 0)
		fexecve(open(argv[0], O_RDONLY | O_CLOEXEC), argv, environ);
	else if (strcmp(how, "null") == 0)
		execve(argv[0], argv, NULL);
	else if (strcmp(how, "empty") == 0)
		execve(argv[0], argv, none);
#ifdef __GLIBC__
	else if (strcmp(how, "execvpe") == 0)
		execvpe(argv[0], argv, environ);
	else if (strcmp(how, "execveat") == 0)
		execveat(AT_FDCWD, argv[0], argv, environ, 0);
#endif
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";

	argv += 2;
	if (strcmp(how, "posix_spawn") == 0)
		return spawn(argv, posix_spawn);
	if (strcmp(how, "posix_spawnp") == 0)
		return spawn(argv, posix_spawnp);
	if (strcmp(how, "fork") == 0)
		return execute_forked(argv);
	if (strcmp(how, "vfork") == 0)
		return execute_vforked(argv);
	if (strcmp(how, "threads") == 0)
		return execute_threaded(argv);
	if (strcmp(how, "system") == 0) {
		int status = system(argv[0]);

		return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
	}
	execute_here(how, argv);
	return 100 + errno;
}
