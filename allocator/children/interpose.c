/* SPDX-License-Identifier: Apache-2.0 */
/* What executes programs: each function looks at the program first, and is then the next one's of its name. */
#include "children.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "known/inheritance.h"

#define EXPORT __attribute__((visibility("default")))
/* Threads have stacks of 16 KiB at least, and who executes a program needs little of it. */
#define STACK_MOST 8192

extern char **environ __attribute__((weak));

enum next {
	NEXT_EXECVE,
	NEXT_EXECV,
	NEXT_EXECVPE,
	NEXT_EXECVP,
	NEXT_FEXECVE,
	NEXT_EXECVEAT,
	NEXT_SPAWN,
	NEXT_SPAWNP,
	NEXT_COUNT,
};

static const char next_names[NEXT_COUNT][16] = {
	[NEXT_EXECVE] = "execve",     [NEXT_EXECV] = "execv",         [NEXT_EXECVPE] = "execvpe",
	[NEXT_EXECVP] = "execvp",     [NEXT_FEXECVE] = "fexecve",     [NEXT_EXECVEAT] = "execveat",
	[NEXT_SPAWN] = "posix_spawn", [NEXT_SPAWNP] = "posix_spawnp",
};

/* Written once, before any thread or fork. */
static void *next_functions[NEXT_COUNT];
static long own_pid;
static const char *own_name = "";

struct call {
	enum next next;
	enum next next_with; /* its kin that takes an environment */
	struct target target;
	int flags;
	bool is_spawned;
	char *const *argv;
	char *const *environment;
	/* Of posix_spawn. */
	pid_t *pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
};

/* Another library's constructor may execute something before ours has run. */
static void *next_find(enum next next)
{
	void *function = next_functions[next];

	return function ? function : dlsym(RTLD_NEXT, next_names[next]);
}

__attribute__((constructor)) static void children_start(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	for (int i = 0; i < NEXT_COUNT; i++)
		next_functions[i] = dlsym(RTLD_NEXT, next_names[i]);
	if (name)
		own_name = children_basename(name);
	own_pid = syscall(SYS_getpid);
}

#define AS(type, function) ((type)(function))

static int call_run(const struct call *c, char *const *environment)
{
	enum next next = environment == c->environment ? c->next : c->next_with;
	void *function = next_find(next);

	if (!function) {
		errno = ENOSYS;
		return c->is_spawned ? ENOSYS : -1;
	}
	switch (next) {
	case NEXT_EXECV:
	case NEXT_EXECVP:
		return AS(int (*)(const char *, char *const *), function)(c->target.file, c->argv);
	case NEXT_EXECVE:
	case NEXT_EXECVPE:
		return AS(int (*)(const char *, char *const *, char *const *), function)(c->target.file, c->argv,
											 environment);
	case NEXT_FEXECVE:
		return AS(int (*)(int, char *const *, char *const *), function)(c->target.folder, c->argv, environment);
	case NEXT_EXECVEAT:
		return AS(int (*)(int, const char *, char *const *, char *const *, int),
			  function)(c->target.folder, c->target.file, c->argv, environment, c->flags);
	default:
		return AS(int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
				  char *const *, char *const *),
			  function)(c->pid, c->target.file, c->actions, c->attributes, c->argv, environment);
	}
}

/*
 * --children: with "keep" all have it. Else a process that has it keeps it over an exec of its own,
 * as of "sh -c 'exec server'": when it is the launched one, or has one of the names.
 */
static bool children_is_wanted(const struct inheritance *i, const struct call *c)
{
	long pid = syscall(SYS_getpid);

	if (strcmp(i->children, CHILDREN_KEEP) == 0)
		return true;
	if (!c->is_spawned && pid == i->pid)
		return true;
	if (strcmp(i->children, CHILDREN_DROP) == 0)
		return false;
	return inheritance_names(i->children, children_basename(c->target.file)) ||
	       (!c->is_spawned && pid == own_pid && inheritance_names(i->children, own_name));
}

/* After a chroot, in another mount namespace, as another user it may not be. */
__attribute__((noinline)) static bool children_can_read(const struct piece *path)
{
	char text[PATH_MAX];

	if (path->length >= sizeof text)
		return false;
	memcpy(text, path->text, path->length);
	text[path->length] = '\0';
	return syscall(SYS_faccessat, AT_FDCWD, text, R_OK) == 0;
}

static bool children_keep(const struct inheritance *i, const struct call *c)
{
	return inheritance_is_whole(i) && children_is_wanted(i, c) && children_can_read(&i->ours[0]) &&
	       children_can_read(&i->ours[1]) && program_bears(&c->target);
}

