/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/cgroup.h"
#include "detect/detectors.h"
#include "support/pool.h"

#define V2 "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
#define CG "/sys/fs/cgroup"

static void test_machines(void **state)
{
	static const struct {
		const char *machine;
		enum cgroup_version version;
		int64_t memory_max, memory_high, quota_milli;
	} cases[] = {
		{ "hybrid-cgroup-vm", CGROUP_HYBRID, FACT_UNLIMITED, FACT_UNKNOWN, FACT_UNLIMITED },
		{ "laptop-one-node", CGROUP_V2, FACT_UNLIMITED, FACT_UNLIMITED, FACT_UNLIMITED },
		{ "cgroup-v1-quota", CGROUP_V1, INT64_C(8) << 30, FACT_UNKNOWN, 2500 },
		{ "cgroup-v2-memory-max", CGROUP_V2, INT64_C(16) << 30, FACT_UNLIMITED, 4000 },
		{ "no-numa-sysfs", CGROUP_V2, FACT_UNLIMITED, FACT_UNLIMITED, FACT_UNLIMITED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine machine;
		const struct cgroup_facts *cgroup = &machine.facts.cgroup;

		print_message("%s\n", cases[i].machine);
		machine_open(&machine, cases[i].machine);
		assert_int_equal(cgroup->version, cases[i].version);
		assert_int_equal(cgroup->memory_max, cases[i].memory_max);
		assert_int_equal(cgroup->memory_high, cases[i].memory_high);
		assert_int_equal(cgroup->cpu_quota_milli, cases[i].quota_milli);
		machine_close(&machine);
	}
}

static void test_limited_containers(void **state)
{
	struct machine machine;
	const struct cgroup_facts *cgroup = &machine.facts.cgroup;

	(void)state;
	machine_open(&machine, "cgroup-v2-memory-max");
	assert_string_equal(cgroup->memory_path, CG);
	assert_int_equal(cgroup->memory_current, INT64_C(5368709120));
	machine_close(&machine);
	machine_open(&machine, "cgroup-v1-quota");
	assert_string_equal(cgroup->memory_path, CG "/memory");
	assert_int_equal(cgroup->memory_current, 1503238553);
	machine_close(&machine);
	machine_open(&machine, "hybrid-cgroup-vm");
	assert_null(cgroup->memory_path);
	assert_true(cgroup->memory_current > 0);
	machine_close(&machine);
}

/* A tree with this place in the hierarchies; the test adds the files. */
static void place(struct tree *t, const char *self, const char *mounts)
{
	tree_open(t);
	tree_write(t, "/proc/self/cgroup", self);
	tree_write(t, "/proc/self/mountinfo", mounts);
}

#define FILES(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

/* The facts of such a place with these files, PATH and TEXT in turn; in the pool. */
static struct cgroup_facts detect(const char *self, const char *mounts, const char *const *files)
{
	struct cgroup_facts cgroup;
	struct tree t;

	place(&t, self, mounts);
	for (; *files; files += 2)
		tree_write(&t, files[0], files[1]);
	cgroup_detect(&t.root, &pool, true, &cgroup);
	tree_close(&t);
	return cgroup;
}

static void test_tightest_of_the_ancestors(void **state)
{
	struct cgroup_facts cgroup;

	(void)state;
	cgroup = detect("0::/a/b/c\n", V2,
			FILES(CG "/a/b/c/memory.max", "8000\n", CG "/a/b/memory.max", "4000\n", CG "/a/memory.max",
			      "6000\n", CG "/a/b/c/memory.high", "max\n", CG "/a/memory.high", "3000\n",
			      CG "/a/b/memory.current", "1111\n", CG "/a/b/c/memory.current", "999\n",
			      CG "/a/b/c/cpu.max", "150000 100000\n", CG "/a/b/cpu.max", "max 100000\n",
			      CG "/a/cpu.max", "25000 50000\n"));
	assert_int_equal(cgroup.memory_max, 4000);
	assert_string_equal(cgroup.memory_path, CG "/a/b");
	assert_int_equal(cgroup.memory_current, 1111);
	assert_int_equal(cgroup.memory_high, 3000);
	assert_int_equal(cgroup.cpu_quota_milli, 500);
}

/* What memory.max may say, and what that means with a second level that says "max". */
static void test_memory_values(void **state)
{
	static const struct {
		const char *text;
		int64_t expected;
	} cases[] = {
		{ "max\n", FACT_UNLIMITED },
		{ "0\n", 0 },
		{ "1099511627776\n", INT64_C(1) << 40 },
		{ "9223372036854771712\n", FACT_UNLIMITED }, /* 4K pages */
		{ "9223372036854710272\n", FACT_UNLIMITED }, /* 64K pages */
		{ "9223372036854775807\n", FACT_UNLIMITED },
		{ "18446744073709551615\n", FACT_UNLIMITED }, /* before 3.19 */
		{ "99999999999999999999999\n", FACT_UNKNOWN },
		{ "-1\n", FACT_UNKNOWN },
		{ "12k\n", FACT_UNKNOWN },
		{ "maximum\n", FACT_UNKNOWN },
		{ "4096", FACT_UNKNOWN },
		{ "\n", FACT_UNKNOWN },
		{ "", FACT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cgroup_facts cgroup;

		print_message("\"%s\"\n", cases[i].text);
		cgroup = detect("0::/a\n", V2, FILES(CG "/a/memory.max", cases[i].text, CG "/memory.max", "max\n"));
		assert_int_equal(cgroup.memory_max, cases[i].expected);
	}
}

/* A limit that was read holds, whatever the unreadable one says. */
static void test_doubt_does_not_lift_a_limit(void **state)
{
	struct cgroup_facts cgroup;

	(void)state;
	cgroup = detect("0::/a\n", V2, FILES(CG "/a/memory.max", "garbage\n", CG "/memory.max", "5000\n"));
	assert_int_equal(cgroup.memory_max, 5000);
}

static void test_quota_values(void **state)
{
	static const struct {
		const char *text;
		int64_t expected;
	} cases[] = {
		{ "max 100000\n", FACT_UNLIMITED },
		{ "100000 100000\n", 1000 },
		{ "1000 100000\n", 10 },
		{ "999 1000000\n", 0 },
		{ "100000 0\n", FACT_UNKNOWN },
		{ "100000\n", FACT_UNKNOWN },
		{ "-5 100000\n", FACT_UNKNOWN },
		{ "9223372036854775807 1\n", FACT_UNKNOWN },
		{ "1 2 3\n", FACT_UNKNOWN },
		{ "max\n", FACT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cgroup_facts cgroup;

		print_message("\"%s\"\n", cases[i].text);
		cgroup = detect("0::/a\n", V2, FILES(CG "/a/cpu.max", cases[i].text));
		assert_int_equal(cgroup.cpu_quota_milli, cases[i].expected);
	}
}

static void test_v1_quota(void **state)
{
	static const char mounts[] = "33 31 0:30 / " CG "/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
				     "34 31 0:31 / " CG "/memory rw - cgroup cgroup rw,memory\n";
	struct cgroup_facts cgroup;
	struct tree t;

	(void)state;
	place(&t, "2:cpu,cpuacct:/a\n1:memory:/m\n", mounts);
	tree_write(&t, CG "/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
	tree_write(&t, CG "/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	tree_write(&t, CG "/memory/m/memory.limit_in_bytes", "9223372036854771712\n");
	tree_write(&t, CG "/memory/m/memory.usage_in_bytes", "77\n");
	cgroup_detect(&t.root, &t.mem, true, &cgroup);
	assert_int_equal(cgroup.version, CGROUP_V1);
	assert_int_equal(cgroup.cpu_quota_milli, FACT_UNLIMITED);
	assert_int_equal(cgroup.memory_max, FACT_UNLIMITED);
	assert_null(cgroup.memory_path);
	assert_int_equal(cgroup.memory_current, 77);
	/* A quota whose period is missing is not "none". */
	tree_write(&t, CG "/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n");
	cgroup_detect(&t.root, &t.mem, true, &cgroup);
	assert_int_equal(cgroup.cpu_quota_milli, FACT_UNKNOWN);
	tree_write(&t, CG "/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
	cgroup_detect(&t.root, &t.mem, true, &cgroup);
	assert_int_equal(cgroup.cpu_quota_milli, 500);
	tree_close(&t);
}

static void test_places(void **state)
{
	static const struct {
		const char *why, *self, *mounts, *first;
		size_t n;
	} cases[] = {
		{ "below the root", "0::/a/b\n", V2, CG "/a/b", 3 },
		{ "the root", "0::/\n", V2, CG, 1 },
		{ "a subtree is mounted", "0::/pods/p1/c\n", "1 2 0:3 /pods/p1 " CG " rw - cgroup2 c rw\n", CG "/c",
		  2 },
		{ "exactly our folder is mounted", "0::/pods/p1\n", "1 2 0:3 /pods/p1 " CG " rw - cgroup2 c rw\n", CG,
		  1 },
		{ "another folder is mounted", "0::/pods/p10\n", "1 2 0:3 /pods/p1 " CG " rw - cgroup2 c rw\n", CG, 1 },
		{ "outside of the namespace", "0::/../../x\n", V2, NULL, 0 },
		{ "a folder named like it", "0::/..x\n", V2, CG "/..x", 2 },
		{ "a mount from outside", "0::/\n", "1 2 0:3 /../.. " CG " rw - cgroup2 c rw\n", CG, 1 },
		{ "the mount that holds us", "0::/a\n",
		  "1 2 0:3 / " CG " rw - cgroup2 c rw\n1 2 0:3 /../.. /host rw - cgroup2 c rw\n", CG "/a", 2 },
		{ "the later hides the earlier", "0::/a\n", "1 2 0:3 / /old rw - cgroup2 c rw\n" V2, CG "/a", 2 },
		{ "escapes", "0::/a b\n", "1 2 0:3 / /cg\\040x\\134y rw - cgroup2 c rw\n", "/cg x\\y/a b", 2 },
		{ "optional fields", "0::/a\n", "1 2 0:3 / " CG " rw,x shared:4 master:5 - cgroup2 c rw\n", CG "/a",
		  2 },
		{ "no mount", "0::/a\n", "1 2 0:3 / / rw - ext4 /dev/x rw\n", NULL, 0 },
		{ "no v2 line", "1:name=systemd:/\n", V2, NULL, 0 },
		{ "a cut line", "0::/a\n", "1 2 0:3 / " CG " rw - cgroup2 c rw", NULL, 0 },
		{ "too few fields", "0::/a\n", "1 2 0:3\n - cgroup2\n\n", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cgroup_map map = { 0 };
		struct cgroup_place found;
		struct mem m = MEM_INIT;

		print_message("%s\n", cases[i].why);
		map.self = mem_strdup(&m, cases[i].self);
		cgroup_parse_mounts(cases[i].mounts, &m, &map);
		cgroup_map_find(&map, &m, "", &found);
		assert_int_equal(found.n_folders, cases[i].n);
		if (cases[i].first)
			assert_string_equal(found.folders[0], cases[i].first);
		mem_free_all(&m);
	}
}

static void test_parse_self(void **state)
{
	static const char text[] = "12:cpu,cpuacct:/c\n11:name=systemd:/s\n3:memory:/m:x\n0::/u\n";
	static const struct {
		const char *controller, *path;
	} cases[] = {
		{ "cpu", "/c" }, { "cpuacct", "/c" }, { "memory", "/m:x" },     { "", "/u" },
		{ "cp", NULL },  { "cpuset", NULL },  { "name=systemd", "/s" },
	};
	static const char *const broken[] = { "", ":", "::", "0:", "0::", "0::x\n", "0::/cut", "\n\n" };
	struct mem m = MEM_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *path = NULL;

		cgroup_parse_self(text, &m, cases[i].controller, &path);
		if (cases[i].path)
			assert_string_equal(path, cases[i].path);
		else
			assert_null(path);
	}
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		char *path = NULL;

		print_message("\"%s\"\n", broken[i]);
		cgroup_parse_self(broken[i], &m, "", &path);
		assert_null(path);
	}
	mem_free_all(&m);
}

static void test_versions(void **state)
{
	static const char v1[] = "33 31 0:30 / " CG "/memory rw - cgroup cgroup rw,memory\n";
	static const struct {
		const char *self, *mounts;
		enum cgroup_version version;
	} cases[] = {
		{ "0::/\n", V2, CGROUP_V2 },
		{ "1:memory:/\n", v1, CGROUP_V1 },
		{ "1:memory:/\n0::/\n", v1, CGROUP_V1 },
		{ "1:name=systemd:/\n0::/\n", V2, CGROUP_V2 },
		{ "0::/\n", "", CGROUP_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cgroup_facts cgroup;

		print_message("case %zu\n", i);
		cgroup = detect(cases[i].self, cases[i].mounts, FILES());
		assert_int_equal(cgroup.version, cases[i].version);
	}
}

static void test_without_cgroups(void **state)
{
	struct cgroup_facts cgroup;
	struct tree t;

	(void)state;
	tree_open(&t);
	cgroup_detect(&t.root, &t.mem, true, &cgroup);
	assert_int_equal(cgroup.version, CGROUP_UNKNOWN);
	assert_int_equal(cgroup.memory_max, FACT_UNKNOWN);
	/* With /proc there, but no such file, the kernel has none. */
	tree_write(&t, "/proc/self/status", "Name:\tx\n");
	cgroup_detect(&t.root, &t.mem, true, &cgroup);
	assert_int_equal(cgroup.version, CGROUP_NONE);
	assert_int_equal(cgroup.memory_max, FACT_UNLIMITED);
	assert_int_equal(cgroup.cpu_quota_milli, FACT_UNLIMITED);
	tree_close(&t);
}

/* /sys is not mounted: no file is no answer there. */
static void test_mount_that_is_not_there(void **state)
{
	struct cgroup_facts cgroup;

	(void)state;
	cgroup = detect("0::/a\n", V2, FILES());
	assert_int_equal(cgroup.version, CGROUP_V2);
	assert_int_equal(cgroup.memory_max, FACT_UNKNOWN);
	assert_int_equal(cgroup.cpu_quota_milli, FACT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_machines),
		TEST(test_limited_containers),
		TEST(test_tightest_of_the_ancestors),
		TEST(test_memory_values),
		TEST(test_doubt_does_not_lift_a_limit),
		TEST(test_quota_values),
		TEST(test_v1_quota),
		TEST(test_places),
		TEST(test_parse_self),
		TEST(test_versions),
		TEST(test_without_cgroups),
		TEST(test_mount_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
