/* SPDX-License-Identifier: Apache-2.0 */
/* What a version comes in, and how its tree comes out: a tarball, a Debian package, an RPM package. No database hears
 * of it. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/command.h"
#include "util/path.h"
#include "util/retry.h"
#include "util/text.h"

#define ARTEFACT_SECONDS 600
#define ARTEFACT_PROGRAM "allocrun"
#define ARTEFACT_PREFIX ARTEFACT_PROGRAM "-"
#define ARTEFACT_MAGIC_MAX 8

/*
 * A package's own system knows best what is in it: what these programs make of it is a tar, for the same tar as the
 * tarball. Scripts: $1 is the package, $2 where the tar goes.
 */
static const struct artefact_kind {
	const char *name, *magic;
	const char *programs;      /* that have to be there */
	const char *tell, *to_tar; /* NULL: it is a tar, and its folder has the version */
} kinds[] = {
	{ "a Debian package", "!<arch>\n", "dpkg-deb tar", "exec dpkg-deb --field \"$1\" Package Version",
	  "exec dpkg-deb --fsys-tarfile \"$1\" >\"$2\"" },
	/* From standard input: rpm takes a name for a pattern, or for a URL. */
	{ "an RPM package", "\xed\xab\xee\xdb", "rpm rpm2archive tar gzip",
	  "exec rpm -qp --nosignature --queryformat 'Package: %{name}\\nVersion: %{version}\\n' - <\"$1\"",
	  "exec rpm2archive - <\"$1\" >\"$2\"" },
	/* Or nothing that we know, of which tar says the same in its own words. */
	{ "a tarball", "", "tar gzip", NULL, NULL },
};

extern char **environ;

static const struct artefact_kind *artefact_find_kind(const char *path)
{
	char start[ARTEFACT_MAGIC_MAX] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct artefact_kind *kind = kinds;

	if (fd >= 0) {
		if (retry_pread(fd, start, sizeof start, 0) < 0)
			*start = '\0';
		close(fd);
	}
	while (memcmp(start, kind->magic, strlen(kind->magic)) != 0)
		kind++;
	return kind;
}

static int artefact_check_programs(struct node *n, const struct artefact_kind *kind)
{
	const char *cursor = kind->programs;
	char *program, *path;

	while ((program = text_next_piece(n->m, &cursor, ' '))) {
		if (command_find(&root_machine, n->m, (const char *const *)(uintptr_t)environ, program, &path) < 0)
			return node_say(n, NODE_REFUSED,
					"%s: is %s, which wants %s to be unpacked, and that is not here: %s",
					n->o->argument, kind->name, program,
					kind->to_tar ? "install it, or take the tarball" : "install it");
	}
	return NODE_DONE;
}

static int artefact_run(struct node *n, const char *script, const char *path, const char *to, char **ret_out)
{
	return run_program(n->m, (const char *const[]){ "/bin/sh", "-c", script, "sh", path, to, NULL },
			   ARTEFACT_SECONDS, ret_out);
}

/* A full disk is what tar says second: first how little of a file it has written. */
static const char *artefact_find_reason(struct mem *m, const char *out)
{
	for (const char *line = out; line; line = text_next_line(line)) {
		const char *one = run_first_line(m, line);

		if (strstr(one, strerror(ENOSPC)))
			return one;
	}
	return run_first_line(m, out);
}

static int artefact_say_broken(struct node *n, int r, const char *out)
{
	return node_say(n, NODE_REFUSED, "%s: cannot be unpacked: %s", n->o->argument,
			r < 0 ? strerror(-r) : artefact_find_reason(n->m, out));
}

/* A warning before it is no reason to stop. NULL: not said. */
static char *artefact_find_field(struct mem *m, const char *out, const char *name)
{
	for (const char *line = out; line; line = text_next_line(line)) {
		if (text_starts_with(line, name))
			return text_dup_line(m, line + strlen(name));
	}
	return NULL;
}

/* A folder's name, and a word in LD_PRELOAD, where a colon ends one. */
static int artefact_check_version(struct node *n, const char *version)
{
	return node_is_name(version) ? NODE_DONE :
				       node_say(n, NODE_REFUSED, "%s: its version '%s' can be no folder's name",
						n->o->argument, version);
}

int artefact_open(struct node *n, struct artefact *ret)
{
	const char *name;
	char *out = NULL;
	int r;

	/* Before its first slash a colon would be another machine's, for tar. */
	ret->path = *n->o->argument == '/' ? n->o->argument : mem_printf(n->m, "./%s", n->o->argument);
	ret->kind = artefact_find_kind(ret->path);
	ret->version = NULL;
	r = artefact_check_programs(n, ret->kind);
	if (r != NODE_DONE || !ret->kind->tell)
		return r;
	r = artefact_run(n, ret->kind->tell, ret->path, "", &out);
	if (r != 0)
		return artefact_say_broken(n, r, out);
	name = artefact_find_field(n->m, out, "Package: ");
	ret->version = artefact_find_field(n->m, out, "Version: ");
	if (!name || !ret->version)
		return artefact_say_broken(n, 0, out);
	if (strcmp(name, ARTEFACT_PROGRAM) != 0)
		return node_say(n, NODE_REFUSED, "%s: no artefact of allocrun: the package's name is %s",
				n->o->argument, run_first_line(n->m, name));
	return artefact_check_version(n, ret->version);
}

/* The one thing that is in the folder; NULL: there is another number of them. */
static char *artefact_find_only(struct mem *m, const char *folder)
{
	char **names;

	return root_list(&root_machine, m, folder, "", &names) == 0 && names[0] && !names[1] ? names[0] : NULL;
}

static int artefact_find_tree(struct node *n, struct artefact *a, const char *folder, char **ret_tree)
{
	char *only = artefact_find_only(n->m, folder);

	if (a->kind->to_tar && (!only || strcmp(only, "usr") != 0))
		return node_say(n, NODE_REFUSED, "%s: no artefact of allocrun: it has more than what is in /usr",
				n->o->argument);
	if (!a->kind->to_tar && (!only || !text_starts_with(only, ARTEFACT_PREFIX)))
		return node_say(n, NODE_REFUSED,
				"%s: no artefact of allocrun: it has no single folder " ARTEFACT_PREFIX "VERSION",
				n->o->argument);
	if (!a->kind->to_tar)
		a->version = only + strlen(ARTEFACT_PREFIX);
	*ret_tree = mem_printf(n->m, "%s/%s", folder, only);
	return artefact_check_version(n, a->version);
}

int artefact_unpack(struct node *n, struct artefact *a, const char *folder, char **ret_tree)
{
	const char *tar = a->kind->to_tar ? mem_printf(n->m, "%s/tar", folder) : a->path;
	const char *files = mem_printf(n->m, "%s/files", folder);
	char *out = NULL;
	int r = mkdir(files, 0755) < 0 ? -errno : 0;

	if (r == 0 && a->kind->to_tar)
		r = artefact_run(n, a->kind->to_tar, a->path, tar, &out);
	/* Whose files they are, and what else than 755 and 644 they may be, is not for an artefact to say. */
	if (r == 0)
		r = run_program(n->m,
				(const char *const[]){ "tar", a->kind->to_tar ? "-xf" : "-xzf", tar, "-C", files,
						       "--no-same-owner", "--no-same-permissions", NULL },
				ARTEFACT_SECONDS, &out);
	if (r != 0)
		return artefact_say_broken(n, r, out);
	return artefact_find_tree(n, a, files, ret_tree);
}
