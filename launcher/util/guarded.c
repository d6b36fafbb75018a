/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the launcher calls of the C library, by the linker's --wrap: a call for which a seccomp filter
 * would end the process fails with EPERM, as under a filter that refuses (util/seccomp.h). So no caller
 * knows of it, libcap's constructor included. At the end, what libraries do at start and need not.
 * Makefile's GUARDED has the same names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/seccomp.h"
#include "util/text.h"

/* To the kernel all arguments are words. */
#define WORD(value) ((long)(value))

static bool guarded_refuses(long number, const long arguments[6])
{
	if (seccomp_survives(number, arguments))
		return false;
	errno = EPERM;
	return true;
}

/* GUARD(TYPE, FUNCTION, PARAMETERS, NAMES, NUMBER, ARGUMENTS of the call that is tried) */
#define GUARD(type, name, parameters, names, number, ...) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return guarded_refuses(number, (const long[6]){ __VA_ARGS__ }) ? -1 : __real_##name names; \
	}

#ifdef SYS_open
#define RENAME SYS_rename
#define UNLINK SYS_unlink
#define READLINK SYS_readlink
#define POLL SYS_poll
#else
#define RENAME SYS_renameat
#define UNLINK SYS_unlinkat
#define READLINK SYS_readlinkat
#define POLL SYS_ppoll
#endif

/* They change or read this process alone: tried as they are. */
GUARD(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set), SYS_sched_getaffinity, 0)
GUARD(int, sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *set), (pid, size, set), SYS_sched_setaffinity,
      WORD(pid), WORD(size), WORD(set))
GUARD(int, getrlimit, (__rlimit_resource_t resource, struct rlimit *limit), (resource, limit), SYS_prlimit64, 0)
GUARD(int, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit), (resource, limit), SYS_prlimit64, 0)
GUARD(int, getgroups, (int n, gid_t *groups), (n, groups), SYS_getgroups, 0)
GUARD(int, setgroups, (size_t n, const gid_t *groups), (n, groups), SYS_setgroups, WORD(n), WORD(groups))
GUARD(int, getresuid, (uid_t * real, uid_t *effective, uid_t *saved), (real, effective, saved), SYS_getresuid,
      WORD(real), WORD(effective), WORD(saved))
GUARD(int, getresgid, (gid_t * real, gid_t *effective, gid_t *saved), (real, effective, saved), SYS_getresgid,
      WORD(real), WORD(effective), WORD(saved))
GUARD(int, setresuid, (uid_t real, uid_t effective, uid_t saved), (real, effective, saved), SYS_setresuid, WORD(real),
      WORD(effective), WORD(saved))
GUARD(int, setresgid, (gid_t real, gid_t effective, gid_t saved), (real, effective, saved), SYS_setresgid, WORD(real),
      WORD(effective), WORD(saved))
GUARD(int, capget, (cap_user_header_t header, cap_user_data_t data), (header, data), SYS_capget, WORD(header),
      WORD(data))
GUARD(int, capset, (cap_user_header_t header, const cap_user_data_t data), (header, data), SYS_capset, WORD(header),
      WORD(data))
GUARD(int, sigpending, (sigset_t * set), (set), SYS_rt_sigpending, 0)
GUARD(int, sigprocmask, (int how, const sigset_t *set, sigset_t *before), (how, set, before), SYS_rt_sigprocmask, 0)
GUARD(int, sigaction, (int signal, const struct sigaction *action, struct sigaction *before), (signal, action, before),
      SYS_rt_sigaction, 0, 0, 0, 8)
GUARD(int, uname, (struct utsname * name), (name), SYS_uname, 0)
GUARD(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout), POLL, 0)

/* They reach files and other processes: tried with what is none. */
GUARD(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size), (fd, name, value, size), SYS_fgetxattr,
      -1)
GUARD(ssize_t, readlink, (const char *path, char *target, size_t size), (path, target, size), READLINK, -1)
GUARD(ssize_t, readlinkat, (int fd, const char *path, char *target, size_t size), (fd, path, target, size),
      SYS_readlinkat, -1)
