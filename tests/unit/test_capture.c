/* SPDX-License-Identifier: Apache-2.0 */
/* --capture: every captured machine captured again says the same, and nothing of whose it is. */
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/node.h"
#include "capture/capture.h"
#include "policy.h"
#include "report.h"
#include "tune_case.h"

#define SECRET "host-of-team-7"

static const char *const no_environment[] = { NULL };

/* All detectors over one root, and what they say as one text. */
static char *look(const struct root *root)
{
	const struct detect_request request = { .environment = no_environment, .thorough = true };
	struct options options = { .environment = (char **)no_environment, .root = *root };
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
			  node.command_line ? node_find_boot(&pool, node.command_line, "hugepages") : "",
			  (long long)node.memory.available, (long long)node.events.thp_faults,
			  (long long)node.cgroup.anon, (long long)node.shm.size, (long long)node.n_rdma, node.n_free,
			  node.has_ld_so_preload);
}

static void capture(const struct root *root, const char *folder, struct capture_result *result)
{
	struct root_record record = { .m = &pool };
	struct root recording = *root;
	const char *problem = NULL;

	recording.record = &record;
	look(&recording);
	if (capture_write(root, &pool, &record, folder, SECRET, result, &problem) < 0)
		fail_msg("%s: %s", folder, problem);
}

