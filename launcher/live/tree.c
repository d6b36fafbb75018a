/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes are looked at: a PID and its descendants, a cgroup, or all records. */
#include "live/context.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "detect/cgroup.h"
#include "facts/launch_record.h"
#include "util/text.h"

/* kernel/pid.h: the largest that pid_max may be. */
#define PID_LIMIT 4194304
/* Nobody reads a report about more. */
#define PROCESSES_MAX 32768
/* Trees of more are found sooner by one look at all of /proc. */
#define TREE_FOLLOWED_MAX 64
#define TREE_THREADS_MAX 512
#define CGROUP_DEPTH_MAX 16
#define CGROUP_PROCS_MAX (4 * 1024 * 1024)
/* Folders that are looked into: below a sysroot, links may make a maze of a few. */
#define CGROUP_FOLDERS_MAX 16384

struct pids {
	int64_t *items;
	size_t n;
	unsigned char *seen; /* a bit for each PID: a machine may have hundreds of thousands */
	size_t n_folders;
};

static void pids_add(struct mem *m, struct pids *pids, int64_t pid)
{
	unsigned char bit = (unsigned char)(1u << (pid & 7));

	if (!pids->seen)
		pids->seen = mem_alloc(m, PID_LIMIT / 8 + 1);
	if (pid < 1 || pid > PID_LIMIT || (pids->seen[pid / 8] & bit) || pids->n > PROCESSES_MAX)
		return;
	pids->seen[pid / 8] |= bit;
	*MEM_PUSH(m, pids->items, pids->n) = pid;
}

/* Every process of this PID namespace: {pid, parent}. */
static struct process_stat *tree_list(const struct live_context *c, size_t *ret_n)
{
	struct process_stat *stats = NULL, stat;
	char **names;
	size_t n = 0;

	if (root_list(c->root, c->m, "/proc", "", &names) < 0) {
		*ret_n = 0;
		return NULL;
	}
	for (; *names; names++) {
		if (text_is_digits(*names) && stat_read(c->root, strtoll(*names, NULL, 10), &stat) == 0)
			*MEM_PUSH(c->m, stats, n) = stat;
	}
	*ret_n = n;
	return stats;
}