GUARD(int, unlink, (const char *path), (path), UNLINK, -1)
GUARD(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), SYS_unlinkat, -1)
GUARD(int, rename, (const char *from, const char *to), (from, to), RENAME, -1)
GUARD(int, mkdir, (const char *path, mode_t mode), (path, mode), SYS_mkdirat, -1)
GUARD(int, kill, (pid_t pid, int signal), (pid, signal), SYS_kill, INT_MAX, 0)
GUARD(ssize_t, getdents64, (int fd, void *buffer, size_t size), (fd, buffer, size), SYS_getdents64, -1)
GUARD(off_t, lseek, (int fd, off_t offset, int from), (fd, offset, from), SYS_lseek, -1)
GUARD(ssize_t, pread, (int fd, void *buffer, size_t size, off_t offset), (fd, buffer, size, offset), SYS_pread64, -1)
GUARD(ssize_t, write, (int fd, const void *buffer, size_t size), (fd, buffer, size), SYS_write, -1)
GUARD(int, fstat, (int fd, struct stat *st), (fd, st), SYS_newfstatat, -1)
GUARD(int, stat, (const char *path, struct stat *st), (path, st), SYS_newfstatat, -1)
GUARD(int, lstat, (const char *path, struct stat *st), (path, st), SYS_newfstatat, -1)
GUARD(int, fstatat, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags), SYS_newfstatat, -1)
GUARD(int, pipe2, (int *fds, int flags), (fds, flags), SYS_pipe2, 0)
GUARD(int, statfs, (const char *path, struct statfs *fs), (path, fs), SYS_statfs, 0)
GUARD(int, fstatfs, (int fd, struct statfs *fs), (fd, fs), SYS_fstatfs, -1)

/* And those with another shape. */

int __real_faccessat(int fd, const char *path, int mode, int flags);
int __wrap_faccessat(int fd, const char *path, int mode, int flags);
int __wrap_faccessat(int fd, const char *path, int mode, int flags)
{
	if (!guarded_refuses(SYS_faccessat2, (const long[6]){ -1 }))
		return __real_faccessat(fd, path, mode, flags);
	/* By the real IDs; where they differ from the effective ones, exec still has the last word. */
	if (guarded_refuses(SYS_faccessat, (const long[6]){ -1 }))
		return -1;
	return (int)syscall(SYS_faccessat, fd, path, mode);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	return guarded_refuses(SYS_getdents64, (const long[6]){ -1 }) ? NULL : __real_opendir(path);
}

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode)
{
	bool refuses = guarded_refuses(SYS_fcntl, (const long[6]){ -1 }) ||
		       guarded_refuses(SYS_lseek, (const long[6]){ -1 });

	return refuses ? NULL : __real_fdopen(fd, mode);
}

int __real_isatty(int fd);
int __wrap_isatty(int fd);
int __wrap_isatty(int fd)
{
	return guarded_refuses(SYS_ioctl, (const long[6]){ -1 }) ? 0 : __real_isatty(fd);
}

char *__real_getcwd(char *path, size_t size);
char *__wrap_getcwd(char *path, size_t size);
char *__wrap_getcwd(char *path, size_t size)
{
	return guarded_refuses(SYS_getcwd, (const long[6]){ 0 }) ? NULL : __real_getcwd(path, size);
}

pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
pid_t __wrap_getpid(void)
{
	const char *status = seccomp_status();
	int64_t pid = -1;

	if (!status || seccomp_survives(SYS_getpid, (const long[6]){ 0 }))
		return __real_getpid();
	text_read_i64(status, "Pid", &pid);
	return (pid_t)pid;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	long argument;

	if (guarded_refuses(SYS_fcntl, (const long[6]){ -1 }))
		return -1;
	va_start(args, command);
	argument = va_arg(args, long);
	va_end(args);
	return __real_fcntl(fd, command, argument);
}

/* As many words as the call can have: the C library reads no others. */
static void guarded_read(va_list args, size_t n, long *words)
{
	for (size_t i = 0; i < n; i++)
		words[i] = va_arg(args, long);
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
	long words[6] = { option };
	va_list args;

	va_start(args, option);
	guarded_read(args, 4, words + 1);
	va_end(args);
	return guarded_refuses(SYS_prctl, words) ? -1 : __real_prctl(option, words[1], words[2], words[3], words[4]);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	long words[6];
	va_list args;

	va_start(args, number);
	guarded_read(args, 6, words);
	va_end(args);
	return guarded_refuses(number, words) ?
		       -1 :
		       __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* libc.a asks for the folder that we lie in, for what a static program may load. We load nothing. */
const char *__wrap__dl_get_origin(void);
const char *__wrap__dl_get_origin(void)
{
	return (const char *)-1;
}

/*
 * libcrypto asks the CPU at start what it can. CPUID leaves a virtual machine each time, which took 3 %
 * of a launch there (tests/bench/README.md), and a launch seldom hashes: its constructor's call does
 * nothing, digest_file() calls again. Where the constructor calls past us (aarch64), nothing is lost.
 */
void __real_OPENSSL_cpuid_setup(void);
void __wrap_OPENSSL_cpuid_setup(void);
void __wrap_OPENSSL_cpuid_setup(void)
{
	static bool is_wanted;

	if (is_wanted)
		__real_OPENSSL_cpuid_setup();
	is_wanted = true;
}
