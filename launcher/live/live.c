/* SPDX-License-Identifier: Apache-2.0 */
#include "live/live.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "live/context.h"
#include "live/guard.h"

/* A tree that grows while it is looked at is followed so many times. */
#define LIVE_ROUNDS 4
#define LIVE_GENERATIONS_MAX 16
/* So many are looked at: nobody reads a report about more, and each takes 4 KiB and more. */
#define LIVE_PROCESSES_MAX 3072

/*
 * One live_detect(). Helpers write into it, and it lies in memory that they share. One that is
 * ended in the middle of a look leaves what was known before it: contexts[known].
 */
struct live_run {
	struct live_context contexts[2];
	_Atomic int known;
	struct live_owner owners[LIVE_OWNERS_MAX];
	struct live_waits waits[LIVE_OWNERS_MAX]; /* by owner, as are the accounts */
	int64_t accounts[LIVE_OWNERS_MAX];
	struct turns turns;
	struct turn items[LIVE_PROCESSES_MAX];
	int64_t pids[LIVE_PROCESSES_MAX]; /* by turn, as are the processes */
	struct live_process processes[LIVE_PROCESSES_MAX];
};

static const struct live_process *live_find(const struct live_facts *facts, int64_t pid)
{
	for (size_t i = 0; i < facts->n_processes; i++) {
		if (facts->processes[i].pid == pid)
			return &facts->processes[i];
	}
	return NULL;
}

bool live_has_anybody(const struct live_facts *live)
{
	for (size_t i = 0; i < live->n_processes; i++) {
		enum live_state state = live->processes[i].state;

		if (state == LIVE_RUNNING || state == LIVE_DENIED || state == LIVE_UNREADABLE)
			return true;
	}
	return false;
}

static bool live_is_known(const struct live_run *run, int64_t pid)
{
	for (size_t at = 0; at < run->turns.n; at++) {
		if (run->pids[at] == pid)
			return true;
	}
	return false;
}

/* Children were launched with their parents: they share the record. */
static void live_inherit_records(struct live_facts *facts)
{
	struct live_process *own = facts->processes, *end = own ? own + facts->n_processes : NULL;

	for (; own < end; own++) {
		const struct live_process *p = own;

		/* One step where parents stand before their children; a cgroup lists them in any order. */
		for (int step = 0; p && !p->record && step < LIVE_GENERATIONS_MAX; step++)
			p = live_find(facts, p->parent);
		own->record = p ? p->record : NULL;
	}
}

/* "PID 12": it is a thread of process 10, and the process is looked at. */
static const char *live_name_asked(struct mem *m, const struct live_request *request, const int64_t *pids, size_t n)
{
	if (request->selector != LIVE_PID || n == 0 || pids[0] == strtoll(request->text, NULL, 10))
		return NULL;
	return mem_printf(m, "PID %s (a thread of process %lld)", request->text, (long long)pids[0]);
}

/* Why a process was not looked at, or not to the end. */
static char *live_explain_turn(struct mem *m, const struct live_request *request, enum turn_state state)
{
	static const char *const words[] = {
		[TURN_SILENT] = "reading it did not end: a file system that it uses does not answer in "
				"time, or its memory is locked",
		[TURN_TOO_BIG] = "looking at it takes more memory than the audit allows itself",
		[TURN_FATAL] = "the helper of the audit that looked at it ended",
		[TURN_FORSAKEN] = "not looked at: reading others of its owner's hangs, and cannot be ended",
	};

	if (state != TURN_LATE)
		return mem_strdup(m, words[state]);
	return mem_printf(m, "not looked at, or not to the end: its %lld s were over (--timeout)",
			  (long long)(guard_timeout_ms(request->guard) / 1000));
}

static void live_look(void *user, size_t at)
{
	struct live_run *run = user;
	int known = atomic_load(&run->known);
	struct live_context *c = &run->contexts[!known];

	*c = run->contexts[known];
	c->scratch = MEM_INIT;
	if (c->keeper != getpid()) {
		c->keeper = getpid();
		c->kept = MEM_INIT;
		c->programs = NULL;
		c->n_programs = 0;
	}
	c->waits = &run->waits[run->items[at].owner];
	live_detect_process(c, run->pids[at], &run->processes[at]);
	mem_free_all(&c->scratch);
	atomic_store(&run->known, !known);
}

