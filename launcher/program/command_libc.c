/* SPDX-License-Identifier: Apache-2.0 */
#include "program/command.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

#define COMMAND_LIBC "libc.so.6"

/* By the loader's file name. */
static enum libc_kind command_libc_of(const char *loader)
{
	const char *name = text_basename(loader);

	if (text_starts_with(name, "ld-musl-"))
		return LIBC_MUSL;
	/* ld64.so.* on POWER and s390x, ld.so.1 on s390; ld-2.31.so before 2.34. */
	if (text_starts_with(name, "ld-linux") || text_starts_with(name, "ld64.so.") ||
	    text_starts_with(name, "ld.so.") || text_starts_with(name, "ld-2."))
		return LIBC_GLIBC;
	return LIBC_OTHER;
}

/* Where Debian keeps the libraries of a machine. */
static const char *command_triplet(const char *machine, char *buffer, size_t size)
{
	static const struct {
		const char *machine, *triplet;
	} others[] = {
		{ "i686", "i386-linux-gnu" },
		{ "armv7l", "arm-linux-gnueabihf" },
		{ "ppc64le", "powerpc64le-linux-gnu" },
		{ "loongarch64", "loongarch64-linux-gnu" },
	};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (strcmp(machine, others[i].machine) == 0)
			return others[i].triplet;
	}
	snprintf(buffer, size, "%s-linux-gnu", machine);
	return buffer;
}

/* False when there is no such library, or one for another machine. */
static bool command_read_glibc(const struct root *root, struct mem *m, const char *folder, struct command_facts *facts)
{
	struct elf_reader reader;
	struct elf_facts elf;
	struct elf_file file;
	bool is_found = false;

	if (elf_reader_open(root, mem_printf(m, "%s/" COMMAND_LIBC, folder), &reader) < 0)
		return false;
	elf_parse_reader(&reader, m, &elf, &file);
	if (elf.problem == 0 && elf.bits == facts->elf.bits && strcmp(elf.machine, facts->elf.machine) == 0)
		is_found = elf_glibc_minor(&file, m, &facts->libc_minor) == 0;
	elf_reader_close(&reader);
	return is_found;
}

/* The loader loads the libc of its own package: next to it, then where distributions keep it. */
static void command_find_glibc(const struct root *root, struct mem *m, const char *loader, struct command_facts *facts)
{
	char buffer[64];
	const char *triplet = command_triplet(facts->elf.machine, buffer, sizeof buffer);
	const char *folders[] = {
		text_dirname(m, loader),
		text_dirname(m, facts->elf.interpreter),
		mem_printf(m, "/lib/%s", triplet),
		mem_printf(m, "/usr/lib/%s", triplet),
		facts->elf.bits == 64 ? "/lib64" : "/lib32",
		facts->elf.bits == 64 ? "/usr/lib64" : "/usr/lib32",
		"/lib",
		"/usr/lib",
	};

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (command_read_glibc(root, m, folders[i], facts))
			return;
	}
}

/* Where the loader really lies: its name is a link into the libc's folder. */
static const char *command_find_loader(const struct root *root, struct mem *m, const char *interpreter)
{
	char target[PATH_MAX];

	if (root_readlink(root, interpreter, target, sizeof target) < 0)
		return interpreter;
	return target[0] == '/' ? mem_strdup(m, target) : mem_printf(m, "%s/%s", text_dirname(m, interpreter), target);
}

void command_detect_libc(const struct root *root, struct mem *m, struct command_facts *facts)
{
	const char *loader;

	if (!facts->elf.interpreter)
		return;
	facts->libc = command_libc_of(facts->elf.interpreter);
	if (facts->libc != LIBC_GLIBC)
		return;
	loader = command_find_loader(root, m, facts->elf.interpreter);
	/* Alpine's gcompat gives glibc programs musl under the loader's usual name. */
	if (strstr(loader, "musl") || strstr(loader, "gcompat"))
		facts->libc = LIBC_MUSL;
}

void command_detect_glibc_version(const struct root *root, struct mem *m, struct command_facts *facts)
{
	if (facts->libc == LIBC_GLIBC)
		command_find_glibc(root, m, command_find_loader(root, m, facts->elf.interpreter), facts);
}
