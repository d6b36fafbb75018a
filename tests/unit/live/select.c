/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes are looked at, below a root that the test made up. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live/live.h"
#include "support/live_child.h"

#define CGROUPS "/sys/fs/cgroup"

/* A process of the made-up machine, started at `start_time`. */
static void make_process(int pid, int parent, int start_time)
{
	tree_write(&tree, mem_printf(&pool, "/proc/%d/stat", pid),
		   mem_printf(&pool, "%d (p%d) S %d 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n", pid, pid,
			      parent, start_time));
	tree_write(&tree, mem_printf(&pool, "/proc/%d/status", pid), "Uid:\t7\t7\t7\t7\nRssAnon:\t4 kB\n");
}

static int open_machine(void **state)
{
	open_children(state);
	make_process(1, 0, 10);
	make_process(10, 1, 20);
	make_process(11, 10, 30);
	make_process(12, 11, 40);
	make_process(20, 1, 50);
	return 0;
}

#define MACHINE_TEST(function) cmocka_unit_test_setup_teardown(function, open_machine, close_children)

static struct live_facts facts;

/* "10 11 12", or the problem. */
static const char *select_pids(enum live_selector selector, const char *text)
{
	struct live_request request = { selector, text, NULL, NULL, true, true };
	char *list = mem_strdup(&pool, "");

	live_detect(&tree.root, &pool, &request, &facts);
	if (facts.problem)
		return facts.problem;
	for (size_t i = 0; i < facts.n_processes; i++)
		list = mem_printf(&pool, "%s%s%lld", list, *list ? " " : "", (long long)facts.processes[i].pid);
	return list;
}

static void test_by_pid(void **state)
{
	(void)state;
	assert_string_equal(select_pids(LIVE_PID, "10"), "10 11 12");
	assert_string_equal(select_pids(LIVE_PID, "20"), "20");
	assert_string_equal(select_pids(LIVE_PID, "1"), "1 10 20 11 12");
	assert_string_equal(select_pids(LIVE_PID, "13"), "there is no process 13");
	assert_string_equal(select_pids(LIVE_NONE, NULL), "nothing was asked about");
	/* Of a captured process nothing can be read but files. */
	assert_string_equal(select_pids(LIVE_PID, "20"), "20");
	assert_int_equal(facts.processes[0].state, LIVE_RUNNING);
	assert_int_equal(facts.processes[0].status.uid, 7);
	assert_int_equal(facts.processes[0].status.rss_anon, 4096);
	assert_non_null(facts.processes[0].problem);
	assert_null(facts.processes[0].malloc);
}

