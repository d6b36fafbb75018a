/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swollen N: N processes besides this one, each with 440 variables that are the same 127 KB: what
 * an audit that keeps them would have to keep 440 times. "done" when they are there; then they wait.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define VARIABLES 440
#define LENGTH (127 * 1024)

extern char **environ;

static char variable[LENGTH + 1];
static char *variables[VARIABLES + 1];

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	memset(variable, 'x', LENGTH);
	memcpy(variable, "MALLOC_X=", strlen("MALLOC_X="));
	for (int i = 0; i < VARIABLES; i++)
		variables[i] = variable;
	environ = variables;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			break;
		}
		if (i == n - 1)
			puts("done");
	}
	fflush(stdout);
	for (;;)
		pause();
}