static int tree_compare_parents(const void *a, const void *b)
{
	const struct process_stat *x = a, *y = b;

	return x->parent != y->parent ? (x->parent < y->parent ? -1 : 1) : x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The first whose parent is not below `parent`. */
static size_t tree_find_children(const struct process_stat *stats, size_t n, int64_t parent)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (stats[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The PIDs in /proc/PID/task/TID/children, "12 13 ". -errno: there is no such list. */
static int tree_add_children(const struct live_context *c, int64_t pid, const char *thread, struct pids *pids)
{
	const char *at;
	char *text;
	int64_t child;
	int r = root_read_record(c->root, c->m, mem_printf(c->m, "/proc/%lld/task/%s/children", (long long)pid, thread),
				 &text);

	if (r < 0)
		return r == -ENODATA ? 0 : r;
	for (at = text; text_parse_i64(at, &child, &at) == 0;)
		pids_add(c->m, pids, child);
	return 0;
}

/*
 * All that descend from *pids, through the kernel's own lists: a server of four processes
 * on a busy machine is found without a look at all the others. False: it has no such lists
 * (CONFIG_PROC_CHILDREN), something has ended meanwhile, or there are many. The kernel may
 * leave out a child whose sibling ends just then; live_detect() looks twice.
 */
static bool tree_follow_children(const struct live_context *c, struct pids *pids)
{
	size_t n_threads = 0;
	char **threads;

	for (size_t i = 0; i < pids->n; i++) {
		int64_t pid = pids->items[i];

		if (pids->n > TREE_FOLLOWED_MAX ||
		    root_list(c->root, c->m, mem_printf(c->m, "/proc/%lld/task", (long long)pid), "", &threads) < 0)
			return false;
		/* A child belongs to the thread that forked it. */
		for (; *threads; threads++) {
			if (++n_threads > TREE_THREADS_MAX || tree_add_children(c, pid, *threads, pids) < 0)
				return false;
		}
	}
	return true;
}

/* Adds to *pids, which have their roots already, all that descend from them. */
static void tree_add_descendants(const struct live_context *c, struct pids *pids)
{
	struct process_stat *stats;
	size_t n;

	if (tree_follow_children(c, pids))
		return;
	stats = tree_list(c, &n);
	if (n)
		qsort(stats, n, sizeof *stats, tree_compare_parents);
	/* Breadth first: what is added is looked at in its turn. */
	for (size_t i = 0; i < pids->n; i++) {
		int64_t parent = pids->items[i];

		for (size_t k = tree_find_children(stats, n, parent); k < n && stats[k].parent == parent; k++)
			pids_add(c->m, pids, stats[k].pid);
	}
}

/* /proc answers for the number of a thread as well, and what it is asked for is the process. */
static int64_t tree_find_leader(const struct live_context *c, int64_t pid)
{
	int64_t leader = pid;
	char *text;

	if (root_read_record(c->root, c->m, mem_printf(c->m, "/proc/%lld/status", (long long)pid), &text) == 0)
		text_read_i64(text, "Tgid", &leader);
	return leader;
}

static const char *tree_select_pid(const struct live_context *c, struct pids *pids)
{
	const char *text = c->request->text;
	struct process_stat stat;
	int64_t pid;
	int r;

	if (!text_is_digits(text) || text_parse_i64(text, &pid, NULL) < 0 || pid < 1 || pid > PID_LIMIT)
		return mem_printf(c->m, "'%s' is not a process ID", text);
	r = stat_read(c->root, pid, &stat);
	if ((r == -ENOENT || r == -ESRCH) && live_is_hidden(c, pid)) {
		pids_add(c->m, pids, pid);
		return NULL;
	}
	if (r == -ENOENT || r == -ESRCH)
		return mem_printf(c->m, "there is no process %lld", (long long)pid);
	if (r < 0)
		return mem_printf(c->m, "process %lld cannot be looked at: %s", (long long)pid, strerrordesc_np(-r));
	pids_add(c->m, pids, tree_find_leader(c, pid));
	tree_add_descendants(c, pids);
	return NULL;
}

static void cgroup_add_procs(const struct live_context *c, const char *folder, struct pids *pids)
{
	char *text;

	if (root_read(c->root, c->m, mem_printf(c->m, "%s/cgroup.procs", folder), CGROUP_PROCS_MAX, &text, NULL) < 0)
		return;
	for (const char *line = text; line && *line; line = text_next_line(line)) {
		int64_t pid;

		/* 0: a process outside of our PID namespace. */
		if (text_parse_i64(line, &pid, NULL) == 0 && pid > 0)
			pids_add(c->m, pids, pid);
	}
}

static bool cgroup_is_folder(const struct live_context *c, const char *folder)
{
	struct stat st;

	return root_stat(c->root, mem_printf(c->m, "%s/cgroup.procs", folder), &st) == 0;
}

static void cgroup_add_all(const struct live_context *c, const char *folder, int depth, struct pids *pids)
{
	char **names;

	cgroup_add_procs(c, folder, pids);
	if (depth >= CGROUP_DEPTH_MAX || pids->n_folders++ >= CGROUP_FOLDERS_MAX ||
	    root_list(c->root, c->m, folder, "", &names) < 0)
		return;
	for (; *names; names++) {
		char *below = mem_printf(c->m, "%s/%s", folder, *names);

		/* Files of a cgroup have a dot and a known start; a folder has its cgroup.procs. */
		if (!text_starts_with(*names, "cgroup.") && cgroup_is_folder(c, below))
			cgroup_add_all(c, below, depth + 1, pids);
	}
}

/* Where cgroup folders begin: v2, and the hierarchies that systemd uses with v1. */
static const char *const cgroup_mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified",
					     "/sys/fs/cgroup/memory" };

/*
 * The folder below which PID 1 has its slices; NULL. In a container without a cgroup
 * namespace that is the container's, deep below the mount.
 */
static char *cgroup_find_manager(const struct live_context *c)
{
	static const char *const hierarchies[] = { "name=systemd", "" };
	struct cgroup_map map;

	cgroup_map_read(c->root, c->m, "/proc/1", &map);
	for (size_t i = 0; i < 2; i++) {
		struct cgroup_place place;

		cgroup_map_find(&map, c->m, hierarchies[i], &place);
		if (!place.n_folders)
			continue;
		if (strcmp(text_basename(place.folders[0]), "init.scope") == 0)
			return text_dirname(c->m, place.folders[0]);
		return place.folders[0];
	}
	return NULL;
}

/* Where paths of cgroups and slices of units begin, NULL-terminated. */
static const char **cgroup_list_tops(const struct live_context *c)
{
	const char **tops = NULL, *manager = cgroup_find_manager(c);
	size_t n = 0;

	if (manager)
		*MEM_PUSH(c->m, tops, n) = manager;
	for (size_t i = 0; i < sizeof cgroup_mounts / sizeof *cgroup_mounts; i++)
		*MEM_PUSH(c->m, tops, n) = cgroup_mounts[i];
	*MEM_PUSH(c->m, tops, n) = NULL;
	return tops;
}

static const char *tree_select_cgroup(const struct live_context *c, struct pids *pids)
{
	const char *path = c->request->text;

	if (strstr(path, ".."))
		return mem_printf(c->m, "'%s' is not a cgroup", path);
	for (const char **top = cgroup_list_tops(c); *top; top++) {
		char *folder = text_starts_with(path, cgroup_mounts[0]) ?
				       mem_strdup(c->m, path) :
				       mem_printf(c->m, "%s/%s", *top, path + (*path == '/'));

		if (!cgroup_is_folder(c, folder))
			continue;
		cgroup_add_all(c, folder, 0, pids);
		return pids->n ? NULL : mem_printf(c->m, "no process is in the cgroup %s", folder);
	}
	return mem_printf(c->m, "there is no cgroup '%s'", path);
}

struct unit_folders {
	char **items;
	size_t n;
};

/*
 * The folders of this name in slices. Below a service or a scope a user, or whoever it was delegated to,
 * names folders as he likes: a user manager's units are not the system's.
 */
static void unit_find(const struct live_context *c, const char *folder, const char *unit, int depth, struct pids *pids,
		      struct unit_folders *found)
{
	char **names;

	if (depth >= CGROUP_DEPTH_MAX || pids->n_folders++ >= CGROUP_FOLDERS_MAX ||
	    root_list(c->root, c->m, folder, "", &names) < 0)
		return;
	for (char **name = names; *name; name++) {
		char *below = mem_printf(c->m, "%s/%s", folder, *name);
		const char *dot = strrchr(*name, '.');

		if (strcmp(*name, unit) == 0 && cgroup_is_folder(c, below))
			*MEM_PUSH(c->m, found->items, found->n) = below;
		else if (dot && strcmp(dot, ".slice") == 0)
			unit_find(c, below, unit, depth + 1, pids, found);
	}
}

static const char *tree_select_unit(const struct live_context *c, struct pids *pids)
{
	const char *unit = c->request->text;

	if (strchr(unit, '/') || !*unit)
		return mem_printf(c->m, "'%s' is not the name of a unit", unit);
	if (!strchr(unit, '.'))
		unit = mem_printf(c->m, "%s.service", unit);
	for (const char **top = cgroup_list_tops(c); *top; top++) {
		struct unit_folders found = { NULL, 0 };

		unit_find(c, *top, unit, 0, pids, &found);
		if (found.n > 1)
			return mem_printf(c->m,
					  "%zu control groups are called %s, as %s and %s: name one with --cgroup",
					  found.n, unit, found.items[0], found.items[1]);
		if (!found.n)
			continue;
		cgroup_add_all(c, found.items[0], 0, pids);
		if (pids->n)
			return NULL;
	}
	return mem_printf(c->m, "no process of the unit %s is running", unit);
}

/* A record without a problem, or with one that an operator should hear of. */
static bool tree_has_record(const struct live_context *c, const struct process_stat *stat)
{
	struct live_process process = { .pid = stat->pid,
					.status.inner_pid = stat->pid,
					.start_time = stat->start_time,
					.other_mounts = TRI_UNKNOWN };
	struct mem scratch = MEM_INIT;

	/* Whose it is decides whether its record is believed. */
	status_read(c->root, &scratch, mem_printf(&scratch, "/proc/%lld", (long long)stat->pid), &process.status);
	mem_free_all(&scratch);
	process.status.inner_pid = stat->pid;
	live_record_detect(c, &process);
	return process.record;
}

/* Those with a record of this very start in the folder; the rest of a PID's past is not looked at. False: no folder. */
static bool tree_add_recorded(const struct live_context *c, const char *folder, struct pids *pids)
{
	char **names;

	if (root_list(c->root, c->m, folder, "", &names) < 0)
		return false;
	for (; *names; names++) {
		size_t digits = strspn(*names, "0123456789");
		struct process_stat stat;
		int64_t pid;
		int r;

		if (!digits || digits > 7 || strcmp(*names + digits, ".json") != 0)
			continue;
		pid = strtoll(*names, NULL, 10);
		r = stat_read(c->root, pid, &stat);
		if (r == 0 ? tree_has_record(c, &stat) : live_is_hidden(c, pid))
			pids_add(c->m, pids, pid);
	}
	return true;
}

static const char *tree_select_all(const struct live_context *c, struct pids *pids)
{
	bool has_records = tree_add_recorded(c, RECORD_FOLDER, pids);
	char **services = NULL;

	/* Of services that have a folder of their own. */
	if (root_list(c->root, c->m, "/run", "", &services) == 0) {
		for (; *services; services++)
			has_records |= tree_add_recorded(c, mem_printf(c->m, "/run/%s/" RECORD_SUBFOLDER, *services),
							 pids);
	}
	if (!has_records)
		return mem_printf(c->m, "there is no launch record in %s", RECORD_FOLDER);
	if (!pids->n)
		return "no process of a launch record is running";
	tree_add_descendants(c, pids);
	return NULL;
}

static const char *tree_select_here(const struct live_context *c, struct pids *pids)
{
	const char *problem;
	int64_t *items;
	size_t n;

	problem = here_select(c, &items, &n);
	for (size_t i = 0; !problem && i < n; i++)
		pids_add(c->m, pids, items[i]);
	return problem;
}

int64_t *tree_select(const struct live_context *c, size_t *ret_n, const char **ret_problem)
{
	struct pids pids = { NULL, 0, NULL, 0 };
	const char *problem = "nothing was asked about";

	switch (c->request->selector) {
	case LIVE_NONE:
		break;
	case LIVE_PID:
		problem = tree_select_pid(c, &pids);
		break;
	case LIVE_UNIT:
		problem = tree_select_unit(c, &pids);
		break;
	case LIVE_CGROUP:
		problem = tree_select_cgroup(c, &pids);
		break;
	case LIVE_ALL:
		problem = tree_select_all(c, &pids);
		break;
	case LIVE_HERE:
		problem = tree_select_here(c, &pids);
		break;
	}
	if (!problem && pids.n > PROCESSES_MAX)
		problem = mem_printf(c->m, "there are more than %d processes", PROCESSES_MAX);
	*ret_problem = problem;
	*ret_n = problem ? 0 : pids.n;
	return problem ? NULL : pids.items;
}
