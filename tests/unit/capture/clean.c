/* SPDX-License-Identifier: Apache-2.0 */
/* --capture: what becomes of a path, of a file's text, of a line of the policy. */
#include <errno.h>
#include <string.h>

#include "audit/runner.h"
#include "capture/capturing.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"
#include "util/text.h"

/* A line of the policy as it leaves the machine, below `section`. */
static const char *policy_line(const char *section, const char *line)
{
	struct capture_names names = { .n = 0 };
	const char *text = capture_clean(&pool, "/etc/allocrun/policy.conf",
					 mem_printf(&pool, "%s\n%s\n", section, line), &names);

	return mem_strndup(&pool, text_next_line(text), strcspn(text_next_line(text), "\n"));
}

static void test_policy(void **state)
{
	static const struct {
		const char *section, *line, *expected;
	} rows[] = {
		{ "[launch]", "  # x", "#" },
		{ "[launch]", "; x", "#" },
		{ "[launch]", "user: daemon", "#" },
		{ "[launch]", "user = daemon", "#" },
		{ "[launch]", "user = daemon daemon", "left-out = left out" }, /* refused, and so is the capture's */
		{ "[launch]", "profile =", "left-out = left out" },
		{ "[launch]", "thp : off ; x", "thp = off" },
		{ "[launch]", "oom_score_adj=5", "oom-score-adj = 5" },
		{ "[launch]", "thp = alice", "thp = left out" },
		{ "[launch]", "alice = 1", "left-out = left out" },
		{ "[launch]", "profile = memory", "profile = memory" },
		{ "[launch]", "profile = alice", "profile = profile1" },
		{ "[launch]", "record = none", "record = none" },
		{ "[launch]", "record = /home/alice/x", "record = /left-out" },
		{ "[launch]", "allocator = auto", "allocator = auto" },
		{ "[launch]", "allocator = /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
		  "allocator = /folder1/libtcmalloc1.so" },
		{ "[launch]", "allocator = /home/alice/x.so,jemalloc-5.3.1",
		  "allocator = /folder1/library1.so,jemalloc-5.3.1" },
		{ "[launch]", "mimalloc = purge_delay=5", "mimalloc = purge_delay=5" },
		{ "[launch]", "glibc = arena_max=5", "glibc = arena_max=5" },
		{ "[launch]", "   continued alice", "left out" },
		{ "[launch]", "[alice]", "[left out]" },
		{ "[launch]", "[node ; alice", "left out" },
		{ "[launch]", "[profile ;alice]", "left out" }, /* a comment, and no end */
		{ "[launch]", "[profile latency]", "[profile latency]" },
		{ "[launch]", "[profile alice] alice", "[profile profile1]" },
		{ "[launch]", "", "" },
		{ "[launch]", "\xEF\xBB\xBFthp = off", "left out" },
		{ "[profile x]", "base = latency", "base = latency" },
		{ "[profile x]", "base = alice", "base = left out" },
		{ "[profile x]", "record = none", "left-out = left out" },
		{ "[node]", "hugetlb.2M.node1: 3 ; alice", "hugetlb.2M.node1 = 3" },
		{ "[node]", "thp-enabled = alice", "left-out = left out" },
		{ "[check]", "ignore.swap: why", "ignore.swap = left out" },
		{ "[check]", "ignore.swap = until 2027-01-31: why", "ignore.swap = until 2027-01-31: left out" },
		{ "[check]", "ignore.swap = runs until 2027-01-31: why", "ignore.swap = left out" },
		{ "[check]", "ignore.swap = until bob: why", "left-out = left out" },
		{ "[check]", "ignore.alice = why", "left-out = left out" },
		{ "[check]", "spare = 20", "spare = 20" },
		{ "[check]", "spare = alice", "left-out = left out" },
		{ "[units]", "alice.service: off ; bob", "unit1.service = off" },
		{ "[units]", "alice@bob.service = on", "unit1@instance1.service = on" },
		{ "[units]", "alice@.service = on", "unit1@.service = on" },
		{ "[units]", "alice = on", "left-out = left out" },
		{ "[units]", "alice.service = yes", "left-out = left out" },
		{ "", "thp = off", "left-out = left out" },
	};
	struct capture_names names = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_row_string(rows[i].line, policy_line(rows[i].section, rows[i].line), rows[i].expected);
	assert_string_equal(capture_clean(&pool, "/etc/allocrun/policy.conf", "\xEF\xBB\xBF# alice\n[node]\n", &names),
			    "#\n[node]\n");
}

/* A policy that is ignored as a whole is so in the capture, and in the same line. */
static void test_broken_policies(void **state)
{
	static const char *const lines[] = {
		"   continued alice", "alice",       "[alice]",          "[profile ]", "[launch",
		"alice = 1",          "thp = alice", "ignore.alice = x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct options options = { .check_ids = runner_list_ids(&pool, checks) };
		struct capture_names names = { .n = 0 };
		char *text = mem_printf(&pool, "[launch]\nthp = off\n%s\n", lines[i]);
		const char *error, *clean;

		assert_int_equal(policy_file_parse(&pool, &options, "p", text, strlen(text), &error), -EINVAL);
		assert_row_contains(lines[i], error, "p:3: ");
		clean = capture_clean(&pool, "/etc/allocrun/policy.conf", text, &names);
		assert_null(strstr(clean, "alice"));
		assert_int_equal(policy_file_parse(&pool, &options, "p", clean, strlen(clean), &error), -EINVAL);
		assert_row_contains(clean, error, "p:3: ");
	}
}

