/* SPDX-License-Identifier: Apache-2.0 */
/* --capture: every captured machine captured again says the same, and nothing of whose it is. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/runner.h"
#include "capture/capturing.h"
#include "decide/policy.h"
#include "detect/boot.h"
#include "detect/detect.h"
#include "detect/node.h"
#include "options/read.h"
#include "report/report.h"
#include "support/tune_case.h"

#define SECRET "host-of-team-7"

static const char *const no_environment[] = { NULL };

/* All detectors over one root, and what they say as one text. */
static char *look(const struct root *root)
{
	const struct detect_request request = { .environment = no_environment, .thorough = true };
	struct options options = { .environment = (char **)no_environment,
				   .root = *root,
				   .check_ids = runner_list_ids(&pool, checks) };
	struct node_facts node;
	struct facts machine;
	struct plan explained;
	const char *error;
	char *text;

	options.settings[KEY_PROFILE] = (struct setting){ "balanced", ORIGIN_BUILT_IN, "built in" };
	policy_file_load(&pool, root, &options, &error);
	facts_detect(root, &pool, &request, &machine);
	node_detect(root, &pool, &machine, &node);
	tune_detect(root, &pool, &facts);
	machine.catalog = (struct catalog_facts){ .prefix = NULL };
	policy_decide(&pool, &machine, &options, &explained);
	text = report_explain(&pool, &machine, &options, &explained, REPORT_PLANNED, false);
	for (size_t i = 0; i < facts.n_files; i++)
		text = mem_printf(&pool, "%s%s %s %d\n", text, facts.files[i].path,
				  facts.files[i].value ? facts.files[i].value : "?", facts.files[i].error);
	for (size_t i = 0; i < facts.n_rivals; i++)
		text = mem_printf(&pool, "%s%s %s\n", text, facts.rivals[i].where, facts.rivals[i].value);
	for (size_t i = 0; i < node.n_gaps; i++)
		text = mem_printf(&pool, "%s%s: %s\n", text, node.gaps[i].path, node.gaps[i].reason);
	return mem_printf(&pool, "%s%s\n%lld %lld %lld %lld %lld %zu %d\n", text,
			  node.command_line ? boot_find(&pool, node.command_line, "hugepages") : "",
			  (long long)node.memory.available, (long long)node.events.thp_faults,
			  (long long)node.cgroup.anon, (long long)node.shm.size, (long long)node.n_rdma, node.n_free,
			  node.has_ld_so_preload);
}

static void capture_with(const struct root *root, const char *policy_file, const char *folder,
			 struct capture_result *result)
{
	struct root_record record = { .m = &pool };
	struct root recording = *root;
	const char *problem = NULL;

	recording.record = &record;
	look(&recording);
	if (capture_write(root, &pool, &record, policy_file, folder, result, &problem) < 0)
		fail_msg("%s: %s", folder, problem);
}

static void capture(const struct root *root, const char *folder, struct capture_result *result)
{
	capture_with(root, NULL, folder, result);
}

static void test_machines(void **state)
{
	static const char *const machines[] = {
		"cgroup-v1-quota",     "cgroup-v2-memory-max",  "cpus-512-nodes-16",
		"hgx-8gpu-two-socket", "hybrid-cgroup-vm",      "laptop-one-node",
		"no-numa-sysfs",       "one-socket-four-nodes", "superchip-memory-only-nodes-64k",
	};

	(void)state;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		const char *folder = tree_outside(&tree, mem_printf(&pool, "/%s", machines[i]));
		struct capture_result result;
		struct machine machine;
		struct root copy;

		machine_open(&machine, machines[i]);
		capture(&machine.root, folder, &result);
		assert_int_equal(root_open(folder, &copy), 0);
		assert_row_string(machines[i], look(&copy), look(&machine.root));
		assert_row_int(machines[i], (int)result.n_unread, 0);
		root_close(&copy);
		machine_close(&machine);
	}
}

/* What somebody has called anything begins with one of these. */
static const char *const forbidden[] = { SECRET, "alice", "5ec4e7", "10.1.2.3", "b007", "6b1c", "4711" };