/* The number of its owner; those beyond the last one share it. */
static uint32_t live_number_owner(struct live_run *run, const struct live_context *c, int64_t pid)
{
	const struct live_owner owner = owner_detect(c, pid);
	size_t i = 0;

	while (i < run->turns.n_owners && (run->owners[i].uid != owner.uid || run->owners[i].space != owner.space))
		i++;
	if (i == LIVE_OWNERS_MAX)
		return LIVE_OWNERS_MAX - 1;
	if (i == run->turns.n_owners)
		run->owners[run->turns.n_owners++] = owner;
	return (uint32_t)i;
}

/* Of `n` processes those that there is room for, as many of each owner as of any other; how many are left out. */
static size_t live_add_turns(struct live_run *run, struct live_context *c, const int64_t *pids, size_t n)
{
	size_t counts[LIVE_OWNERS_MAX] = { 0 }, room = LIVE_PROCESSES_MAX - run->turns.n, before = run->turns.n;
	uint32_t *owners = mem_alloc(c->m, n * sizeof *owners + 1);
	size_t share;

	for (size_t i = 0; i < n; i++) {
		owners[i] = live_number_owner(run, c, pids[i]);
		counts[owners[i]]++;
	}
	share = turns_share(counts, run->turns.n_owners, room);
	memset(counts, 0, sizeof counts);
	for (size_t i = 0; i < n; i++) {
		if (counts[owners[i]]++ >= share)
			continue;
		run->pids[run->turns.n] = pids[i];
		run->items[run->turns.n++] = (struct turn){ .owner = owners[i],
							    .state = guard_is_silent(c->request->guard, pids[i]) ?
									     TURN_SILENT :
									     TURN_WAITS };
	}
	return n - (run->turns.n - before);
}

/* All that the request asks for and that is not known yet. False: nobody. */
static bool live_select(struct live_run *run, struct live_context *c, struct mem *m, struct live_facts *facts)
{
	const struct live_request *request = c->request;
	const char *problem = NULL;
	size_t n, n_new = 0, before = run->turns.n;
	int64_t *pids = tree_select(c, &n, &problem);

	if (before == 0) {
		facts->problem = problem ? mem_strdup(m, problem) : NULL;
		facts->asked = live_name_asked(m, request, pids, n);
	}
	for (size_t i = 0; i < n; i++) {
		if (!live_is_known(run, pids[i]) && !guard_is_audit(request->guard, pids[i]))
			pids[n_new++] = pids[i];
	}
	facts->n_left_out = live_add_turns(run, c, pids, n_new);
	return run->turns.n > before;
}

/* What there is to say of those at which no look came to its end. */
static void live_explain_rest(struct live_run *run, const struct live_context *c)
{
	for (size_t at = 0; at < run->turns.n; at++) {
		enum turn_state state = run->items[at].state;

		if (state == TURN_DONE)
			continue;
		live_leave_out(c, run->pids[at], live_explain_turn(c->m, c->request, state), &run->processes[at]);
		if (state == TURN_SILENT)
			guard_note_silent(c->request->guard, run->pids[at]);
	}
}

void live_detect(const struct root *root, struct mem *m, const struct live_request *request, struct live_facts *ret)
{
	struct mem_shared *shared = guard_begin(request->guard, m);
	struct mem stock = mem_of_shared(shared), *found = shared ? &stock : m, passing = MEM_INIT;
	struct live_run *run = mem_alloc(found, sizeof *run);
	struct live_context selecting = { .root = root, .m = &passing, .request = request };
	const struct live_context ours = { .root = root, .m = m, .request = request };
	struct live_facts facts = { .page_size = (int64_t)getauxval(AT_PAGESZ), .processes = run->processes };

	run->contexts[0] = (struct live_context){
		.root = root, .m = found, .request = request, .memory = mem_alloc(found, sizeof(struct live_memory))
	};
	run->turns = (struct turns){ .items = run->items, .accounts = run->accounts };
	/* Again until nothing new has turned up: a server starts workers while we look. */
	for (int round = 0; round < LIVE_ROUNDS && live_select(run, &selecting, m, &facts); round++) {
		mem_free_all(&passing);
		guard_run(request->guard, shared, &run->turns, live_look, run);
	}
	mem_free_all(&passing);
	if (!shared)
		mem_free_all(&run->contexts[run->known].kept);
	live_explain_rest(run, &ours);
	facts.n_processes = run->turns.n;
	live_inherit_records(&facts);
	*ret = facts;
}