/* A host may be called as anything else is: names are not searched for. */
static void test_paths(void **state)
{
	static const char mounts[] =
		"3 1 0:6 / /sys/fs/cgroup rw - cgroup2 x rw\n4 1 0:7 / /cgroup/v1 rw - cgroup x rw,memory\n"
		"5 1 0:8 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup x rw,cpu,cpuacct\n";
	static const struct {
		const char *path, *expected;
	} rows[] = {
		{ "/sys/fs/cgroup/docker/0123abc/memory.max", "/sys/fs/cgroup/docker/group1/memory.max" },
		{ "/sys/fs/cgroup/docker/0123abc/job", "/sys/fs/cgroup/docker/group1/group2" },
		{ "/sys/fs/cgroup/cpu,cpuacct/0123abc/cpu.cfs_quota_us",
		  "/sys/fs/cgroup/cpu,cpuacct/group1/cpu.cfs_quota_us" },
		{ "/cgroup/v1", "/sys/fs/cgroup/mount1" },
		{ "/cgroup/v1/other/memory.limit_in_bytes", "/sys/fs/cgroup/mount1/group3/memory.limit_in_bytes" },
		{ "/proc/self/limits", "/proc/self/limits" },
		{ "/etc/allocrun/policy.d/z.conf", "/etc/allocrun/policy.d/file2.conf" },
		{ "/etc/allocrun/policy.d/a.conf", "/etc/allocrun/policy.d/file1.conf" },
		{ "/usr/lib/sysctl.d/z.conf", "/usr/lib/sysctl.d/file2.conf" },
		{ "/sys/class/infiniband", "/sys/class/infiniband" },
		{ "/sys/class/infiniband/x", "/sys/class/infiniband/rdma1" },
		{ "/home/alice/x.so", NULL },
		{ "relative", NULL },
	};
	struct root_record record = { .m = &pool };
	struct capture_names names;

	(void)state;
	for (size_t i = 6; i < 9; i++)
		*MEM_PUSH(&pool, record.items, record.n) = (struct root_access){ ROOT_CONTENT, rows[i].path, "" };
	capture_learn_names(&pool, "0::/docker/0123abc/job\n", mounts, &record, &names);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *clean = capture_clean_path(&pool, rows[i].path, &names);

		assert_row_string(rows[i].path, clean, rows[i].expected);
	}
}

static void test_texts(void **state)
{
	static const char groups[] = "4:memory:/memory/../x (deleted)\n2:name=systemd:/memory\n1:name=x:/\n0::/\n";
	static const struct {
		const char *path, *text, *expected;
	} rows[] = {
		{ "/proc/self/cgroup", groups,
		  "4:memory:/group1/../group2\n2:name=systemd:/group1\n1:name=other:/\n0::/\n" },
		{ "/proc/self/limits", "Max locked memory 1 1 bytes\n", "Max locked memory 1 1 bytes\n" },
		{ "/sys/devices/system/node/online", "0-1\n", "0-1\n" },
		{ "/proc/cmdline", "quiet hugepagesz=1G hugepages=0:4,1:4 -- numa=off\n",
		  "hugepagesz=1G hugepages=0:4,1:4\n" },
		{ "/proc/cmdline", "a=\"b numa=off c\" psi=\"x y\" thp-anon=16K:always\n",
		  "psi=left-out thp_anon=16K:always\n" },
		{ "/proc/cmdline", "quiet\n", "ro\n" },
		{ "/proc/driver/nvidia/gpus/0/information", "GPU UUID: \t GPU-\?\?\?\?\?\?\?\?-\?\?\?\?\n",
		  "GPU UUID: \t GPU-?\n" },
		{ "/sys/class/kfd/x", "unique_id 0\nunique_id 12\nunique_id 12\n",
		  "unique_id 0\nunique_id 1\nunique_id 1\n" },
		{ "/etc/ld.so.preload", "/lib/x.so\n/lib/x.so libjemalloc-x.so\n",
		  "/folder1/library1.so\n/folder1/library1.so\nlibjemalloc2.so\n" },
		{ "/etc/ld.so.preload", "# of alice: libjemalloc.so\n/lib/x.so # bob\n", "/folder1/library1.so\n" },
		{ "/etc/sysctl.conf", "\n-vm/zone_reclaim_mode=3;x\n", "\n-vm/zone_reclaim_mode = 3\n" },
		{ "/etc/sysctl.conf", "x = 1\nvm.zone_reclaim_mode=alice\n", "\nvm.zone_reclaim_mode = left-out\n" },
		{ "/etc/tuned/active_profile", "balanced, alice;/x virtual-guest\n",
		  "balanced tuned-profile1 tuned-profile2 virtual-guest\n" },
		{ "/etc/passwd", "root:x:0:0\n", NULL },
		{ "/proc/sys/kernel/random/boot_id", "1\n", NULL },
		{ "/proc/sys/kernel/hostname", "x\n", NULL },
		{ "/var/lib/allocrun/tune.json", "{}", NULL },
		{ "/usr/lib/sysctl.d/x.conf", "kernel.hostname = x\n", NULL },
		{ "/home/alice/notes", "x\n", NULL },
	};
	struct root_record record = { .m = &pool };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct capture_names names;
		char *clean;

		capture_learn_names(&pool, groups, NULL, &record, &names);
		clean = capture_clean(&pool, rows[i].path, rows[i].text, &names);
		assert_row_string(rows[i].text, clean, rows[i].expected);
	}
	assert_null(capture_clean_link(&pool, "/etc/alice.conf", "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_policy),
		TEST(test_broken_policies),
		TEST(test_paths),
		TEST(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