/* A machine full of names, keys and identities. */
static void write_secrets(void)
{
	tune_write_machine();
	tree_write(&tree, "/proc/cmdline",
		   "root=UUID=6b1c ip=10.1.2.3::" SECRET " numa_balancing=disable key=" SECRET
		   " note=\"numa=off psi=alice\" sysctl/vm/max_map_count=9 sysctl.kernel.hostname=" SECRET "\n");
	tree_write(&tree, "/proc/self/cgroup", "1:name=alice:/\n0::/system.slice/" SECRET ".service/job-of-alice\n");
	tree_write(&tree, "/proc/self/mountinfo",
		   "1 0 8:1 /@alice / rw shared:1 - btrfs /dev/disk/by-label/" SECRET " rw,subvol=/@alice\n"
		   "2 1 0:5 / /home/alice rw - nfs4 filer." SECRET ":/alice rw,addr=10.1.2.3\n"
		   "5 1 0:8 / /home/alice/v1 rw - cgroup alice rw,xattr,release_agent=/home/alice/x,name=alice\n"
		   "3 1 0:6 /system.slice/" SECRET ".service /run/home/alice/a\\040b rw - cgroup2 alice rw,nsdelegate\n"
		   "4 1 0:7 / /dev/shm rw - tmpfs alice rw,size=65536k,uid=1000\n");
	tree_write(&tree, "/run/home/alice/a b/cgroup.controllers", "cpu memory\n");
	tree_write(&tree, "/run/home/alice/a b/job-of-alice/memory.max", "1048576\n");
	tree_write(&tree, "/run/home/alice/a b/job-of-alice/memory.current", "4096\n");
	tree_write(&tree, "/proc/self/status",
		   "Name:\talice\nGroups:\t4711 4712 \nUid:\t1000\t1000\t1000\t1000\n"
		   "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0-2\n");
	tree_write(&tree, "/proc/self/smaps",
		   "7f0000000000-7f0000001000 r-xp 0 8:1 7 /home/alice/bin/allocrun\nKernelPageSize:        4 kB\n");
	tree_write(&tree, "/proc/driver/nvidia/gpus/0000:19:00.0/information",
		   "Model: \t NVIDIA\nGPU UUID: \t GPU-5ec4e700-1111-2222-3333-444444444400\nVideo BIOS: \t 5e.c4.e7\n"
		   "GPU Serial: \t 5ec4e7\nDevice Minor: \t 0\n");
	tree_write(&tree, "/sys/class/kfd/kfd/topology/nodes/1/properties",
		   "simd_count 8\nlocation_id 2304\ndomain 0\nhive_id 4711\nunique_id 4711\n");
	tree_write(&tree, "/sys/class/infiniband/rocex5ec4e7001122/node_guid", "5ec4e7\n");
	tree_write(&tree, "/sys/bus/pci/devices/0000:19:00.0/numa_node", "1\n");
	tree_write(
		&tree, "/etc/allocrun/policy.conf",
		"\xEF\xBB\xBF# for " SECRET ", ask alice\n[launch]\nuser: alice\n"
		"thp = off ; by alice\nprofile = alice-chat\nrecord: /home/alice/r.json\n"
		"allocator = jemalloc-5-alice,/home/alice/libmimalloc-alice.so,jemalloc\nconf = prof_prefix:/home/alice,narenas:4\n"
		"[profile alice-chat]\nbase = latency\n"
		"[check]\nignore.swap = until 2027-01-31: alice said so\nignore.max-map-count: alice-colon\n"
		"ignore.memory-fragmentation = alice-until runs until bob: alice\n[node]\nnuma-balancing = 0\n");
	tree_write(&tree, "/etc/allocrun/policy.d/10-alice.conf", "[launch]\nthp = advised\n");
	tree_write(&tree, "/etc/allocrun/policy.d/9-" SECRET ".conf", "[launch]\nthp = on\n");
	tree_write(&tree, "/etc/sysctl.d/9-" SECRET ".conf", "kernel.hostname = " SECRET "\n");
	tree_write(&tree, "/etc/sysctl.d/8-alice.conf",
		   "# alice\nkernel.domainname = " SECRET
		   "\nvm.max_map_count = 7 # alice\nvm.zone_reclaim_mode = alice\n");
	tree_write(&tree, "/etc/tuned/active_profile", "alice-top powersave\n");
	tree_write(&tree, "/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
	tree_write(&tree, "/etc/ld.so.preload", "/opt/" SECRET "/lib.so:/home/alice/gone.so libalice.so\n");
	tree_write(&tree, "/opt/" SECRET "/lib.so", "");
	tree_symlink(&tree, "/etc/malloc.conf", "narenas:2,prof_prefix:/home/alice/prof,alice:1,bin_shards:1-64:2");
	tree_write_bytes(&tree, "/proc/sys/vm/swappiness",
			 "\x7f"
			 "ELF\0alice",
			 10);
}

static const char *searched;
static size_t n_searched;

static int search(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	char text[65536];
	ssize_t n = 0;
	FILE *file;

	(void)st, (void)where;
	if (kind == FTW_F) {
		file = fopen(path, "r");
		n = file ? (ssize_t)fread(text, 1, sizeof text - 1, file) : 0;
		if (file)
			fclose(file);
		n_searched += st->st_size > 0;
	} else if (kind == FTW_SL) {
		n = readlink(path, text, sizeof text - 1);
	}
	text[n < 0 ? 0 : n] = '\0';
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		if (strstr(text, forbidden[i]) || strstr(path + strlen(searched), forbidden[i]))
			fail_msg("%s says '%s': %s", path, forbidden[i], text);
	}
	return 0;
}