/* A parent that is its own child, two that are each other's, garbage: each once, and an end. */
static void test_strange_trees(void **state)
{
	(void)state;
	make_process(30, 30, 1);
	make_process(31, 32, 1);
	make_process(32, 31, 1);
	tree_write(&tree, "/proc/33/stat", "33 (no fields");
	tree_write(&tree, "/proc/34/stat", "");
	tree_write(&tree, "/proc/35x/stat", "35 (x) S 30 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
	/* Says that it is another. */
	tree_write(&tree, "/proc/36/stat", "4194999 (x) S 30 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
	assert_string_equal(select_pids(LIVE_PID, "30"), "30");
	assert_string_equal(select_pids(LIVE_PID, "31"), "31 32");
	assert_non_null(strstr(select_pids(LIVE_PID, "33"), "cannot be looked at"));
	assert_non_null(strstr(select_pids(LIVE_PID, "34"), "cannot be looked at"));
}

static void test_by_cgroup(void **state)
{
	(void)state;
	tree_write(&tree, CGROUPS "/cgroup.procs", "1\n");
	tree_write(&tree, CGROUPS "/kubepods.slice/cgroup.procs", "");
	tree_write(&tree, CGROUPS "/kubepods.slice/memory.max", "max\n");
	tree_write(&tree, CGROUPS "/kubepods.slice/pod1/cgroup.procs", "20\n0\n10\n10\nx\n-4\n99999999\n");
	tree_write(&tree, CGROUPS "/kubepods.slice/pod1/deep/cgroup.procs", "11\n");
	tree_write(&tree, CGROUPS "/kubepods.slice/empty/cgroup.procs", "");
	assert_string_equal(select_pids(LIVE_CGROUP, "/kubepods.slice/pod1"), "20 10 11");
	assert_string_equal(select_pids(LIVE_CGROUP, "kubepods.slice"), "20 10 11");
	assert_string_equal(select_pids(LIVE_CGROUP, CGROUPS "/kubepods.slice/pod1/deep"), "11");
	assert_string_equal(select_pids(LIVE_CGROUP, "/"), "1 20 10 11");
	assert_non_null(strstr(select_pids(LIVE_CGROUP, "/kubepods.slice/empty"), "no process is in the cgroup"));
	assert_non_null(strstr(select_pids(LIVE_CGROUP, "/no.slice"), "there is no cgroup"));
	assert_non_null(strstr(select_pids(LIVE_CGROUP, "/kubepods.slice/../.."), "is not a cgroup"));
	/* systemd's own hierarchy of v1. */
	tree_write(&tree, CGROUPS "/systemd/docker/abc/cgroup.procs", "12\n");
	assert_string_equal(select_pids(LIVE_CGROUP, "/docker/abc"), "12");
}

static void test_by_unit(void **state)
{
	(void)state;
	tree_write(&tree, CGROUPS "/cgroup.procs", "1\n");
	tree_write(&tree, CGROUPS "/system.slice/cgroup.procs", "");
	tree_write(&tree, CGROUPS "/system.slice/vllm.service/cgroup.procs", "10\n");
	tree_write(&tree, CGROUPS "/system.slice/vllm.service/worker/cgroup.procs", "11\n");
	tree_write(&tree, CGROUPS "/user.slice/user-7.slice/user@7.service/app.slice/sglang.service/cgroup.procs",
		   "20\n");
	tree_write(&tree, CGROUPS "/system.slice/old.service/cgroup.procs", "");
	assert_string_equal(select_pids(LIVE_UNIT, "vllm"), "10 11");
	assert_string_equal(select_pids(LIVE_UNIT, "vllm.service"), "10 11");
	/* Kind P: a user's own, and what was delegated to a service, are not the system's units. */
	assert_non_null(strstr(select_pids(LIVE_UNIT, "sglang"), "no process of the unit"));
	tree_write(&tree, CGROUPS "/system.slice/vllm.service/vllm.service/cgroup.procs", "12\n");
	assert_string_equal(select_pids(LIVE_UNIT, "vllm"), "10 12 11");
	tree_write(&tree, CGROUPS "/other.slice/vllm.service/cgroup.procs", "13\n");
	assert_non_null(strstr(select_pids(LIVE_UNIT, "vllm"), "2 control groups are called vllm.service"));
	tree_remove(&tree, CGROUPS "/other.slice/vllm.service/cgroup.procs");
	tree_remove(&tree, CGROUPS "/system.slice/vllm.service/vllm.service/cgroup.procs");
	assert_string_equal(select_pids(LIVE_UNIT, "system.slice"), "10 11");
	assert_non_null(strstr(select_pids(LIVE_UNIT, "old"), "no process of the unit old.service"));
	assert_non_null(strstr(select_pids(LIVE_UNIT, "worker"), "no process of the unit worker.service"));
	assert_non_null(strstr(select_pids(LIVE_UNIT, "a/b"), "not the name of a unit"));
	assert_non_null(strstr(select_pids(LIVE_UNIT, ""), "not the name of a unit"));
	assert_non_null(strstr(select_pids(LIVE_UNIT, ".."), "no process of the unit"));
}

/* A container without a cgroup namespace: its systemd's slices lie below its own folder. */
static void test_by_unit_in_a_container(void **state)
{
	static const char own[] = "/machine/c1";

	(void)state;
	tree_write(&tree, "/proc/self/mountinfo",
		   "30 20 0:25 / " CGROUPS "/systemd rw - cgroup cgroup rw,name=systemd\n");
	tree_write(&tree, "/proc/1/cgroup", mem_printf(&pool, "9:name=systemd:%s/init.scope\n0::/\n", own));
	tree_write(&tree, CGROUPS "/systemd/cgroup.procs", "");
	tree_write(&tree, mem_printf(&pool, CGROUPS "/systemd%s/cgroup.procs", own), "");
	tree_write(&tree, mem_printf(&pool, CGROUPS "/systemd%s/init.scope/cgroup.procs", own), "1\n");
	tree_write(&tree, mem_printf(&pool, CGROUPS "/systemd%s/system.slice/cgroup.procs", own), "");
	tree_write(&tree, mem_printf(&pool, CGROUPS "/systemd%s/system.slice/vllm.service/cgroup.procs", own),
		   "10\n11\n");
	assert_string_equal(select_pids(LIVE_UNIT, "vllm"), "10 11");
	assert_string_equal(select_pids(LIVE_CGROUP, "/system.slice/vllm.service"), "10 11");
	/* By systemd's own word for it, from the top of the mount. */
	assert_string_equal(select_pids(LIVE_CGROUP, "/machine/c1/system.slice/vllm.service"), "10 11");
	/* A path that leads out. */
	tree_write(&tree, "/proc/1/cgroup", "9:name=systemd:/../../../../init.scope\n");
	assert_non_null(strstr(select_pids(LIVE_UNIT, "vllm"), "no process of the unit"));
}

static void make_record(const char *name, int pid, int start_time)
{
	tree_write(&tree, mem_printf(&pool, "/run/allocrun/%s", name),
		   mem_printf(&pool,
			      "{\"record\": 1, \"pid\": %d, \"start_time\": %d, \"profile\": \"of %d\", \"plan\": []}",
			      pid, start_time, pid));
}

static void test_all(void **state)
{
	(void)state;
	assert_non_null(strstr(select_pids(LIVE_ALL, NULL), "no launch record"));
	make_record("13.json", 13, 5);  /* of one that has ended */
	make_record("20.json", 20, 49); /* of an earlier process of this PID */
	make_record("10.json.7.tmp", 10, 20);
	make_record("x.json", 10, 20);
	make_record(".json", 10, 20);
	make_record("99999999999.json", 10, 20);
	assert_string_equal(select_pids(LIVE_ALL, NULL), "no process of a launch record is running");
	make_record("11.json", 11, 30);
	assert_string_equal(select_pids(LIVE_ALL, NULL), "11 12");
	make_record("20.json", 20, 50);
	assert_string_equal(select_pids(LIVE_ALL, NULL), "11 20 12");
	/* One that is damaged is news. */
	tree_write(&tree, "/run/allocrun/10.json", "{");
	assert_string_equal(select_pids(LIVE_ALL, NULL), "10 11 20 12");
	assert_non_null(facts.processes[0].record->problem);
}

/* Children share the record of whoever was launched; one left by another process counts for nobody. */
static void test_records_are_inherited(void **state)
{
	(void)state;
	make_record("10.json", 10, 20);
	make_record("11.json", 11, 29);
	assert_string_equal(select_pids(LIVE_PID, "1"), "1 10 20 11 12");
	assert_null(facts.processes[0].record);
	assert_null(facts.processes[2].record);
	assert_string_equal(facts.processes[1].record->profile, "of 10");
	assert_ptr_equal(facts.processes[3].record, facts.processes[1].record);
	assert_ptr_equal(facts.processes[4].record, facts.processes[1].record);
	/* In whatever order the kernel lists them. */
	tree_write(&tree, CGROUPS "/a/cgroup.procs", "12\n11\n10\n");
	assert_string_equal(select_pids(LIVE_CGROUP, "a"), "12 11 10");
	assert_string_equal(facts.processes[0].record->profile, "of 10");
	assert_string_equal(facts.processes[1].record->profile, "of 10");
}

/* With hidepid=2 the folders of others are not there, with 1 nothing in them can be read. */
static void test_hidepid(void **state)
{
	(void)state;
	tree_remove(&tree, "/proc/11/stat");
	tree_remove(&tree, "/proc/11/status");
	assert_string_equal(select_pids(LIVE_PID, "10"), "10");
	assert_non_null(strstr(select_pids(LIVE_PID, "11"), "no process 11"));
	tree_write(&tree, CGROUPS "/a/cgroup.procs", "11\n10\n");
	assert_string_equal(select_pids(LIVE_CGROUP, "a"), "11 10");
	assert_int_equal(facts.processes[0].state, LIVE_GONE);
	assert_int_equal(facts.processes[0].status.rss_anon, FACT_UNKNOWN);
	tree_remove(&tree, "/proc/10/status");
	assert_string_equal(select_pids(LIVE_PID, "10"), "10");
	assert_int_equal(facts.processes[0].status.rss_anon, FACT_UNKNOWN);
	assert_int_equal(facts.processes[0].status.capabilities_known, TRI_UNKNOWN);
}

/* Links that lead out, or to what lies on the machine that the test runs on. */
static void test_links_out_of_the_root(void **state)
{
	char *secret = mem_printf(&pool, "/tmp/allocrun-secret-%d", (int)getpid());
	FILE *file = fopen(secret, "w");

	(void)state;
	assert_non_null(file);
	fprintf(file, "{\"record\": 1, \"pid\": 10, \"start_time\": 20, \"profile\": \"secret\", \"plan\": []}\n");
	fclose(file);
	tree_symlink(&tree, "/run/allocrun/10.json", secret);
	tree_symlink(&tree, "/proc/40/stat", "/proc/self/stat");
	tree_symlink(&tree, "/proc/10/cmdline", "/proc/self/cmdline");
	tree_symlink(&tree, "/proc/10/exe", "/bin/sleep");
	tree_symlink(&tree, "/proc/10/mem", "/proc/self/mem");
	tree_symlink(&tree, "/proc/10/maps", "/proc/self/maps");
	tree_symlink(&tree, "/proc/10/auxv", "../../../../../../proc/self/auxv");
	assert_string_equal(select_pids(LIVE_PID, "10"), "10 11 12");
	assert_null(facts.processes[0].record);
	assert_int_equal(facts.processes[0].n_mappings, FACT_UNKNOWN);
	assert_int_equal(facts.processes[0].bits, 0);
	assert_string_equal(facts.processes[0].command, "");
	assert_non_null(strstr(select_pids(LIVE_PID, "40"), "no process 40"));
	unlink(secret);
}

/*
 * A captured process in another mount namespace: its root is not that of whoever has
 * its PID here. The record lies where a look at our own /proc/PID/root would find it.
 */
static void test_other_mounts_of_a_captured_process(void **state)
{
	char *pid = mem_printf(&pool, "%d", (int)getpid());
	char *record = mem_printf(&pool, "/run/allocrun/%s.json", pid);
	bool has_made_folder = mkdir("/run/allocrun", 0755) == 0;
	FILE *file = fopen(record, "wx");

	(void)state;
	if (!file)
		skip();
	fprintf(file, "{\"record\": 1, \"pid\": %s, \"start_time\": 60, \"profile\": \"of the host\", \"plan\": []}\n",
		pid);
	fclose(file);
	make_process(getpid(), 1, 60);
	tree_symlink(&tree, "/proc/self/ns/mnt", "mnt:[1]");
	tree_symlink(&tree, mem_printf(&pool, "/proc/%s/ns/mnt", pid), "mnt:[2]");
	select_pids(LIVE_PID, pid);
	unlink(record);
	if (has_made_folder)
		rmdir("/run/allocrun");
	assert_int_equal(facts.processes[0].other_mounts, TRI_YES);
	assert_null(facts.processes[0].record);
}

/* Whatever is opened may be a FIFO that nobody writes into. */
static void test_fifos(void **state)
{
	static const char *const files[] = {
		"stat", "status",  "cmdline", "exe",          "maps",      "mem",
		"auxv", "environ", "limits",  "smaps_rollup", "numa_maps", "oom_score_adj"
	};
	struct live_facts first;

	(void)state;
	for (size_t i = 1; i < sizeof files / sizeof *files; i++) {
		char *path = mem_printf(&pool, "/proc/20/%s", files[i]);

		remove(tree_outside(&tree, path));
		assert_int_equal(mkfifo(tree_outside(&tree, path), 0600), 0);
	}
	assert_int_equal(mkdir(tree_outside(&tree, "/run"), 0755), 0);
	assert_int_equal(mkdir(tree_outside(&tree, "/run/allocrun"), 0755), 0);
	assert_int_equal(mkfifo(tree_outside(&tree, "/run/allocrun/20.json"), 0600), 0);
	assert_string_equal(select_pids(LIVE_PID, "20"), "20");
	first = facts;
	assert_non_null(first.processes[0].problem);
	tree_remove(&tree, "/proc/20/stat");
	assert_int_equal(mkfifo(tree_outside(&tree, "/proc/20/stat"), 0600), 0);
	assert_non_null(strstr(select_pids(LIVE_PID, "20"), "cannot be looked at"));
}

/* Folders that link to each other: as many ways through as there are atoms. */
static void test_cgroup_maze(void **state)
{
	struct timespec before, after;

	(void)state;
	tree_write(&tree, CGROUPS "/cgroup.procs", "10\n");
	for (char name[] = "a.slice"; name[0] <= 'h'; name[0]++)
		tree_symlink(&tree, mem_printf(&pool, CGROUPS "/%s", name), ".");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_string_equal(select_pids(LIVE_CGROUP, "/"), "10");
	assert_non_null(strstr(select_pids(LIVE_UNIT, "vllm"), "no process of the unit"));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true(after.tv_sec - before.tv_sec < 60);
}

/* 4 MB of PIDs: each counts once, and an end is made. */
static void test_many_pids(void **state)
{
	char *text = mem_alloc(&pool, 4 * 1024 * 1024);
	size_t at = 0;

	(void)state;
	for (int i = 0; at < 4 * 1024 * 1024 - 16; i++)
		at += (size_t)sprintf(text + at, "%d\n", i % 30 + 4000000);
	tree_write(&tree, CGROUPS "/a/cgroup.procs", text);
	select_pids(LIVE_CGROUP, "a");
	assert_int_equal(facts.n_processes, 30);
	at = 0;
	for (int i = 0; at < 4 * 1024 * 1024 - 16; i++)
		at += (size_t)sprintf(text + at, "%d\n", i + 1);
	tree_write(&tree, CGROUPS "/a/cgroup.procs", text);
	assert_non_null(strstr(select_pids(LIVE_CGROUP, "a"), "more than"));
	assert_int_equal(facts.n_processes, 0);
}

/* A process of a container: its cgroup, as it looks from ours. */
static void make_contained(int pid, int parent, int start_time, const char *cgroup)
{
	make_process(pid, parent, start_time);
	tree_write(&tree, mem_printf(&pool, "/proc/%d/cgroup", pid), mem_printf(&pool, "0::%s\n", cgroup));
}

/* The check is process `pid`. */
static void make_self(int pid, int parent, const char *cgroup)
{
	make_contained(pid, parent, 90, cgroup);
	tree_write(&tree, "/proc/self/stat",
		   mem_printf(&pool, "%d (allocrun) R %d 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 90 0 0\n", pid, parent));
	tree_write(&tree, "/proc/self/cgroup", mem_printf(&pool, "0::%s\n", cgroup));
}

static void test_here(void **state)
{
	(void)state;
	/* The host's PIDs, without a namespace of cgroups: another container, our own, an exec of a shell. */
	make_contained(1, 0, 10, "/init.scope");
	make_contained(10, 1, 20, "/pods/a");
	make_contained(11, 10, 30, "/pods/a/worker");
	make_contained(12, 11, 40, "/pods/ab");
	make_contained(20, 1, 5, "/pods/b");
	make_contained(40, 1, 80, "/pods/a");
	make_self(41, 40, "/pods/a");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "10 11");
	/* With such a namespace. */
	make_contained(1, 0, 10, "/../../init.scope");
	make_contained(10, 1, 20, "/");
	make_contained(11, 10, 30, "/worker");
	make_contained(12, 11, 40, "/../ab");
	make_contained(20, 1, 5, "/../b");
	make_contained(40, 1, 80, "/");
	make_self(41, 40, "/");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "10 11");
	/* Called by a shell below the server, and by the server. */
	make_self(41, 40, "/");
	make_contained(40, 10, 80, "/");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "10 11");
	make_self(41, 10, "/");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "10 11 40");
	/* An init serves nothing, nor does the pause program of a pod. */
	tree_write(&tree, "/proc/10/stat", "10 (tini) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 20 0 0\n");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "11 40");
	/* Nobody but the check. */
	make_self(50, 0, "/alone");
	assert_string_equal(select_pids(LIVE_HERE, NULL), "there is no process in this container besides the check");
	/* A ring of parents has an end. */
	make_contained(51, 52, 1, "/alone");
	make_contained(52, 51, 1, "/alone");
	assert_non_null(select_pids(LIVE_HERE, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_by_pid),
		MACHINE_TEST(test_strange_trees),
		MACHINE_TEST(test_by_cgroup),
		MACHINE_TEST(test_by_unit),
		MACHINE_TEST(test_by_unit_in_a_container),
		MACHINE_TEST(test_all),
		MACHINE_TEST(test_here),
		MACHINE_TEST(test_records_are_inherited),
		MACHINE_TEST(test_hidepid),
		MACHINE_TEST(test_links_out_of_the_root),
		MACHINE_TEST(test_other_mounts_of_a_captured_process),
		MACHINE_TEST(test_fifos),
		MACHINE_TEST(test_cgroup_maze),
		MACHINE_TEST(test_many_pids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
