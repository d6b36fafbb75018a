/* SPDX-License-Identifier: Apache-2.0 */
#include "util/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/retry.h"
#include "util/text.h"

/* More than the 1.4 KB of a machine with two CPUs: the lists grow to some KB with a thousand. */
#define STATUS_SIZE 8192
#define CALLS_MAX 64

/* Without pointers: a start without a filter does not touch the table, not even to relocate it. */
struct call {
	char allocator[20]; /* its name, where an allocator makes it too */
	int number;
	long arguments[6];
};

/*
 * Those of an ordinary launch, tried at once; others follow when they are wanted. With arguments that
 * do nothing: a filter is asked before the kernel looks at them. The first keeps the others from
 * dumping core.
 */
static const struct call calls_ordinary[] = {
	{ "prctl", SYS_prctl, { PR_SET_DUMPABLE, 0 } },
	{ "", SYS_prctl, { PR_CAPBSET_READ, 0 } },
	{ "", SYS_prctl, { PR_GET_THP_DISABLE, 0 } },
	{ "", SYS_get_mempolicy, { 0 } },
	{ "sched_getaffinity", SYS_sched_getaffinity, { 0 } },
	{ "", SYS_fgetxattr, { -1 } },
	{ "", SYS_faccessat2, { -1 } },
	{ "faccessat", SYS_faccessat, { -1 } },
	{ "readlinkat", SYS_readlinkat, { -1 } },
	{ "", SYS_rt_sigpending, { 0, 8 } },
	{ "", SYS_rt_sigprocmask, { 0, 0, 0, 8 } },
	{ "", SYS_unlinkat, { -1 } },
	{ "", SYS_renameat, { -1, 0, -1, 0 } },
	{ "", SYS_kill, { INT_MAX, 0 } },
	{ "", SYS_getdents64, { -1 } },
	{ "", SYS_uname, { 0 } },
	{ "getpid", SYS_getpid, { 0 } },
	{ "fcntl", SYS_fcntl, { -1, F_GETFD } },
	{ "", SYS_lseek, { -1 } },
	{ "", SYS_pread64, { -1 } },
	{ "", SYS_newfstatat, { -1 } },
	{ "", SYS_write, { -1 } },
	{ "", SYS_prlimit64, { 0, RLIMIT_AS, 0, 0 } },
	{ "memfd_create", SYS_memfd_create, { 0 } },
	{ "ftruncate", SYS_ftruncate, { -1 } },
	{ "madvise", SYS_madvise, { 0 } },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_PROCESS_CPUTIME_ID } },
	{ "fstat", SYS_fstat, { -1 } },
	{ "sysinfo", SYS_sysinfo, { 0 } },
	{ "futex", SYS_futex, { 0, FUTEX_WAKE } },
#ifdef SYS_open
	{ "open", SYS_open, { 0 } },
	{ "readlink", SYS_readlink, { 0 } },
	{ "", SYS_unlink, { 0 } },
	{ "", SYS_rename, { 0 } },
#endif
};

#define CALLS_ORDINARY (sizeof calls_ordinary / sizeof *calls_ordinary)

/* Those that have been tried: calls_ordinary, and what else was asked for. */
static struct {
	struct call known[CALLS_MAX];
	bool is_fatal[CALLS_MAX];
	size_t n;
	bool is_trying; /* our own calls in between are those that are tried */
} calls;

const char *seccomp_status(void)
{
	static char text[STATUS_SIZE];
	static bool is_read;
	ssize_t n;
	int fd;

	if (!is_read) {
		is_read = true;
		fd = open("/proc/self/status", O_RDONLY | O_NOCTTY | O_CLOEXEC);
		n = fd < 0 ? -1 : retry_read(fd, text, sizeof text);
		if (fd >= 0)
			close(fd);
		/* What fills it may be cut. */
		text[n < 0 || n == (ssize_t)sizeof text ? 0 : n] = '\0';
	}
	return *text ? text : NULL;
}

/* Not known is tried too. Asked before every guarded call, so it is looked up once. */
static bool seccomp_is_filtered(void)
{
	static int64_t mode = -1;
	const char *text;

	if (mode < 0) {
		mode = SECCOMP_MODE_FILTER;
		text = seccomp_status();
		if (text)
			text_read_i64(text, "Seccomp", &mode);
	}
	return mode == SECCOMP_MODE_FILTER;
}

static long call_make(const struct call *call)
{
	const long *a = call->arguments;

	return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/*
 * A child that sends no signal when it ends: SIGCHLD may be ignored, or blocked and then pending for
 * the command. It makes the known call *at and all that follow, and says in *at how far it came.
 */
static bool calls_run(volatile size_t *at)
{
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0) {
		if (*at > 0 && !calls.is_fatal[0])
			call_make(&calls.known[0]);
		for (; *at < calls.n; ++*at)
			call_make(&calls.known[*at]);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return pid > 0;
}

/* Tries the known calls from `first` on: one child, and one more for each that ends it. */
static void calls_try(size_t first)
{
	volatile size_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	/* Where no child can be had nothing can be known. */
	if (at == MAP_FAILED)
		return;
	calls.is_trying = true;
	for (*at = first; *at < calls.n && calls_run(at); ++*at) {
		if (*at < calls.n)
			calls.is_fatal[*at] = true;
	}
	calls.is_trying = false;
	munmap((void *)(uintptr_t)at, sizeof *at);
}

static void calls_begin(void)
{
	if (calls.n > 0)
		return;
	memcpy(calls.known, calls_ordinary, sizeof calls_ordinary);
	calls.n = CALLS_ORDINARY;
	calls_try(0);
}

bool seccomp_survives(long number, const long arguments[6])
{
	struct call *call;

	if (calls.is_trying || !seccomp_is_filtered())
		return true;
	calls_begin();
	for (size_t i = 0; i < calls.n; i++) {
		call = &calls.known[i];
		if (call->number == number && (number != SYS_prctl || (int)call->arguments[0] == (int)arguments[0]))
			return !calls.is_fatal[i];
	}
	if (calls.n == CALLS_MAX)
		return true;
	call = &calls.known[calls.n++];
	call->number = (int)number;
	memcpy(call->arguments, arguments, sizeof call->arguments);
	calls_try(calls.n - 1);
	return !calls.is_fatal[calls.n - 1];
}

const char *seccomp_find_fatal(void)
{
	if (!seccomp_is_filtered())
		return NULL;
	calls_begin();
	for (size_t i = 0; i < CALLS_ORDINARY; i++) {
		if (*calls.known[i].allocator && calls.is_fatal[i])
			return calls.known[i].allocator;
	}
	return NULL;
}
