/* SPDX-License-Identifier: Apache-2.0 */
/* One process: what it is, read so that all of it is of the same program. */
#include "live/context.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program/elf_reader.h"
#include "util/clock.h"
#include "util/text.h"

/* A process that executes one program after another is looked at so many times. */
#define LIVE_LOOKS 8
#define LIVE_AUXV_MAX 4096
/*
 * A launch takes a few milliseconds; for those that wait for a dead file system nobody
 * waits longer than this, for all of an owner together.
 */
#define LIVE_EXEC_TRIES 600
#define LIVE_EXEC_PAUSE_NS 5000000

static void live_set_unknown(struct live_process *p, int64_t pid)
{
	static const struct limit unknown = { FACT_UNKNOWN, FACT_UNKNOWN };

	p->pid = pid;
	p->status = process_status_unknown;
	p->status.inner_pid = pid;
	p->limits = (struct process_limits){ unknown, unknown, unknown, unknown, FACT_UNKNOWN };
	p->parent = p->start_time = p->age_seconds = FACT_UNKNOWN;
	p->name = p->command = "";
	p->other_mounts = p->is_static = p->is_secure = TRI_UNKNOWN;
	p->anon_huge = p->n_mappings = p->memory_policy = FACT_UNKNOWN;
	p->allocator_resident = p->allocator_dirty = p->allocator_live = p->purge_threads = FACT_UNKNOWN;
}

/* A first thread that has ended is a zombie as well, while others run. */
static bool live_has_ended(const struct process_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->n_threads < 2;
}

/* What its /proc/PID/stat cannot say. */
static void live_explain_unread(struct live_context *c, int error, struct live_process *p)
{
	bool is_nobody = error == -ENOENT || error == -ESRCH;

	p->state = LIVE_GONE;
	if (is_nobody && !live_is_hidden(c, p->pid))
		return;
	p->state = LIVE_DENIED;
	p->problem = is_nobody ? mem_strdup(c->m, "it is hidden from this user: /proc is mounted with hidepid") :
				 mem_printf(c->m, "it may not be looked at: %s", strerrordesc_np(-error));
}

/* Still the process that it was? Between two reads it may have ended, and its PID be used again. */
static bool live_is_same(const struct live_context *c, const struct live_process *p)
{
	struct process_stat stat;

	return stat_read(c->root, p->pid, &stat) == 0 && stat.start_time == p->start_time && !live_has_ended(&stat);
}

static const char *live_describe(enum live_state state)
{
	static const char *const words[] = {
		[LIVE_RUNNING] = NULL,
		[LIVE_GONE] = "it ended while it was looked at",
		[LIVE_ZOMBIE] = "it has ended and waits for its parent (a zombie)",
		[LIVE_KERNEL_THREAD] = "it is a thread of the kernel",
		[LIVE_UNREADABLE] = "it cannot be looked into",
		[LIVE_DENIED] = "it may not be looked into by this user",
	};

	return words[state];
}

/* Another audit executes nothing: two that waited for each other would wait to the end. */
static bool live_is_audit(struct live_context *c, int64_t pid)
{
	char words[1024];
	ssize_t n = status_read_words(c, pid, words, sizeof words - 1);

	if (n < 0)
		return false;
	words[n] = '\0';
	for (const char *word = words; word < words + n && strcmp(word, "--") != 0; word += strlen(word) + 1) {
		if (strcmp(word, "--check") == 0 || text_starts_with(word, "--stat"))
			return true;
	}
	return false;
}

/* The program that runs here: the same file, or in a container a copy of the same build. */
static bool live_is_own_program(struct live_context *c, const char *link)
{
	static const char own_link[] = "/proc/self/exe";
	struct elf_facts own, theirs;
	struct stat ours, st;

	if (root_stat(c->root, own_link, &ours) < 0 || root_stat(c->root, link, &st) < 0)
		return false;
	if (st.st_dev == ours.st_dev && st.st_ino == ours.st_ino)
		return true;
	elf_read(c->root, &c->scratch, own_link, &own);
	elf_read(c->root, &c->scratch, link, &theirs);
	return own.build_id && theirs.build_id && strcmp(own.build_id, theirs.build_id) == 0;
}

/*
 * A launcher that has not executed its command yet: whoever asks right after a start,
 * as systemd's ExecStartPost does, means the server that comes of it.
 */
static void live_await_exec(struct live_context *c, int64_t pid)
{
	static const struct timespec pause = { 0, LIVE_EXEC_PAUSE_NS };
	char *link = mem_printf(&c->scratch, "/proc/%lld/exe", (long long)pid), target[PATH_MAX];
	bool is_known = false;

	while (c->request->awaits_exec && c->waits->exec_waits < LIVE_EXEC_TRIES && c->root->live && pid != getpid()) {
		if (root_readlink(c->root, link, target, sizeof target) < 0 ||
		    strcmp(text_basename(target), "allocrun") != 0 || live_is_audit(c, pid) ||
		    (!is_known && !live_is_own_program(c, link)))
			return;
		is_known = true;
		c->waits->exec_waits++;
		nanosleep(&pause, NULL);
	}
}

static void live_read_program(struct live_context *c, int64_t pid, struct live_program *ret)
{
	*ret = (struct live_program){ NULL, 0, 0 };
	ret->problem = root_read(c->root, &c->scratch, mem_printf(&c->scratch, "/proc/%lld/auxv", (long long)pid),
				 LIVE_AUXV_MAX, &ret->words, &ret->size);
}

/*
 * In the middle of execve(2) there is an end and nothing before it. On a machine that has much
 * to do it stays so for longer than any number of looks takes: waited for.
 */
static void live_await_program(struct live_context *c, int64_t pid, struct live_program *ret)
{
	do
		live_read_program(c, pid, ret);
	while (live_is_torn(c, ret) && live_pause(c));
}