/* The next function, with the environment that is the program's. */
static int children_call(const struct call *c)
{
	struct inheritance i;
	int before = errno, r;
	void *mapped = MAP_FAILED;
	size_t size;
	char *room;

	inheritance_read(c->environment, &i);
	if (!i.children || !c->target.file)
		return call_run(c, c->environment);
	if (children_keep(&i, c)) {
		errno = before;
		return call_run(c, c->environment);
	}
	size = (i.n + 1) * sizeof *c->environment + (i.preload ? strlen(i.preload) : 0) + sizeof "LD_PRELOAD=";
	if (size <= STACK_MOST) {
		room = alloca(size);
	} else {
		/* Below a vfork it stays behind in the parent: of two and more pages, of a thousand variables. */
		mapped = (void *)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
					 0L);
		room = mapped;
	}
	errno = before;
	if (room == MAP_FAILED)
		return call_run(c, c->environment);
	inheritance_undo(&i, c->environment, (char **)room, room + (i.n + 1) * sizeof *c->environment);
	r = call_run(c, (char *const *)room);
	if (mapped != MAP_FAILED) {
		before = errno;
		syscall(SYS_munmap, mapped, size);
		errno = before;
	}
	return r;
}

EXPORT int execve(const char *path, char *const argv[], char *const environment[])
{
	const struct call c = { .next = NEXT_EXECVE,
				.next_with = NEXT_EXECVE,
				.target = { .file = path, .folder = AT_FDCWD },
				.argv = argv,
				.environment = environment };

	return children_call(&c);
}

EXPORT int execv(const char *path, char *const argv[])
{
	const struct call c = { .next = NEXT_EXECV,
				.next_with = NEXT_EXECVE,
				.target = { .file = path, .folder = AT_FDCWD },
				.argv = argv,
				.environment = environ };

	return children_call(&c);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const environment[])
{
	const struct call c = { .next = NEXT_EXECVPE,
				.next_with = NEXT_EXECVPE,
				.target = { .file = file, .folder = AT_FDCWD, .is_searched = true },
				.argv = argv,
				.environment = environment };

	return children_call(&c);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	const struct call c = { .next = NEXT_EXECVP,
				.next_with = NEXT_EXECVPE,
				.target = { .file = file, .folder = AT_FDCWD, .is_searched = true },
				.argv = argv,
				.environment = environ };

	return children_call(&c);
}

EXPORT int fexecve(int fd, char *const argv[], char *const environment[])
{
	const struct call c = { .next = NEXT_FEXECVE,
				.next_with = NEXT_FEXECVE,
				.target = { .file = "", .folder = fd, .is_open = true },
				.argv = argv,
				.environment = environment };

	return children_call(&c);
}

EXPORT int execveat(int folder, const char *path, char *const argv[], char *const environment[], int flags)
{
	const struct call c = { .next = NEXT_EXECVEAT,
				.next_with = NEXT_EXECVEAT,
				.target = { .file = path, .folder = folder, .is_open = (flags & AT_EMPTY_PATH) != 0 },
				.flags = flags,
				.argv = argv,
				.environment = environment };

	return children_call(&c);
}

static int spawn(enum next next, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
	const struct call c = { .next = next,
				.next_with = next,
				.target = { .file = file, .folder = AT_FDCWD, .is_searched = next == NEXT_SPAWNP },
				.is_spawned = true,
				.argv = argv,
				.environment = environment,
				.pid = pid,
				.actions = actions,
				.attributes = attributes };

	return children_call(&c);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
	return spawn(NEXT_SPAWN, pid, path, actions, attributes, argv, environment);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
	return spawn(NEXT_SPAWNP, pid, file, actions, attributes, argv, environment);
}

/* The arguments up to NULL, from `first` on: how many, with that. */
static size_t arguments_count(const char *first, va_list *list)
{
	size_t n = 1;

	for (const char *a = first; a; a = va_arg(*list, char *))
		n++;
	return n;
}

static void arguments_copy(const char *first, va_list *list, char **ret)
{
	for (char *a = (char *)(uintptr_t)first; (*ret++ = a);)
		a = va_arg(*list, char *);
}

/* In the frame of the caller, which the array has to outlive. */
#define ARGUMENTS(first, argv, list) \
	va_start(list, first); \
	argv = alloca(arguments_count(first, &list) * sizeof *argv); \
	va_end(list); \
	va_start(list, first); \
	arguments_copy(first, &list, argv)

EXPORT int execl(const char *path, const char *first, ...)
{
	char **argv;
	va_list list;

	ARGUMENTS(first, argv, list);
	va_end(list);
	return execv(path, argv);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	char **argv;
	va_list list;

	ARGUMENTS(first, argv, list);
	va_end(list);
	return execvp(file, argv);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	char *const *environment;
	char **argv;
	va_list list;

	ARGUMENTS(first, argv, list);
	environment = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, environment);
}
