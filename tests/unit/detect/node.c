/* SPDX-License-Identifier: Apache-2.0 */
/* What only the audit reads: its parsers, and its files on captured and made-up machines. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>

#include "detect/boot.h"
#include "detect/node.h"
#include "support/pool.h"

#define GIB (INT64_C(1) << 30)

static void test_counters(void **state)
{
	static const char text[] = "thp_fault_alloc_extra 9\nthp_fault_alloc 12\nnegative -3\nword x\ncut 77";
	int64_t value = FACT_UNKNOWN;

	(void)state;
	node_parse_counter(text, "thp_fault", &value);
	assert_int_equal(value, FACT_UNKNOWN);
	node_parse_counter(text, "negative", &value);
	node_parse_counter(text, "word", &value);
	node_parse_counter(text, "cut", &value);
	assert_int_equal(value, FACT_UNKNOWN);
	node_parse_counter(text, "thp_fault_alloc", &value);
	assert_int_equal(value, 12);
}

static void test_buddyinfo(void **state)
{
	static const char text[] = "Node 0, zone      DMA      1      0      2 \n"
				   "Node 0, zone   Normal      3      1      4 \n"
				   "Node 2, zone  Movable      0      0      1 \n";
	static const char *const broken[] = {
		"",
		"\n",
		"Node 0, zone\n",
		"Node 0, zone Normal\n",
		"Node 0, zone Normal 1 2 x\n",
		"Node -1, zone Normal 1\n",
		"Node 0, zone Normal 1 2",
		"Nod 0, zone Normal 1\n",
		"Node 0, zone Normal 9223372036854775807 1\n",
		"Node 0, zone Normal -4 1\n",
		"Node 99999, zone Normal 1\n",
	};
	struct node_free *nodes = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(node_parse_buddyinfo(&pool, text, 4096, 16384, &nodes, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(nodes[0].node, 0);
	assert_int_equal(nodes[0].bytes, 4096 * (1 + 8 + 3 + 2 + 16));
	assert_int_equal(nodes[0].huge, 4096 * (8 + 16));
	assert_int_equal(nodes[1].node, 2);
	assert_int_equal(nodes[1].huge, 16384);
	/* No block is ever that large: the kernel's orders end before. */
	assert_int_equal(node_parse_buddyinfo(&pool, text, 4096, 2 << 20, &nodes, &n), 0);
	assert_int_equal(nodes[0].huge, FACT_UNKNOWN);
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		print_message("\"%s\"\n", broken[i]);
		assert_int_equal(node_parse_buddyinfo(&pool, broken[i], 4096, 2 << 20, &nodes, &n), -EINVAL);
	}
}

