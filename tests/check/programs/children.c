/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of many processes: children N [THREADS]. Says "done" when all have started. The
 * children end with it. THREADS of them each have a child of its own.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static pid_t parent;

static void make_child(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		kill(0, SIGKILL);
	}
	if (pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (;;)
		pause();
}

static void *make_child_and_stay(void *barrier)
{
	make_child();
	pthread_barrier_wait(barrier);
	while (pause() < 0)
		;
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0, n_threads = argc > 2 ? atoi(argv[2]) : 0;
	pthread_barrier_t barrier;
	pthread_t thread;

	/* A group of its own: a failure ends this tree and nothing else. */
	setpgid(0, 0);
	parent = getpid();
	for (int i = 0; i < n; i++)
		make_child();
	pthread_barrier_init(&barrier, NULL, (unsigned int)n_threads + 1);
	for (int i = 0; i < n_threads; i++) {
		if (pthread_create(&thread, NULL, make_child_and_stay, &barrier) != 0)
			return 1;
	}
	pthread_barrier_wait(&barrier);
	puts("done");
	fflush(stdout);
	for (;;)
		pause();
}
