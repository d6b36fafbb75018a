/* SPDX-License-Identifier: Apache-2.0 */
/* --here: which processes are the container that the audit runs in, from inside. */
#include <stdlib.h>
#include <string.h>

#include "known/inits.h"
#include "live/context.h"
#include "util/text.h"

/* Chains of parents are short; a made-up one may be a ring. */
#define HERE_GENERATIONS_MAX 4096

struct here {
	const struct live_context *c;
	const char *cgroups;        /* the text of our own /proc/PID/cgroup; NULL = there is none */
	struct process_stat *stats; /* of our cgroups, sorted by PID */
	size_t n;
};

/* Is each of the other's cgroups ours or below ours? A path of another container has ".." or another name. */
static bool here_is_below(const char *ours, const char *theirs)
{
	while (ours && *ours) {
		size_t length = strcspn(ours, "\n");

		/* Ours is the root of the namespace: all but what is outside. */
		if (length && ours[length - 1] == '/')
			length--;
		if (!theirs || strncmp(ours, theirs, length) != 0 || !strchr("/\n", theirs[length]) ||
		    text_starts_with(theirs + length, "/.."))
			return false;
		ours = text_next_line(ours);
		theirs = text_next_line(theirs);
	}
	return true;
}

static int here_compare(const void *a, const void *b)
{
	const struct process_stat *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static const struct process_stat *here_find(const struct here *here, int64_t pid)
{
	const struct process_stat key = { .pid = pid };

	return here->n ? bsearch(&key, here->stats, here->n, sizeof key, here_compare) : NULL;
}

static void here_list(struct here *here)
{
	const struct live_context *c = here->c;
	char **names, *text;

	if (root_list(c->root, c->m, "/proc", "", &names) < 0)
		return;
	for (; *names; names++) {
		struct process_stat stat;

		if (!text_is_digits(*names) || stat_read(c->root, strtoll(*names, NULL, 10), &stat) < 0 ||
		    stat.is_kernel_thread)
			continue;
		if (here->cgroups &&
		    (root_read_record(c->root, c->m, mem_printf(c->m, "/proc/%s/cgroup", *names), &text) < 0 ||
		     !here_is_below(here->cgroups, text)))
			continue;
		*MEM_PUSH(c->m, here->stats, here->n) = stat;
	}
	if (here->n)
		qsort(here->stats, here->n, sizeof *here->stats, here_compare);
}

/* The topmost of its ancestors that is in the container, too. */
static const struct process_stat *here_find_top(const struct here *here, const struct process_stat *process)
{
	for (int i = 0; i < HERE_GENERATIONS_MAX; i++) {
		const struct process_stat *parent = here_find(here, process->parent);

		if (!parent || parent == process)
			break;
		process = parent;
	}
	return process;
}

/* The container's own tree is older than all that was executed into it. */
static const struct process_stat *here_find_oldest(const struct here *here, int64_t self)
{
	const struct process_stat *oldest = NULL;

	for (size_t i = 0; i < here->n; i++) {
		const struct process_stat *top = here_find_top(here, &here->stats[i]);

		if (here->stats[i].pid != self && (!oldest || top->start_time < oldest->start_time ||
						   (top->start_time == oldest->start_time && top->pid < oldest->pid)))
			oldest = top;
	}
	return oldest;
}

/* The check itself, and the shells that it was called by, but not the server where that called it. */
static bool here_is_caller(const struct here *here, const struct process_stat *process, int64_t self,
			   const struct process_stat *top)
{
	const struct process_stat *at = here_find(here, self);

	if (process == top)
		return process->pid == self;
	for (int i = 0; at && i < HERE_GENERATIONS_MAX; i++) {
		if (at == process)
			return true;
		at = here_find(here, at->parent);
	}
	return false;
}

const char *here_select(const struct live_context *c, int64_t **ret, size_t *ret_n)
{
	struct here here = { .c = c };
	const struct process_stat *top;
	struct process_stat self;
	int64_t *pids = NULL;
	char *text;
	size_t n = 0;

	if (stat_read(c->root, 0, &self) < 0)
		return "/proc cannot be read, so the container's processes are not known";
	if (root_read_record(c->root, c->m, "/proc/self/cgroup", &text) == 0)
		here.cgroups = text;
	here_list(&here);
	top = here_find_oldest(&here, self.pid);
	for (size_t i = 0; i < here.n; i++) {
		const struct process_stat *process = &here.stats[i];

		if (here_find_top(&here, process) != top || here_is_caller(&here, process, self.pid, top) ||
		    (process == top && text_has_word(KNOWN_INITS, process->name)))
			continue;
		*MEM_PUSH(c->m, pids, n) = process->pid;
	}
	if (!n)
		return "there is no process in this container besides the check";
	*ret = pids;
	*ret_n = n;
	return NULL;
}