static void test_machines(void **state)
{
	static const char *const machines[] = {
		"cgroup-v1-quota", "cgroup-v2-memory-max", "cpus-512-nodes-16", "hgx-8gpu-two-socket",
		"hybrid-cgroup-vm", "laptop-one-node", "no-numa-sysfs", "one-socket-four-nodes",
		"superchip-memory-only-nodes-64k",
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

/* A machine full of names, keys and identities. */
static void write_secrets(void)
{
	tune_write_machine();
	tree_write(&tree, "/proc/cmdline", "root=UUID=6b1c ip=10.1.2.3::" SECRET " numa_balancing=disable key=" SECRET "\n");
	tree_write(&tree, "/proc/self/cgroup", "0::/system.slice/" SECRET ".service/job-of-alice\n");
	tree_write(&tree, "/proc/self/mountinfo",
		   "1 0 8:1 /@alice / rw shared:1 - btrfs /dev/disk/by-label/" SECRET " rw,subvol=/@alice\n"
		   "2 1 0:5 / /home/alice rw - nfs4 filer." SECRET ":/alice rw,addr=10.1.2.3\n"
		   "3 1 0:6 /system.slice/" SECRET ".service /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
		   "4 1 0:7 / /dev/shm rw - tmpfs alice rw,size=65536k,uid=1000\n");
	tree_write(&tree, "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	tree_write(&tree, "/sys/fs/cgroup/job-of-alice/memory.max", "1048576\n");
	tree_write(&tree, "/sys/fs/cgroup/job-of-alice/memory.current", "4096\n");
	tree_write(&tree, "/proc/self/status", "Name:\tallocrun\nGroups:\t4711 4712 \nCpus_allowed_list:\t0-3\nMems_allowed_list:\t0-2\n");
	tree_write(&tree, "/proc/self/smaps", "7f0000000000-7f0000001000 r-xp 0 8:1 7 /home/alice/bin/allocrun\nKernelPageSize:        4 kB\n");
	tree_write(&tree, "/proc/driver/nvidia/gpus/0000:19:00.0/information",
		   "Model: \t NVIDIA\nGPU UUID: \t GPU-5ec4e700-1111-2222-3333-444444444400\nVideo BIOS: \t 5e.c4.e7\nDevice Minor: \t 0\n");
	tree_write(&tree, "/sys/bus/pci/devices/0000:19:00.0/numa_node", "1\n");
	tree_write(&tree, "/etc/allocrun/policy.conf", "# for " SECRET ", ask alice\n[launch]\nuser = alice\nthp = off ; by alice\n"
		   "[check]\nignore.swap = until 2027-01-31: alice said so\n[node]\nnuma-balancing = 0\n");
	tree_write(&tree, "/etc/sysctl.d/9-" SECRET ".conf", "kernel.hostname = " SECRET "\n");
	tree_write(&tree, "/etc/sysctl.d/8.conf", "# alice\nkernel.domainname = " SECRET "\nvm.max_map_count = 7\n");
	tree_write(&tree, "/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
	tree_write(&tree, "/etc/ld.so.preload", "/opt/" SECRET "/lib.so\n");
	tree_write_bytes(&tree, "/proc/sys/vm/swappiness", "\x7f" "ELF\0alice", 10);
}

static const char *const forbidden[] = { SECRET, "alice", "5ec4e700", "10.1.2.3", "b007", "6b1c", "4711" };
static const char *searched;
static size_t n_searched;

static int search(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	char text[65536];
	size_t n = 0;
	FILE *file;

	(void)st, (void)where;
	if (kind == FTW_F) {
		file = fopen(path, "r");
		n = file ? fread(text, 1, sizeof text - 1, file) : 0;
		if (file)
			fclose(file);
		n_searched++;
	}
	text[n] = '\0';
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		if (strstr(text, forbidden[i]) || strstr(path + strlen(searched), forbidden[i]))
			fail_msg("%s says '%s': %s", path, forbidden[i], text);
	}
	return 0;
}

static void test_secrets(void **state)
{
	struct capture_result result;
	struct tree other;
	struct root copy;
	const char *folder;

	(void)state;
	write_secrets();
	tree_open(&other);
	folder = searched = tree_outside(&other, "/capture");
	capture(&tree.root, folder, &result);
	assert_int_equal(result.n_binary, 1);
	n_searched = 0;
	assert_int_equal(nftw(folder, search, 8, FTW_PHYS), 0);
	assert_int_equal(n_searched, result.n_files);
	assert_true(n_searched > 20);

	/* And what matters is there. */
	assert_int_equal(root_open(folder, &copy), 0);
	tune_detect(&copy, &pool, &facts);
	assert_int_equal(facts.n_rivals, 1);
	assert_string_equal(facts.rivals[0].where, "/etc/sysctl.d/8.conf:3");
	assert_string_equal(facts.command_line, "numa_balancing=disable");
	assert_row_contains("cgroup", look(&copy), "limit 1 MiB");
	root_close(&copy);
	tree_close(&other);
}

static void test_texts(void **state)
{
	struct capture_names names;

	(void)state;
	capture_learn_names(&pool, "0::/docker/0123abc/job\n", "3 1 0:6 / /sys/fs/cgroup rw - cgroup2 x rw\n", "n1", &names);
	assert_string_equal(capture_clean_path(&pool, "/sys/fs/cgroup/docker/0123abc/memory.max", &names),
			    "/sys/fs/cgroup/docker/group1/memory.max");
	/* Only a word of its own is the name: the host may be called like the end of another. */
	assert_string_equal(capture_clean(&pool, "/etc/ld.so.preload", "/opt/n1/x n12 xn1 a.n1.b n1\n", &names),
			    "/opt/localhost/x n12 xn1 a.localhost.b localhost\n");
	/* What the kernel says is not the host's name. */
	assert_string_equal(capture_clean(&pool, "/sys/devices/system/node/online", "n1\n", &names), "n1\n");
	assert_string_equal(capture_clean(&pool, "/proc/cmdline", "quiet hugepagesz=1G hugepages=0:4,1:4 -- numa=off\n", &names),
			    "hugepagesz=1G hugepages=0:4,1:4\n");
	assert_string_equal(capture_clean(&pool, "/etc/allocrun/policy.d/x.conf", "  # x\n[check]\nignore.swap = why ; x\n", &names),
			    "#\n[check]\nignore.swap = left out\n");
	assert_null(capture_clean(&pool, "/etc/passwd", "root:x:0:0\n", &names));
	assert_null(capture_clean(&pool, "/proc/sys/kernel/random/boot_id", "1\n", &names));
	assert_null(capture_clean(&pool, "/var/lib/allocrun/tune.json", "{}", &names));
	assert_null(capture_clean(&pool, "/usr/lib/tmpfiles.d/x.conf", "d /run/x\n", &names));
	/* A machine that is called as every machine may be. */
	capture_learn_names(&pool, NULL, NULL, "localhost", &names);
	assert_string_equal(names.host, "");
}

static void test_folder(void **state)
{
	struct root_record record = { .m = &pool };
	struct capture_result result;
	const char *problem;

	(void)state;
	tree_write(&tree, "/full/file", "");
	assert_int_equal(capture_write(&tree.root, &pool, &record, tree_outside(&tree, "/full"), "", &result, &problem),
			 -ENOTEMPTY);
	assert_row_contains("full", problem, "not empty");
	assert_int_equal(capture_write(&tree.root, &pool, &record, tree_outside(&tree, "/none/new"), "", &result, &problem),
			 -ENOENT);
	assert_int_equal(capture_write(&tree.root, &pool, &record, tree_outside(&tree, "/full/file"), "", &result, &problem),
			 -ENOTDIR);
	tree_mkdir(&tree, "/empty");
	assert_int_equal(capture_write(&tree.root, &pool, &record, tree_outside(&tree, "/empty"), "", &result, &problem), 0);
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
		TUNE_TEST(test_machines), TUNE_TEST(test_secrets), TUNE_TEST(test_texts), TUNE_TEST(test_folder),
		TUNE_TEST(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