static void assert_file_in(const struct root *root, const char *path, const char *expected)
{
	char *text;

	assert_int_equal(root_read(root, &pool, path, 4096, &text, NULL), 0);
	assert_row_string(path, text, expected);
}

/* Those in files. */
static char *list_rivals(void)
{
	char *text = mem_strdup(&pool, "");

	for (size_t i = 0; i < facts.n_rivals; i++) {
		if (*facts.rivals[i].where == '/')
			text = mem_printf(&pool, "%s%s %s\n", text, facts.rivals[i].where, facts.rivals[i].value);
	}
	return text;
}

static void test_secrets(void **state)
{
	struct capture_result result;
	struct tree other;
	struct root copy;
	const char *folder, *said;
	char link[256];
	struct stat st;

	(void)state;
	write_secrets();
	tree_open(&other);
	folder = searched = tree_outside(&other, "/capture");
	capture(&tree.root, folder, &result);
	assert_int_equal(result.n_binary, 1);
	n_searched = 0;
	assert_int_equal(nftw(folder, search, 8, FTW_PHYS), 0);
	/* With the README. */
	assert_int_equal(n_searched, result.n_files + 1);
	assert_true(n_searched > 20);

	/* And what matters is there. */
	assert_int_equal(root_open(folder, &copy), 0);
	tune_detect(&copy, &pool, &facts);
	assert_row_string("rivals", list_rivals(),
			  "/etc/sysctl.d/file1.conf:3 7\n/etc/sysctl.d/file1.conf:4 left-out\n");
	assert_string_equal(facts.tuned_profile, "tuned-profile1 powersave");
	assert_string_equal(facts.command_line, "numa_balancing=disable sysctl.vm.max_map_count=9");
	said = look(&copy);
	assert_row_contains("cgroup", said, "limit 1 MiB");
	assert_null(strstr(said, "policy ignored"));
	/* The drop-ins keep their order, and what they set wins. */
	assert_row_contains("policy", said, "/etc/allocrun/policy.d/file3.conf:2\n");
	assert_row_contains("profile", said, "profile1");
	/* Of what ld.so.preload names, one is there. */
	assert_file_in(&copy, "/etc/ld.so.preload", "/folder2/library2.so\n/folder1/library3.so\nlibrary4.so\n");
	assert_int_equal(root_stat(&copy, "/folder2/library2.so", &st), 0);
	assert_int_equal(root_stat(&copy, "/folder1/library3.so", &st), -ENOENT);
	assert_true(root_readlink(&copy, "/etc/malloc.conf", link, sizeof link) == 0);
	assert_string_equal(link, "narenas:2,prof_prefix:left-out,left-out,bin_shards:1-64:2");
	root_close(&copy);
	tree_close(&other);
}

static void test_folder(void **state)
{
	struct root_record record = { .m = &pool };
	struct capture_result result;
	const char *problem;

	(void)state;
	tree_write(&tree, "/full/file", "");
	assert_int_equal(capture_write(&tree.root, &pool, &record, NULL, tree_outside(&tree, "/full"), &result,
				       &problem),
			 -ENOTEMPTY);
	assert_row_contains("full", problem, "not empty");
	assert_int_equal(access(tree_outside(&tree, "/full/file"), F_OK), 0);
	assert_int_equal(capture_write(&tree.root, &pool, &record, NULL, tree_outside(&tree, "/none/new"), &result,
				       &problem),
			 -ENOENT);
	assert_int_equal(capture_write(&tree.root, &pool, &record, NULL, tree_outside(&tree, "/full/file"), &result,
				       &problem),
			 -ENOTDIR);
	tree_mkdir(&tree, "/empty");
	assert_int_equal(capture_write(&tree.root, &pool, &record, NULL, tree_outside(&tree, "/empty"), &result,
				       &problem),
			 0);
}