static void test_tmpfs(void **state)
{
	static const struct {
		const char *text;
		bool is_found;
		int64_t size;
	} cases[] = {
		{ "26 22 0:24 / /dev/shm rw shared:4 - tmpfs tmpfs rw,size=65536k\n", true, 64 << 20 },
		{ "26 22 0:24 / /dev/shm rw - tmpfs shm rw,inode64\n", true, 512 << 20 },
		{ "26 22 0:24 / /dev/shm rw - tmpfs shm rw,size=0k\n", true, FACT_UNLIMITED },
		{ "26 22 0:24 / /dev/shm rw - tmpfs shm rw,size=50%\n", true, FACT_UNKNOWN },
		{ "26 22 0:24 / /dev/shm2 rw - tmpfs shm rw,size=64k\n", false, 7 },
		{ "26 22 0:24 / /dev/shm rw - ext4 /dev/x rw\n", false, 7 },
		{ "26 22 0:24 / /dev/shm rw - tmpfs shm rw,size=64k", false, 7 },
		/* A later mount hides the earlier. */
		{ "1 2 0:3 / /dev/shm rw - tmpfs a rw,size=64k\n1 2 0:3 / /dev/shm rw - ext4 b rw\n", false, 65536 },
		{ "1 2 0:3 / /dev/shm rw - tmpfs a rw,size=64k\n1 2 0:3 / /dev/shm rw - tmpfs b rw,size=8k\n", true,
		  8192 },
		{ "26 22\n", false, 7 },
		{ "26 22 0:24 / /dev/shm rw - tmpfs\n", false, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t size = 7;

		print_message("%s", cases[i].text);
		assert_int_equal(node_parse_tmpfs(cases[i].text, "/dev/shm", GIB, &size), cases[i].is_found);
		assert_int_equal(size, cases[i].size);
	}
}

static void test_boot(void **state)
{
	static const struct {
		const char *line, *name, *value;
	} cases[] = {
		{ "ro quiet", "quiet", "" },
		{ "ro quiet", "qui", NULL },
		{ "a=1 a=2", "a", "2" },
		{ "a=\"1 2\" b=3", "b", "3" },
		{ "a=\"1 2\" b=3", "a", "1 2" },
		{ "\"a=1 2\"", "a", "1 2" },
		{ "transparent-hugepage=never", "transparent_hugepage", "never" },
		{ "ro -- a=1", "a", NULL },
		{ "", "a", NULL },
		{ "   ", "a", NULL },
		{ "a=", "a", "" },
		{ "a=\"", "a", "" },
		{ "hugepagesz=2M", "hugepages", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].line, boot_find(&pool, cases[i].line, cases[i].name), cases[i].value);
}

static void test_boot_pools(void **state)
{
	static const struct {
		const char *line;
		size_t n;
		int64_t size, pages; /* of the first */
	} cases[] = {
		{ "hugepages=64", 1, 2 << 20, 64 },
		{ "hugepagesz=1G hugepages=4", 1, GIB, 4 },
		{ "hugepagesz=1048576K hugepages=4 hugepagesz=2m hugepages=9", 2, GIB, 4 },
		{ "hugepagesz=1G hugepages=0:2,1:3", 1, GIB, 5 },
		{ "hugepagesz=1G hugepages=4 hugepagesz=1G hugepages=8", 1, GIB, 8 },
		{ "hugepagesz=huge hugepages=4", 0, 0, 0 },
		{ "hugepages=", 0, 0, 0 },
		{ "hugepages=many", 0, 0, 0 },
		{ "hugepages=0:4,1", 0, 0, 0 },
		{ "hugepages=99999999999999999999", 0, 0, 0 },
		{ "hugepagesz=9223372036854775807G hugepages=1", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct boot_pool *pools = NULL;
		size_t n = 0;

		print_message("%s\n", cases[i].line);
		boot_parse_pools(&pool, cases[i].line, 2 << 20, &pools, &n);
		assert_int_equal(n, cases[i].n);
		if (n) {
			assert_int_equal(pools[0].page_size, cases[i].size);
			assert_int_equal(pools[0].pages, cases[i].pages);
		}
	}
}

static void detect(const char *name, struct machine *machine, struct node_facts *node)
{
	machine_open(machine, name);
	node_detect(&machine->root, &pool, &machine->facts, node);
	for (size_t i = 0; i < node->n_gaps; i++)
		print_message("gap: %s: %s\n", node->gaps[i].path, node->gaps[i].reason);
	assert_int_equal(node->n_gaps, 0);
}

static void test_hgx(void **state)
{
	struct machine machine;
	struct node_facts node;

	(void)state;
	detect("hgx-8gpu-two-socket", &machine, &node);
	assert_non_null(strstr(node.command_line, "iommu=pt hugepages=2048"));
	assert_int_equal(node.overcommit_memory, 0);
	assert_int_equal(node.swappiness, 60);
	assert_int_equal(node.max_map_count, 1048576);
	assert_int_equal(node.balancing, 1);
	assert_int_equal(node.has_balancing, TRI_YES);
	assert_int_equal(node.memory.swap_free, INT64_C(7340028) * 1024);
	assert_int_equal(node.memory.file, (INT64_C(190000000) - 4194304) * 1024);
	assert_int_equal(node.memory.default_huge_size, 2 << 20);
	assert_int_equal(node.events.pinned_pages, 91750400 - 78643200);
	assert_int_equal(node.events.thp_fallbacks, 42000);
	assert_int_equal(node.n_free, 2);
	assert_int_equal(node.free[1].node, 1);
	assert_int_equal(node.free[1].huge, INT64_C(9) * (400 * 2 + 20000 * 4) << 20);
	assert_int_equal(node.shm.is_mounted, TRI_YES);
	assert_int_equal(node.shm.size, machine.facts.memory_total / 2);
	assert_int_equal(node.shm.used, FACT_UNKNOWN);
	assert_int_equal(node.n_iommu, 8);
	assert_string_equal(node.iommu[7].type, "identity");
	assert_int_equal(node.n_rdma, 8);
	assert_int_equal(node.cgroup.oom_kills, FACT_UNKNOWN);
	assert_int_equal(node.has_ld_so_preload, TRI_NO);
	assert_false(node.mempolicy.was_tried);
	machine_close(&machine);
}

static void test_cgroups(void **state)
{
	struct machine machine;
	struct node_facts node;

	(void)state;
	detect("cgroup-v2-memory-max", &machine, &node);
	assert_int_equal(node.cgroup.oom_kills, 2);
	assert_int_equal(node.cgroup.anon, INT64_C(3758096384));
	assert_int_equal(node.cgroup.file, 1503238553 - 214748364);
	assert_int_equal(node.cgroup.inactive_file, 1073741824);
	assert_int_equal(node.cgroup.peak, FACT_UNKNOWN);
	machine_close(&machine);
	detect("cgroup-v1-quota", &machine, &node);
	assert_int_equal(node.cgroup.oom_kills, 0);
	assert_int_equal(node.cgroup.anon, 524288000);
	assert_int_equal(node.cgroup.inactive_file, 734003200);
	assert_int_equal(node.cgroup.peak, 1912602624);
	assert_int_equal(node.cgroup.swap_max, FACT_UNKNOWN);
	machine_close(&machine);
}

/* Memory on v1 beside an empty v2 hierarchy, and the other way round. */
static void test_cgroup_of_a_hybrid_host(void **state)
{
	struct facts machine = { .cgroup = { .version = CGROUP_HYBRID, .memory_path = "/cg" } };
	struct node_facts node = { .memory.swap_total = GIB };
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, "/cg/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	node.cgroup.oom_kills = FACT_UNKNOWN;
	node_detect_cgroup(&t.root, &pool, &machine.cgroup, &node);
	assert_int_equal(node.cgroup.oom_kills, 7);
	tree_write(&t, "/cg/memory.events", "oom 1\noom_kill 3\n");
	tree_write(&t, "/cg/memory.swap.max", "0\n");
	node_detect_cgroup(&t.root, &pool, &machine.cgroup, &node);
	assert_int_equal(node.cgroup.oom_kills, 3);
	assert_int_equal(node.cgroup.swap_max, 0);
	tree_write(&t, "/cg/memory.swap.max", "max\n");
	node_detect_cgroup(&t.root, &pool, &machine.cgroup, &node);
	assert_int_equal(node.cgroup.swap_max, FACT_UNLIMITED);
	assert_int_equal(node.n_gaps, 0);
	tree_close(&t);
}

static void test_etc(void **state)
{
	struct facts machine = { .page_size = 4096 };
	struct node_facts node;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_symlink(&t, "/etc/malloc.conf", "narenas:2,abort_conf:true");
	tree_write(&t, "/etc/ld.so.preload", "/lib/there.so:/lib/gone.so\nlibbare.so\n");
	tree_write(&t, "/lib/there.so", "");
	node_detect(&t.root, &pool, &machine, &node);
	assert_string_equal(node.malloc_conf, "narenas:2,abort_conf:true");
	/* Not given to us as text: it is there, and could not be read. */
	assert_int_equal(node.has_ld_so_preload, TRI_YES);
	assert_int_equal(node.n_preload_missing, 0);
	machine.ld_so_preload = mem_strdup(&pool, "/lib/there.so:/lib/gone.so\nlibbare.so\n/usr/$LIB/x.so\n");
	node_detect(&t.root, &pool, &machine, &node);
	assert_int_equal(node.n_preload_missing, 1);
	assert_string_equal(node.preload_missing[0], "/lib/gone.so");
	/* A link to itself: neither there nor absent. */
	tree_remove(&t, "/etc/ld.so.preload");
	tree_symlink(&t, "/etc/ld.so.preload", "/etc/ld.so.preload");
	machine.ld_so_preload = NULL;
	node_detect(&t.root, &pool, &machine, &node);
	assert_int_equal(node.has_ld_so_preload, TRI_UNKNOWN);
	tree_close(&t);
}

/* Nothing there: all unknown, each with its gap; nothing is taken for an answer. */
static void test_empty_root(void **state)
{
	struct facts machine = { .page_size = 4096 };
	struct node_facts node;
	struct tree t;

	(void)state;
	tree_open(&t);
	node_detect(&t.root, &pool, &machine, &node);
	assert_null(node.command_line);
	assert_int_equal(node.balancing, FACT_UNKNOWN);
	assert_int_equal(node.has_balancing, TRI_UNKNOWN);
	assert_int_equal(node.memory.available, FACT_UNKNOWN);
	assert_int_equal(node.events.thp_faults, FACT_UNKNOWN);
	assert_int_equal(node.n_free, 0);
	assert_int_equal(node.shm.is_mounted, TRI_UNKNOWN);
	assert_true(node.n_gaps >= 7);
	assert_string_equal(node.gaps[0].path, "/proc/cmdline");
	assert_string_equal(node.gaps[0].reason, "not there");
	tree_write(&t, "/proc/sys/kernel/osrelease", "6.1.0\n");
	node_detect(&t.root, &pool, &machine, &node);
	assert_int_equal(node.has_balancing, TRI_NO);
	tree_close(&t);
}

static void test_iommu(void **state)
{
	struct gpu gpus[3] = { { .address = "0000:01:00.0" },
			       { .address = "0000:02:00.0" },
			       { .address = "0000:03:00.0" } };
	struct facts machine = { .page_size = 4096, .gpu = { .gpus = gpus, .n_gpus = 3 } };
	struct node_facts node;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_mkdir(&t, "/sys/bus/pci/devices/0000:01:00.0");
	tree_mkdir(&t, "/sys/bus/pci/devices/0000:02:00.0/iommu_group");
	node_detect(&t.root, &pool, &machine, &node);
	assert_int_equal(node.n_iommu, 3);
	assert_int_equal(node.iommu[0].has_group, TRI_NO);
	assert_int_equal(node.iommu[1].has_group, TRI_YES);
	assert_string_equal(node.iommu[1].type, "");
	assert_int_equal(node.iommu[2].has_group, TRI_UNKNOWN);
	assert_int_equal(node.n_rdma, 0);
	tree_close(&t);
}

/* Each file of the audit in each form of garbage: what was in it is unknown, nothing breaks. */

static void test_garbage(void **state)
{
	static const char *const files[] = {
		"/proc/cmdline",
		"/proc/vmstat",
		"/proc/buddyinfo",
		"/proc/meminfo",
		"/proc/sys/vm/overcommit_memory",
		"/proc/self/mountinfo",
		"/cg/memory.stat",
		"/cg/memory.events",
		"/sys/bus/pci/devices/0000:01:00.0/iommu_group/type",
	};
	struct gpu gpu = { .address = "0000:01:00.0" };
	struct facts machine = { .page_size = 4096,
				 .thp = { .pmd_size = 2 << 20 },
				 .gpu = { .gpus = &gpu, .n_gpus = 1 },
				 .cgroup = { .version = CGROUP_V2, .memory_path = "/cg" } };
	struct garbage forms[GARBAGE_FORMS];
	struct tree t;

	(void)state;
	tree_open(&t);
	garbage_forms(&t.mem, forms);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		for (size_t k = 1; k < GARBAGE_FORMS; k++) {
			struct node_facts node;

			print_message("%s: %s\n", files[i], forms[k].name);
			tree_write_bytes(&t, files[i], forms[k].bytes, forms[k].size);
			node_detect(&t.root, &pool, &machine, &node);
			assert_int_equal(node.overcommit_memory, FACT_UNKNOWN);
			assert_int_equal(node.memory.available, FACT_UNKNOWN);
			assert_int_equal(node.events.oom_kills, FACT_UNKNOWN);
			assert_int_equal(node.cgroup.oom_kills, FACT_UNKNOWN);
			assert_int_equal(node.n_free, 0);
			assert_true(node.shm.is_mounted != TRI_YES);
			assert_true(node.n_gaps > 0);
		}
		tree_remove(&t, files[i]);
	}
	tree_close(&t);
}

/* On the machine that runs the tests; none of it may change us. */
static void test_probe(void **state)
{
	struct node_mempolicy probe = { .mode = FACT_UNKNOWN }, again = { .mode = FACT_UNKNOWN };
	struct bitmap nodes = { { 1 } };

	(void)state;
	node_probe_mempolicy(&pool, &nodes, &probe);
	assert_true(probe.was_tried != (probe.problem != NULL));
	assert_true((probe.accepted & probe.tried) == probe.accepted);
	assert_true(probe.tried & 1U << MPOL_PREFERRED && probe.tried & 1U << MPOL_LOCAL);
	/* A kernel that lets us bind lets us prefer. */
	if (probe.accepted & 1U << MPOL_BIND)
		assert_true(probe.accepted & 1U << MPOL_PREFERRED && probe.accepted & 1U << MPOL_LOCAL);
	if (probe.was_tried)
		assert_true(!probe.bind_error == !!(probe.accepted & 1U << MPOL_BIND));
	/* No child is left behind, and our own policy is what it was. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	node_probe_mempolicy(&pool, &nodes, &again);
	assert_int_equal(again.mode, probe.mode);
	assert_int_equal(again.accepted, probe.accepted);
}

/* As a container runtime's filter: set_mempolicy ends so, all else is allowed. */
static int filter_mempolicy(uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_set_mempolicy, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0;
}

static struct node_mempolicy probe_under_filter(uint32_t action)
{
	struct node_mempolicy *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
					     -1, 0),
			      result;
	struct bitmap nodes = { { 1 } };
	int status;
	pid_t pid;

	assert_true(shared != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		if (filter_mempolicy(action))
			_exit(1);
		node_probe_mempolicy(&pool, &nodes, shared);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	result = *shared;
	munmap(shared, sizeof *shared);
	return result;
}

static void test_probe_under_seccomp(void **state)
{
	struct node_mempolicy probe = probe_under_filter(SECCOMP_RET_ERRNO | EPERM);

	(void)state;
	assert_true(probe.was_tried);
	assert_int_equal(probe.bind_error, EPERM);
	assert_int_equal(probe.accepted, 0);
	probe = probe_under_filter(SECCOMP_RET_KILL_PROCESS);
	assert_false(probe.was_tried);
	assert_int_equal(probe.killed_by, SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counters),   TEST(test_buddyinfo),
		TEST(test_tmpfs),      TEST(test_boot),
		TEST(test_boot_pools), TEST(test_hgx),
		TEST(test_cgroups),    TEST(test_cgroup_of_a_hybrid_host),
		TEST(test_etc),        TEST(test_empty_root),
		TEST(test_iommu),      TEST(test_garbage),
		TEST(test_probe),      TEST(test_probe_under_seccomp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
