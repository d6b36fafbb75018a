/* A server to put into containers: ready, then the work that its arguments name, then it waits.
 *
 *	server [serve] [children] [eat MIB] [policy] [ANYTHING]...
 *
 * On SIGTERM it ends with 42, at once. Words that it does not know it takes for options, as servers have many. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal)
{
	(void)signal;
	_exit(42);
}

/* In a child, so that it is the child that the kernel kills. */
static void eat(long mib)
{
	pid_t child = fork();

	if (child == 0) {
		for (long i = 0; i < mib; i++) {
			char *one = malloc(1 << 20);

			if (one)
				memset(one, 1, 1 << 20);
		}
		_exit(0);
	}
	int status = 0;

	waitpid(child, &status, 0);
	printf("eaten %d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
}

static void try_policy(void)
{
	unsigned long nodes = 1;
	const int preferred = 1;

	if (syscall(SYS_set_mempolicy, preferred, &nodes, 2UL) == 0)
		puts("policy ok");
	else
		printf("policy %s\n", strerrorname_np(errno));
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };

	sigaction(SIGTERM, &action, NULL);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "children") == 0) {
			for (int n = 0; n < 2; n++)
				if (fork() == 0)
					execlp(argv[0], argv[0], "serve", (char *)NULL);
		} else if (strcmp(argv[i], "eat") == 0 && i + 1 < argc) {
			eat(strtol(argv[++i], NULL, 10));
		} else if (strcmp(argv[i], "policy") == 0) {
			try_policy();
		}
	}
	free(malloc(100000));
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
