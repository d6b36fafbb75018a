/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse CALL[:ARG0][=ERRNO|=kill]... -- COMMAND [ARG]...: runs COMMAND under a seccomp filter
 * that lets those system calls fail (EPERM unless said otherwise), as a container's
 * profile does, or ends whoever makes them, as systemd's SystemCallFilter= does. CALL: a name or
 * a number. ARG0: only when the first argument has this value.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no audit architecture known"
#endif

#define RULES_MAX 16
#define FIELD(name) ((unsigned int)offsetof(struct seccomp_data, name))

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{ "capset", SYS_capset },         { "get_mempolicy", SYS_get_mempolicy },
	{ "openat2", SYS_openat2 },       { "prctl", SYS_prctl },
	{ "prlimit64", SYS_prlimit64 },   { "sched_setaffinity", SYS_sched_setaffinity },
	{ "faccessat2", SYS_faccessat2 }, { "set_mempolicy", SYS_set_mempolicy },
	{ "setgroups", SYS_setgroups },   { "setresuid", SYS_setresuid },
	{ "mbind", SYS_mbind },           { "sched_getaffinity", SYS_sched_getaffinity },
};

static int refuse_find(const char *name, size_t length, unsigned int *ret)
{
	char *end;

	*ret = (unsigned int)strtoul(name, &end, 10);
	if (end != name && end == name + length)
		return 0;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (strlen(calls[i].name) == length && strncmp(calls[i].name, name, length) == 0) {
			*ret = calls[i].number;
			return 0;
		}
	}
	return -1;
}

/* Five instructions a rule; each leaves the number of the call in the accumulator. */
static size_t refuse_add(struct sock_filter *f, unsigned int number, const char *argument, unsigned int answer)
{
	size_t n = 0;
	unsigned int value = argument ? (unsigned int)strtoul(argument, NULL, 0) : 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr));
	f[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, argument ? 3 : 1);
	n++;
	if (argument) {
		/* The low half of the first argument: both architectures are little-endian. */
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[0]));
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	return n;
}

/* "=ERRNO", "=kill" or NULL. */
static unsigned int refuse_parse_answer(const char *text)
{
	if (text && strcmp(text, "=kill") == 0)
		return SECCOMP_RET_KILL_PROCESS;
	return SECCOMP_RET_ERRNO | ((text ? (unsigned int)atoi(text + 1) : EPERM) & SECCOMP_RET_DATA);
}

static int refuse_install(struct sock_filter *filter, size_t n)
{
	struct sock_fprog program = { .len = (unsigned short)n, .filter = filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return 0;
	/* Without CAP_SYS_ADMIN the kernel wants this first. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	struct sock_filter filter[4 + 5 * RULES_MAX];
	size_t n = 0;
	int i = 1;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch));
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	for (; i < argc && strcmp(argv[i], "--") != 0 && i <= RULES_MAX; i++) {
		const char *argument = strchr(argv[i], ':'), *answer = strchr(argv[i], '=');
		unsigned int number;

		if (refuse_find(argv[i], strcspn(argv[i], ":="), &number) < 0) {
			fprintf(stderr, "refuse: no call '%s'\n", argv[i]);
			return 99;
		}
		n += refuse_add(filter + n, number, argument ? argument + 1 : NULL, refuse_parse_answer(answer));
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (i + 1 >= argc || refuse_install(filter, n) < 0) {
		perror("refuse");
		return 99;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 99;
}