/* What was written before the failure goes. */
static void test_failure(void **state)
{
	static const char *const folders[] = { "/link", "/there", "/new" };
	struct root_record record = { .m = &pool };
	struct capture_result result;
	const char *problem;
	char **names;

	(void)state;
	tree_write(&tree, "/proc/sys/vm/a", "1\n");
	tree_mkdir(&tree, "/there");
	tree_symlink(&tree, "/link", "there");
	*MEM_PUSH(&pool, record.items, record.n) = (struct root_access){ ROOT_CONTENT, "/proc/sys/vm/a", "" };
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *folder = tree_outside(&tree, folders[i]);
		bool was_there = i < 2;

		/* A policy that is not there is found out last. */
		assert_int_equal(capture_write(&tree.root, &pool, &record, tree_outside(&tree, "/none"), folder,
					       &result, &problem),
				 -ENOENT);
		assert_row_contains(folder, problem, "/none: No such file");
		assert_int_equal(result.n_files, 1);
		/* As it was: not there, or empty. */
		assert_row_int(folder, access(folder, F_OK), was_there ? 0 : -1);
		assert_int_equal(root_list(&tree.root, &pool, "/there", "", &names), 0);
		assert_null(names[0]);
	}
	assert_int_equal(capture_write(&tree.root, &pool, &record, "/dev/null", tree_outside(&tree, "/new"), &result,
				       &problem),
			 -EINVAL);
	assert_row_contains("device", problem, "no regular file");
}

/* A policy that is ignored as a whole since one file is no text. */
static void test_unusable_policy(void **state)
{
	struct capture_result result;
	struct tree other;
	struct root copy;

	(void)state;
	tune_write_machine();
	tree_write(&tree, "/etc/allocrun/policy.conf", "[launch]\nprofile = latency\n");
	tree_write_bytes(&tree, "/etc/allocrun/policy.d/alice.conf", "[launch]\0alice\n", 15);
	tree_open(&other);
	capture(&tree.root, tree_outside(&other, "/capture"), &result);
	assert_int_equal(root_open(tree_outside(&other, "/capture"), &copy), 0);
	assert_file_in(&copy, "/etc/allocrun/policy.d/file1.conf", "left out\n");
	assert_row_contains("live", look(&tree.root), "profile        balanced");
	assert_row_contains("captured", look(&copy), "profile        balanced");
	root_close(&copy);
	tree_close(&other);
}

/* The policy that is named is that of the capture. */
static void test_named_policy(void **state)
{
	struct capture_result result;
	struct tree other;
	struct root copy;

	(void)state;
	tune_write_machine();
	tree_open(&other);
	tree_write(&other, "/alice.conf", "# alice\n[launch]\nprofile = latency\n");
	capture_with(&tree.root, tree_outside(&other, "/alice.conf"), tree_outside(&other, "/capture"), &result);
	assert_int_equal(root_open(tree_outside(&other, "/capture"), &copy), 0);
	assert_file_in(&copy, "/etc/allocrun/policy.conf", "#\n[launch]\nprofile = latency\n");
	root_close(&copy);
	tree_close(&other);
}

/* The recorder: each path once for each question, folders with the names that were asked for. */
static void test_record(void **state)
{
	struct root_record record = { .m = &pool };
	struct root root;
	struct stat st;
	char **names;
	char line[64], *text;

	(void)state;
	tree_write(&tree, "/a/file", "x\n");
	root = tree.root;
	root.record = &record;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(root_read_line(&root, line, sizeof line, "/a/%s", "file"), 0);
		assert_int_equal(root_read(&root, &pool, "/a/none", 64, &text, NULL), -ENOENT);
		assert_int_equal(root_stat(&root, "/a/file", &st), 0);
		assert_int_equal(root_list(&root, &pool, "/a", "fi", &names), 0);
		assert_int_equal(root_list(&root, &pool, "/a", "", &names), 0);
		assert_int_equal(root_readlink(&root, "/a/file", line, sizeof line), -EINVAL);
	}
	assert_int_equal(record.n, 6);
	assert_int_equal(record.items[0].question, ROOT_CONTENT);
	assert_string_equal(record.items[1].path, "/a/none");
	assert_int_equal(record.items[2].question, ROOT_EXISTENCE);
	assert_int_equal(record.items[3].question, ROOT_NAMES);
	assert_string_equal(record.items[3].prefix, "fi");
	assert_int_equal(record.items[5].question, ROOT_LINK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TUNE_TEST(test_machines), TUNE_TEST(test_secrets),      TUNE_TEST(test_folder),
		TUNE_TEST(test_failure),  TUNE_TEST(test_named_policy), TUNE_TEST(test_unusable_policy),
		TUNE_TEST(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
