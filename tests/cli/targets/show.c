/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show FILE [ARG]...: writes the state in which it was started to FILE ("-": standard
 * output), one "key value" a line. Two runs, with and without a launcher in between,
 * are then compared line by line.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DESCRIPTORS 64

extern char **environ;

/* Every byte can be told from every other one, on one line. */
static void show_bytes(FILE *out, const char *key, const char *text)
{
	fprintf(out, "%s ", key);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isprint(c) && c != '\\' && c < 0x80)
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", c);
	}
	fputc('\n', out);
}

/* Number, status flags and file of each open descriptor, before we open one. */
static size_t show_collect_descriptors(char lines[][512])
{
	size_t n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		int flags = fcntl(fd, F_GETFL);
		char path[64], target[256] = "?";
		ssize_t length;

		if (flags < 0 && errno == EBADF)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof target - 1);
		if (length > 0)
			target[length] = '\0';
		snprintf(lines[n++], 512, "%d %#x %s", fd, (unsigned int)flags, target);
	}
	return n;
}

static void show_signals(FILE *out)
{
	sigset_t blocked, pending;
	struct sigaction action;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	for (int s = 1; s <= SIGRTMAX; s++) {
		if (sigismember(&blocked, s) == 1)
			fprintf(out, "blocked %d\n", s);
		if (sigismember(&pending, s) == 1)
			fprintf(out, "pending %d\n", s);
		if (sigaction(s, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			fprintf(out, "ignored %d\n", s);
	}
}

/* The library whose malloc this program calls. */
static void show_malloc(FILE *out)
{
#ifdef SHOW_STATIC
	fprintf(out, "malloc static\n");
#else
	void *address = dlsym(RTLD_DEFAULT, "malloc");
	Dl_info info;

	show_bytes(out, "malloc", address && dladdr(address, &info) ? info.dli_fname : "unknown");
#endif
}

static void show_kernel_state(FILE *out)
{
	int mode = -1;
	unsigned long nodes[16] = { 0 };
	mode_t mask = umask(0);

	umask(mask);
	fprintf(out, "umask %03o\n", (unsigned int)mask);
	fprintf(out, "thp-disable %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8 + 1, NULL, 0) == 0)
		fprintf(out, "mempolicy %d %#lx\n", mode, nodes[0]);
	fprintf(out, "secure %lu\n", getauxval(AT_SECURE));
}

int main(int argc, char **argv)
{
	static char descriptors[DESCRIPTORS][512];
	size_t n = show_collect_descriptors(descriptors);
	char cwd[4096];
	FILE *out;

	if (argc < 2)
		return 2;
	out = strcmp(argv[1], "-") == 0 ? stdout : fopen(argv[1], "we");
	if (!out)
		return 3;
	fprintf(out, "pid %d\n", (int)getpid());
	fprintf(out, "ids %d %d %d %d\n", (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid());
	for (int i = 0; i < argc; i++)
		show_bytes(out, "arg", argv[i]);
	for (char **e = environ; *e; e++)
		show_bytes(out, "env", *e);
	for (size_t i = 0; i < n; i++)
		show_bytes(out, "fd", descriptors[i]);
	show_bytes(out, "cwd", getcwd(cwd, sizeof cwd) ? cwd : "none");
	show_signals(out);
	show_malloc(out);
	show_kernel_state(out);
	return fclose(out) == 0 ? 0 : 4;
}
