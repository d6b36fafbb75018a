/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server as systemd likes them: says READY=1, pings its watchdog until SIGUSR1, says what SIGHUP is to it, takes
 * a socket that was opened for it, and ends with 0 after SIGTERM.
 */
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ends, is_silent, reloads;

static void take(int signal)
{
	ends |= signal == SIGTERM;
	is_silent |= signal == SIGUSR1;
	reloads += signal == SIGHUP;
}

static void notify(const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || fd < 0)
		return;
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	if (*path == '@')
		address.sun_path[0] = '\0';
	if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		perror("notify");
	close(fd);
}

/* "LISTEN_FDS": each client gets a line. */
static void serve(void)
{
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	struct pollfd waiting = { 3, POLLIN, 0 };
	int client;

	if (!n || !pid || atoi(n) != 1 || atoi(pid) != getpid() || poll(&waiting, 1, 0) != 1)
		return;
	client = accept(3, NULL, NULL);
	if (client < 0)
		return;
	if (write(client, "served\n", 7) != 7)
		perror("write");
	close(client);
}

int main(void)
{
	struct sigaction action = { .sa_handler = take };
	const char *watchdog = getenv("WATCHDOG_PID");
	sig_atomic_t seen = 0;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	printf("watchdog %s\n", !watchdog ? "none" : atoi(watchdog) == getpid() ? "mine" : "another's");
	fflush(stdout);
	notify("READY=1\nSTATUS=waiting");
	while (!ends) {
		struct timespec tenth = { 0, 100000000 };

		if (!is_silent)
			notify("WATCHDOG=1");
		if (reloads != seen) {
			seen = reloads;
			notify("STATUS=reloaded");
		}
		serve();
		nanosleep(&tenth, NULL);
	}
	puts("ended");
	return 0;
}
