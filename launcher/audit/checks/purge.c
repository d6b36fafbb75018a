/* SPDX-License-Identifier: Apache-2.0 */
/* Does somebody give back what a process has freed, while it is idle? Pure. */
#include "audit/checks/assess_process.h"

#include <inttypes.h>
#include <string.h>

#include "util/size.h"
#include "util/text.h"

/* Less is not worth a thread, nor a word: eight times the heap at which one is made (heap_mb). */
#define PURGE_BIG (INT64_C(256) << 20)
/* The thread sleeps at most 30 s (SLEEP_SECONDS of allocator/purge/purge.c): three of that. */
#define PURGE_STALE_MS 90000
/* A compiler or a script that has ended by then keeps nothing from anybody. */
#define PURGE_LONG_LIVED_SECONDS 60

static const char fix_thread[] =
	"raise its limit of processes (RLIMIT_NPROC, pids.max: systemd's TasksMax=, docker run "
	"--pids-limit) and restart; until then jemalloc purges while it allocates";
static const char fix_launch[] = "start it by allocrun; allocrun --explain -- COMMAND says why a launch leaves it out";
static const char fix_options[] =
	"start it by allocrun without background_thread and dirty_decay_ms of its own, or with "
	"--purge-thread thread:true; or MALLOC_CONF=background_thread:true";

bool audit_purge_runs(const struct live_process *p)
{
	const struct live_purge *purge = p->purge;

	return purge && purge->state == PURGE_THREAD_RUNS && purge->pid == p->status.inner_pid &&
	       purge->look_age_ms <= PURGE_STALE_MS;
}

/* What it has is worth a thread, and it has had the time to get one. */
static bool purge_is_worth_it(const struct live_process *p)
{
	int64_t held = p->allocator_resident != FACT_UNKNOWN ? p->allocator_resident : p->status.rss_anon;

	return held >= PURGE_BIG && (p->age_seconds == FACT_UNKNOWN || p->age_seconds >= PURGE_LONG_LIVED_SECONDS);
}

static const char *purge_describe_heap(struct mem *m, const struct live_process *p)
{
	return p->allocator_resident != FACT_UNKNOWN ?
		       mem_printf(m, "a heap of %s", size_format(m, p->allocator_resident)) :
		       mem_printf(m, "%s of anonymous memory", size_format(m, p->status.rss_anon));
}

/* Nobody purges, for `why`: of a small or young process that is well. */
static struct finding purge_judge_missing(struct mem *m, const struct live_process *p, const char *why, const char *fix)
{
	struct finding f;

	if (!purge_is_worth_it(p))
		return finding_ok(m, "%s; it has %s", why, purge_describe_heap(m, p));
	f = finding_warn(m, "%s, for %s: while it is idle it gives nothing back", why, purge_describe_heap(m, p));
	f.fix = fix;
	return f;
}

static void purge_list_reason(struct mem *m, const char **list, const char *name, const struct live_purged *purged)
{
	if (purged->times > 0)
		text_list(m, list,
			  mem_printf(m, "%s in %" PRId64 " purges by %s%s", size_format(m, purged->bytes),
				     purged->times, name,
				     purged->regrets > 0 ? mem_printf(m, " (%" PRId64 " too early)", purged->regrets) :
							   ""));
}

static struct finding purge_judge_running(struct mem *m, const struct live_purge *purge)
{
	const char *list = NULL;
	struct finding f;

	purge_list_reason(m, &list, "idleness", &purge->idle);
	purge_list_reason(m, &list, "demand", &purge->demand);
	purge_list_reason(m, &list, "pressure", &purge->pressure);
	list = list ? mem_printf(m, "gave back %s", list) : "had nothing to give back yet";
	if (purge->look_age_ms > PURGE_STALE_MS) {
		f = finding_warn(m, "the purge thread has not looked for %" PRId64 " s; it %s",
				 purge->look_age_ms / 1000, list);
		f.fix = "see whether the process is stopped or frozen (State in /proc/PID/status, cgroup.freeze), or "
			"gets no CPU";
		return f;
	}
	return finding_ok(m, "the purge thread runs, and %s", list);
}

/* Freed, kept, and no thread yet: as in a forked worker that allocates nothing more. */
static struct finding purge_judge_waiting(struct mem *m, const struct live_process *p)
{
	if (p->allocator_dirty >= PURGE_BIG)
		return purge_judge_missing(m, p,
					   mem_printf(m, "no purge thread yet, and %s are freed and kept",
						      size_format(m, p->allocator_dirty)),
					   "it comes with the next 8 MiB that are allocated; a worker that is forked "
					   "with a full heap: --conf dirty_decay_ms:0, or spawn instead of fork");
	return finding_ok(m, "no purge thread yet: it comes with a heap of %" PRId64 " MiB that is in use",
			  p->purge->heap_mb);
}

