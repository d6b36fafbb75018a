/* SPDX-License-Identifier: Apache-2.0 */
/* An artefact, verified, beside the versions that are there: as a whole or not at all. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/catalog.h"
#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

int stage_verify_signature(struct node *n)
{
	const struct node_options *o = n->o;
	/* ssh-keygen takes what is signed from its standard input alone. */
	static const char script[] = "exec ssh-keygen -Y verify -n allocrun -I \"$1\" -f \"$2\" -s \"$3\" <\"$4\"";
	char *signers, *out = NULL, *end;
	int r;

	if (!o->signature)
		return NODE_DONE;
	if (!o->signers || !o->sums)
		return node_say(n, NODE_USAGE, "--signature wants --sums and --signers as well");
	r = root_read(&root_machine, n->m, o->signers, 256 * 1024, &signers, NULL);
	if (r < 0)
		return node_say(n, NODE_REFUSED, "%s: %s", o->signers, strerror(-r));
	end = signers + strcspn(signers, " \t\n");
	*end = '\0';
	r = run_program(n->m,
			(const char *const[]){ "/bin/sh", "-c", script, "sh", signers, o->signers, o->signature,
					       o->sums, NULL },
			60, &out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_REFUSED, "%s: its signature does not hold: %s", o->sums,
				 run_first_line(n->m, out));
}

static int stage_verify_sum(struct node *n, const char *sha256)
{
	const char *name = text_basename(n->o->argument);
	char *sums;
	int r;

	if (!n->o->sums)
		return NODE_DONE;
	r = root_read(&root_machine, n->m, n->o->sums, 1024 * 1024, &sums, NULL);
	if (r < 0)
		return node_say(n, NODE_REFUSED, "%s: %s", n->o->sums, strerror(-r));
	for (const char *line = sums; line; line = text_next_line(line)) {
		const char *one = text_dup_line(n->m, line);

		if (strlen(one) > 66 && strcmp(one + 66, name) == 0)
			return strncmp(one, sha256, 64) == 0 ?
				       NODE_DONE :
				       node_say(n, NODE_REFUSED, "%s: not the bytes that %s names: fetch it anew",
						n->o->argument, n->o->sums);
	}
	return node_say(n, NODE_REFUSED, "%s: %s does not name it", n->o->argument, n->o->sums);
}

/* Of an ELF file: class, byte order, machine. */
static bool stage_is_of_this_machine(const char *program)
{
	unsigned char here[20], there[20];
	int a = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), b = open(program, O_RDONLY | O_CLOEXEC);
	bool is_same = a >= 0 && b >= 0 && pread(a, here, 20, 0) == 20 && pread(b, there, 20, 0) == 20 &&
		       memcmp(here, there, 6) == 0 && memcmp(here + 18, there + 18, 2) == 0;

	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return is_same;
}

/*
 * What one that was killed has left goes: only who holds the lock comes here. Its tar may still be at work, in a folder
 * whose name ours is not.
 */
static int stage_unpack(struct node *n, const char *beside, struct artefact *artefact, char **ret_tree)
{
	char *folder = mem_printf(n->m, "%s/XXXXXX", beside);
	int r;

	replace_remove(beside);
	r = replace_make_folder(beside);
	if (r == 0 && !mkdtemp(folder))
		r = -errno;
	if (r < 0)
		return node_say(n, NODE_FAILED, "%s: %s", beside, strerror(-r));
	r = artefact_unpack(n, artefact, folder, ret_tree);
	if (r == NODE_DONE)
		r = tree_check(n, *ret_tree);
	if (r == NODE_DONE && !stage_is_of_this_machine(mem_printf(n->m, "%s/bin/allocrun", *ret_tree)))
		return node_say(n, NODE_REFUSED, "%s: of another machine than this: take the artefact for this one",
				n->o->argument);
	return r;
}

/* The rename must not reach the disk before the bytes. Of this file system alone: others may have much to write. */
static int stage_sync(const char *tree)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = syncfs(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int stage_keep(struct node *n, const char *tree, const char *version, const char *sha256)
{
	const char *place = node_version_path(n, version), *mark = mem_printf(n->m, "%s/.artefact", place);
	char *known;
	struct stat st;
	int r;

	if (lstat(place, &st) == 0) {
		if (root_read(&root_machine, n->m, mark, 256, &known, NULL) == 0 && strcmp(known, sha256) == 0)
			return NODE_DONE;
		return node_say(n, NODE_REFUSED, "%s: is there, from other bytes: give the release another version",
				place);
	}
	r = replace_file(n->m, mem_printf(n->m, "%s/.artefact", tree), sha256);
	if (r == 0)
		r = stage_sync(tree);
	if (r == 0 && rename(tree, place) < 0)
		r = -errno;
	if (r == 0)
		r = save_sync_folder(n, mem_printf(n->m, "%s/versions", n->o->root));
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s", place, strerror(-r)) : NODE_DONE;
}

int node_stage(struct node *n)
{
	const char *beside = mem_printf(n->m, "%s/versions/.staging", n->o->root);
	struct journal *j = &n->journal;
	struct artefact artefact;
	char *sha256, *tree = NULL;
	int r;

	if (j->state == NODE_APPLIED || j->state == NODE_GATED || j->state == NODE_REVERTING ||
	    j->state == NODE_STATE_STUCK)
		return node_say(n, j->state == NODE_STATE_STUCK ? NODE_STUCK : NODE_REFUSED,
				"version %s is %s: confirm or revert it first", j->version, node_state_names[j->state]);
	r = digest_file(&root_machine, n->m, n->o->argument, &sha256);
	if (r < 0)
		return node_say(n, NODE_REFUSED, "%s: %s", n->o->argument, strerror(-r));
	r = stage_verify_signature(n);
	if (r == NODE_DONE)
		r = stage_verify_sum(n, sha256);
	if (r == NODE_DONE)
		r = artefact_open(n, &artefact);
	if (r != NODE_DONE)
		return r;
	r = stage_unpack(n, beside, &artefact, &tree);
	if (r == NODE_DONE && tree)
		r = stage_keep(n, tree, artefact.version, sha256);
	replace_remove(beside);
	if (r != NODE_DONE)
		return r;
	if (node_current(n) && strcmp(node_current(n), artefact.version) == 0 && j->state == NODE_CONFIRMED)
		return node_say(n, NODE_DONE, "version %s is confirmed: nothing to do", artefact.version);
	*j = (struct journal){ .state = NODE_STAGED,
			       .version = artefact.version,
			       .sha256 = sha256,
			       .owner = n->o->owner ? mem_strdup(n->m, n->o->owner) : NULL };
	r = journal_write(n);
	return r == NODE_DONE ? node_say(n, NODE_DONE, "version %s staged", artefact.version) : r;
}