/* False: it runs another program by now. What has ended, or may not be seen, runs no other. */
static bool live_runs_same(struct live_context *c, const struct live_program *before, int64_t pid,
			   struct live_process *p)
{
	struct live_program now;

	if (!c->root->live || p->state != LIVE_RUNNING || !before->size)
		return true;
	live_read_program(c, p->pid, &now);
	/* Of a process that lives on without the thread that was asked another can be. */
	if ((now.problem == -ENOENT || now.problem == -ESRCH || (now.problem == 0 && now.size == 0)) && p->pid == pid)
		p->state = LIVE_GONE;
	return p->state == LIVE_GONE ||
	       (now.problem == 0 && now.size == before->size && memcmp(now.words, before->words, now.size) == 0);
}

/*
 * Whose folder in /proc tells of the process: that of a thread that runs, where the first
 * one has ended, and with it all that the kernel says under the process's own number.
 */
static int64_t live_find_voice(struct live_context *c, int64_t pid, const struct process_stat *first)
{
	struct process_stat stat;
	char **names;

	if ((first->state != 'Z' && first->state != 'X') ||
	    root_list(c->root, &c->scratch, mem_printf(&c->scratch, "/proc/%lld/task", (long long)pid), "", &names) < 0)
		return pid;
	for (; *names; names++) {
		int64_t thread = strtoll(*names, NULL, 10);

		if (thread != pid && stat_read(c->root, thread, &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
			return thread;
	}
	return pid;
}

static bool live_look_into(struct live_context *c, int64_t pid, const struct live_program *program,
			   struct live_process *p)
{
	bool is_whole;

	status_detect(c, p);
	serving_detect(c, program, p);
	live_record_detect(c, p);
	if (c->request->thorough)
		live_cgroup_detect(c, p);
	if (c->request->thorough && p->state == LIVE_RUNNING)
		usage_detect(c, p);
	is_whole = live_runs_same(c, program, pid, p);
	p->pid = pid;
	if (!live_is_same(c, p))
		p->state = LIVE_GONE;
	return is_whole || p->state == LIVE_GONE;
}

/* Start times count from the boot, as this clock does, in a time namespace too. */
static int64_t live_find_age(const struct live_context *c, int64_t start_time)
{
	int64_t now = clock_read_ns(CLOCK_BOOTTIME) / 1000000000, ticks = sysconf(_SC_CLK_TCK);

	if (!c->root->live || ticks <= 0 || start_time < 0 || now < start_time / ticks)
		return FACT_UNKNOWN;
	return now - start_time / ticks;
}

/* False: it has executed another program meanwhile, and what was read is of two. */
static bool live_look_at(struct live_context *c, int64_t pid, struct live_process *p)
{
	struct live_program program;
	struct process_stat stat;
	int r;

	/* First: all that is read from here on is compared with it at the end. */
	live_await_program(c, pid, &program);
	*p = (struct live_process){ 0 };
	live_set_unknown(p, pid);
	r = stat_read(c->root, pid, &stat);
	if (r < 0) {
		live_explain_unread(c, r, p);
		return true;
	}
	p->parent = stat.parent;
	p->start_time = stat.start_time;
	p->age_seconds = live_find_age(c, stat.start_time);
	p->name = mem_strdup(c->m, stat.name);
	p->state = live_has_ended(&stat) ? LIVE_ZOMBIE : stat.is_kernel_thread ? LIVE_KERNEL_THREAD : LIVE_RUNNING;
	if (p->state != LIVE_RUNNING)
		return true;
	p->pid = live_find_voice(c, pid, &stat);
	if (p->pid != pid)
		live_await_program(c, p->pid, &program);
	return live_look_into(c, pid, &program, p);
}

/* Nothing but who it is can be said of a process that never stays what it is. */
static void live_set_restless(struct mem *m, struct live_process *p)
{
	const struct live_process seen = *p;

	*p = (struct live_process){ .state = LIVE_UNREADABLE };
	live_set_unknown(p, seen.pid);
	p->name = seen.name;
	p->command = seen.command;
	p->status.inner_pid = seen.status.inner_pid;
	p->parent = seen.parent;
	p->status.uid = seen.status.uid;
	p->start_time = seen.start_time;
	p->problem = mem_strdup(m, "it executes one program after another");
}

void live_detect_process(struct live_context *c, int64_t pid, struct live_process *p)
{
	bool is_whole = false;
	const char *words;

	live_await_exec(c, pid);
	for (int i = 0; i < LIVE_LOOKS && !is_whole; i++) {
		mem_free_all(&c->scratch);
		is_whole = live_look_at(c, pid, p);
	}
	if (!is_whole)
		live_set_restless(c->m, p);
	words = live_describe(p->state);
	if (words && ((p->state != LIVE_DENIED && p->state != LIVE_UNREADABLE) || !p->problem))
		p->problem = mem_strdup(c->m, words);
}

void live_leave_out(const struct live_context *c, int64_t pid, char *problem, struct live_process *p)
{
	struct process_status status = process_status_unknown;
	struct mem passing = MEM_INIT;
	struct process_stat stat;

	*p = (struct live_process){ .state = LIVE_UNREADABLE };
	live_set_unknown(p, pid);
	p->problem = problem;
	/* What the kernel knows without its memory is safe to ask for. */
	status_read(c->root, &passing, mem_printf(&passing, "/proc/%lld", (long long)pid), &status);
	mem_free_all(&passing);
	p->status.uid = status.uid;
	if (stat_read(c->root, pid, &stat) < 0)
		return;
	p->parent = stat.parent;
	p->start_time = stat.start_time;
	p->name = mem_strdup(c->m, stat.name);
}