/* The launch looked at it and left it out: --explain and the record's plan say why. */
static bool purge_is_declined(const struct live_process *p)
{
	for (size_t i = 0; p->record && !p->record->problem && i < p->record->n_steps; i++) {
		const struct live_step *s = &p->record->steps[i];

		if (strcmp(s->name, PURGE_VARIABLE) == 0)
			return !s->value;
	}
	return false;
}

/* jemalloc's own threads, or none: by option, by the launch's decision, or because the build has none of ours. */
static struct finding purge_judge_without(struct mem *m, const struct live_process *p)
{
	const struct conf_item *background = conf_find(&p->options, "background_thread");
	const struct conf_item *decay = conf_find(&p->options, "dirty_decay_ms");
	bool is_asked_for = background && strcmp(background->value, "true") == 0;

	if (p->purge_threads > 0)
		return finding_ok(m, "jemalloc's own thread purges");
	if (is_asked_for && p->purge_threads == 0)
		return purge_judge_missing(m, p, "background_thread:true, and no such thread in it",
					   "start it by spawn or forkserver with exec, not by a bare fork; and see its "
					   "limit of processes (RLIMIT_NPROC, pids.max)");
	if (decay && strcmp(decay->value, "0") == 0)
		return finding_ok(m, "dirty_decay_ms:0: what is freed goes back at once");
	if (p->options_evidence != EVIDENCE_PROVED)
		return finding_unknown(m, "which thread purges cannot be read");
	if (purge_is_declined(p))
		return finding_ok(m, "no purge thread, as its launch decided; it has %s", purge_describe_heap(m, p));
	return purge_judge_missing(m, p, "no purge thread, and background_thread:false", fix_options);
}

static bool purge_is_wanted(const struct live_process *p)
{
	for (size_t i = 0; p->record && !p->record->problem && i < p->record->n_steps; i++) {
		const struct live_set *set = &p->record->steps[i].set;

		if (set->kind == SET_VARIABLE && set->text && strcmp(set->variable, PURGE_VARIABLE) == 0)
			return true;
	}
	return false;
}

/* A build with a thread of ours. */
static struct finding purge_judge_ours(struct mem *m, const struct live_process *p)
{
	const struct live_purge *purge = p->purge;
	struct finding f;

	if (purge->pid != p->status.inner_pid)
		return purge_judge_missing(m, p,
					   mem_printf(m,
						      "what the purge thread says is of process %" PRId64
						      ", from before a fork, and it stayed there",
						      purge->pid),
					   "start it by spawn or exec: its fork ran no pthread_atfork handlers (clone, "
					   "_Fork)");
	switch (purge->state) {
	case PURGE_THREAD_RUNS:
		return purge_judge_running(m, purge);
	case PURGE_THREAD_WAITS:
		return purge_judge_waiting(m, p);
	case PURGE_THREAD_FAILED:
		f = finding_warn(m, "no purge thread could be made: %s; it has %s",
				 strerrordesc_np((int)purge->error) ? strerrordesc_np((int)purge->error) :
								      "an unknown error",
				 purge_describe_heap(m, p));
		f.fix = fix_thread;
		return f;
	case PURGE_THREAD_OFF:
		break;
	}
	if (purge_is_wanted(p) && p->purge_threads <= 0)
		return purge_judge_missing(m, p,
					   "launched with " PURGE_VARIABLE ", and no purge thread is asked for in it",
					   "see who takes " PURGE_VARIABLE " out of its environment, or sets "
					   "background_thread or dirty_decay_ms in MALLOC_CONF");
	/* mimalloc's pages go back when they are freed, or stay: it has no thread of its own. */
	if (strcmp(p->malloc->allocator, "jemalloc") != 0)
		return purge_is_declined(p) ? finding_ok(m, "no purge thread, as its launch decided") :
					      purge_judge_missing(m, p, "no purge thread", fix_launch);
	return purge_judge_without(m, p);
}

ASSESS(audit_purge_in_force)
{
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (p->is_static == TRI_YES)
		return finding_skip(m, "a static program");
	if (!p->malloc)
		return finding_unknown(m, "%s", p->problem ? p->problem : "no loaded object defines malloc");
	if (p->malloc->is_program)
		return finding_skip(m, "the program has a malloc of its own");
	if (p->purge)
		return purge_judge_ours(m, p);
	if (strcmp(p->malloc->allocator, "jemalloc") != 0)
		return finding_skip(m, "%s has no such thread", p->malloc->allocator);
	if (p->malloc->build && text_is_among((const char *const *)p->malloc->build->features, BUILD_FEATURE_PURGE))
		return finding_unknown(m, "what the purge thread says of itself cannot be read");
	return purge_judge_without(m, p);
}
