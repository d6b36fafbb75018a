/* SPDX-License-Identifier: Apache-2.0 */
#include "program/command.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "known/allocators.h"
#include "known/wrappers.h"
#include "program/malloc_files.h"
#include "program/shim.h"
#include "util/environment.h"
#include "util/text.h"

/* What execvp() takes where PATH is not set: confstr(_CS_PATH). */
#define COMMAND_DEFAULT_PATH "/bin:/usr/bin"
#define COMMAND_CAPABILITIES "security.capability"

/* Whether execve() would take the file: 0, or its -errno. Its stat is for setuid. */
static int command_check(const struct root *root, const char *path, struct stat *ret)
{
	int r = root_stat(root, path, ret);

	if (r < 0)
		return r;
	/* A folder's x bit means something else; execve() says EACCES, too. */
	if (!S_ISREG(ret->st_mode) || !(ret->st_mode & 0111))
		return -EACCES;
	/* Sees noexec mounts and ACLs as well. */
	if (!root->live || faccessat(root->fd, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* Older seccomp profiles refuse the call itself, faccessat2: that says nothing. */
	return errno == EPERM || errno == ENOSYS ? 0 : -errno;
}

/* Errors at which execvp() goes on with the next folder. */
static bool command_is_search_error(int r)
{
	return r == -EACCES || r == -ENOENT || r == -ESTALE || r == -ENOTDIR || r == -ENODEV || r == -ETIMEDOUT;
}

static int command_search(const struct root *root, struct mem *m, const char *const *environment, const char *name,
			  char **ret_path, bool *ret_behind_shim)
{
	const char *folders = environment_get(environment, "PATH");
	int result = -ENOENT;
	struct stat st;

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		*ret_path = mem_strdup(m, name);
		return command_check(root, name, &st);
	}
	if (!folders)
		folders = COMMAND_DEFAULT_PATH;
	for (;;) {
		size_t length = strcspn(folders, ":");
		/* An empty field is the working directory. */
		char *path = length ? mem_printf(m, "%.*s/%s", (int)length, folders, name) :
				      mem_printf(m, "./%s", name);
		int r = command_check(root, path, &st);

		/* A shim stands for what comes behind it. */
		if (r == 0 && strcmp(name, "allocrun") != 0 && shim_is_launcher(root, path)) {
			*ret_behind_shim = true;
			r = -ENOENT;
		}
		if (r == 0 || !command_is_search_error(r)) {
			*ret_path = path;
			return r;
		}
		/* The shell and env report the one that may not be executed, not the last. */
		if (r == -EACCES && result != -EACCES) {
			result = r;
			*ret_path = path;
		}
		if (!folders[length])
			return result;
		folders += length + 1;
	}
}

int command_find(const struct root *root, struct mem *m, const char *const *environment, const char *name,
		 char **ret_path)
{
	bool is_behind_shim;

	return command_search(root, m, environment, name, ret_path, &is_behind_shim);
}

static void command_note_owner(const struct stat *st, struct command_facts *facts)
{
	facts->is_setuid = (st->st_mode & S_ISUID) != 0;
	/* Without the group's x bit it used to mean mandatory locking. */
	facts->is_setgid = (st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
	facts->owner_uid = st->st_uid;
	facts->owner_gid = st->st_gid;
}

static void command_detect_privilege(const struct root *root, int fd, struct command_facts *facts)
{
	struct statvfs filesystem;
	bool is_privileged;

	if (fgetxattr(fd, COMMAND_CAPABILITIES, NULL, 0) >= 0)
		facts->file_capabilities = TRI_YES;
	else if (errno == ENODATA || errno == ENOTSUP)
		facts->file_capabilities = TRI_NO;
	is_privileged = facts->is_setuid || facts->is_setgid || facts->file_capabilities == TRI_YES;
	/* Only asked where it makes a difference. */
	if (root->live && is_privileged && fstatvfs(fd, &filesystem) == 0)
		facts->nosuid = filesystem.f_flag & ST_NOSUID ? TRI_YES : TRI_NO;
}

static bool command_is_script(const struct elf_reader *reader)
{
	return reader->head_size >= 4 && memcmp(reader->head, ELFMAG, SELFMAG) != 0;
}

/*
 * The next file of a "#!" chain: 0 with its path, -errno with what goes wrong. Through
 * "env", to the program that it will find; env itself is glibc's or musl's as that is.
 */
static int command_next(const struct root *root, struct mem *m, const char *const *environment,
			const struct elf_reader *reader, struct command_facts *facts, char **ret_path)
{
	char *interpreter, *argument, *program;
	struct stat st;
	int r;

	/* The kernel refuses it, and execvp() gives it to the shell, as every shell does. */
	if (memcmp(reader->head, "#!", 2) != 0) {
		*ret_path = mem_strdup(m, _PATH_BSHELL);
		return facts->n_chain == 1 ? 0 : -ENOEXEC;
	}
	r = command_parse_script(m, reader->head, reader->head_size, &interpreter, &argument);

	if (r < 0)
		return r;
	r = command_check(root, interpreter, &st);
	if (r < 0) {
		/* The kernel refuses the script for its interpreter's sake. */
		facts->error = r;
		return r;
	}
	if (strcmp(text_basename(interpreter), "env") != 0 || !argument) {
		*ret_path = interpreter;
		return 0;
	}
	program = command_parse_env(m, argument);
	return program ? command_find(root, m, environment, program, ret_path) : -ENOENT;
}

/* Follows the chain to the file that the kernel loads in the end. */
static void command_follow(const struct root *root, struct mem *m, const char *const *environment, char *path,
			   struct command_facts *facts)
{
	struct elf_reader reader;
	struct elf_file file;
	struct stat st;

	for (;;) {
		int r = elf_reader_open(root, path, &reader);

		facts->chain[facts->n_chain++] = path;
		if (r < 0) {
			facts->elf.problem = r;
			/* To be executed, but not to be read. */
			if (root_stat(root, path, &st) == 0)
				command_note_owner(&st, facts);
			return;
		}
		if (!command_is_script(&reader)) {
			elf_parse_reader(&reader, m, &facts->elf, &file);
			if (facts->elf.problem == 0)
				facts->malloc_role = malloc_role_of(&file);
			break;
		}
		r = facts->n_chain > COMMAND_CHAIN_MAX ? -ELOOP :
							 command_next(root, m, environment, &reader, facts, &path);
		elf_reader_close(&reader);
		if (r < 0) {
			facts->elf.problem = r;
			return;
		}
	}
	command_note_owner(&reader.status, facts);
	command_detect_privilege(root, reader.fd, facts);
	elf_reader_close(&reader);
}

static bool command_has_malloc(const struct command_facts *program)
{
	for (size_t i = 0; i < program->elf.n_needed; i++) {
		if (preload_allocator_of(program->elf.needed[i]) || preload_sanitizer_of(program->elf.needed[i]))
			return true;
	}
	return program->malloc_role != MALLOC_NONE;
}

/*
 * Does what is preloaded for the program suit the wrapper, which has it first? A static one hands it on
 * unseen. And is it for the program at all? Else that is one of the children that children.so keeps it from,
 * and the wrapper what there is to speak of.
 */
static bool command_can_stand_before(const struct command_facts *wrapper, const struct command_facts *program)
{
	if (program->elf.problem || !program->elf.interpreter || command_has_malloc(program) || wrapper->elf.problem ||
	    wrapper->is_setuid || wrapper->is_setgid)
		return false;
	return !wrapper->elf.interpreter ||
	       (wrapper->libc == program->libc && wrapper->elf.bits == program->elf.bits &&
		strcmp(wrapper->elf.machine, program->elf.machine) == 0 && !command_has_malloc(wrapper));
}

/* "env NAME=VALUE... PROGRAM" */
static bool command_is_env_alone(const char *const *argv, const char *const *program)
{
	bool is_env = strcmp(text_basename(*argv++), "env") == 0;

	while (argv != program && *argv && strchr(*argv, '='))
		argv++;
	return is_env && argv == program;
}

/* The program behind wrappers; where it cannot be known, or found, it is the wrapper that is spoken of. */
static void command_look_behind(const struct root *root, struct mem *m, const char *const *argv,
				const char *const *environment, struct command_facts *facts)
{
	struct command_facts program = *facts;
	struct wrapped wrapped;
	char *path;

	wrapper_look_behind(m, argv, &wrapped);
	if (wrapped.argv == argv || wrapped.is_elsewhere || facts->n_chain != 1 ||
	    command_find(root, m, environment, *wrapped.argv, &path) != 0)
		return;
	program.elf = (struct elf_facts){ .page_size = FACT_UNKNOWN };
	program.libc = LIBC_UNKNOWN;
	program.malloc_role = MALLOC_UNREAD;
	command_follow(root, m, environment, path, &program);
	command_detect_libc(root, m, &program);
	/* env is in front of a server as of a script's interpreter: then what cannot be is said. */
	if (command_is_env_alone(argv, wrapped.argv) || command_can_stand_before(facts, &program))
		*facts = program;
}

void command_detect(const struct root *root, struct mem *m, const char *const *argv, const char *const *environment,
		    struct command_facts *ret)
{
	char *path = NULL;

	*ret = (struct command_facts){
		.elf = { .page_size = FACT_UNKNOWN },
		.libc_minor = FACT_UNKNOWN,
		.owner_uid = FACT_UNKNOWN,
		.owner_gid = FACT_UNKNOWN,
		.file_capabilities = TRI_UNKNOWN,
		.nosuid = TRI_UNKNOWN,
	};
	if (!argv || !argv[0])
		return;
	ret->name = mem_strdup(m, argv[0]);
	ret->error = command_search(root, m, environment, argv[0], &path, &ret->is_behind_shim);
	if (ret->error == -ENOENT || ret->error == -ENOTDIR)
		path = NULL;
	ret->path = path;
	if (ret->error < 0) {
		ret->elf.problem = ret->error;
		return;
	}
	command_follow(root, m, environment, path, ret);
	command_detect_libc(root, m, ret);
	command_look_behind(root, m, argv, environment, ret);
}
