/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROGRAM_COMMAND_H
#define ALLOCRUN_PROGRAM_COMMAND_H

#include "program/elf_reader.h"

/* The command that is asked for, and the ELF file behind it -> struct command_facts. */
void command_detect(const struct root *root, struct mem *m, const char *const *argv, const char *const *environment,
		    struct command_facts *ret);
/* Fills libc_minor: eight system calls that only a build with a newer glibc is worth. */
void command_detect_glibc_version(const struct root *root, struct mem *m, struct command_facts *facts);

/*
 * The parts of the command's detection: command.c finds files as exec does,
 * command_script.c reads "#!" lines, command_libc.c finds out about the C library.
 */

/* As execvp() finds it on PATH, past shims (program/shim.h). */
int command_find(const struct root *root, struct mem *m, const char *const *environment, const char *name,
		 char **ret_path);

/*
 * The "#!" line at the start of a file, split as Linux does: interpreter and at most
 * one argument (NULL = none). -ENOEXEC: no such line, or one that Linux refuses. Pure.
 */
int command_parse_script(struct mem *m, const unsigned char *bytes, size_t size, char **ret_interpreter,
			 char **ret_argument);
/*
 * The program that env(1) with this one argument would run: behind options and
 * NAME=VALUE. NULL when it names none. Pure.
 */
char *command_parse_env(struct mem *m, const char *argument);

/* Fills libc from what elf.interpreter says. */
void command_detect_libc(const struct root *root, struct mem *m, struct command_facts *facts);

#endif
