/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of /proc/PID: stat, status, auxv, maps, smaps, numa_maps. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <linux/mempolicy.h>

#include "live/context.h"
#include "live/maps.h"
#include "live/objects.h"
#include "support/pool.h"

#define TAIL " 4 7 7 0 -1 4194304 9 0 0 0 1 2 3 4 20 0 12 0 8765 1000 200 184467"

static void test_stat(void **state)
{
	static const struct {
		const char *line, *name;
		int expected;
		char process_state;
	} cases[] = {
		{ "17 (python3) S" TAIL "\n", "python3", 0, 'S' },
		{ "17 (a) 1 (b) Z" TAIL "\n", "a) 1 (b", 0, 'Z' },
		{ "17 () R" TAIL, "", 0, 'R' },
		{ "17 (new\nline) D" TAIL "\n", "new\nline", 0, 'D' },
		{ "17 ())))))))))))))) R" TAIL, "))))))))))))))", 0, 'R' },
		{ "17 (0123456789012345678901234567890123456789012345678901234567890123456789) R" TAIL,
		  "012345678901234567890123456789012345678901234567890123456789012", 0, 'R' },
		{ "", NULL, -EINVAL, 0 },
		{ "17", NULL, -EINVAL, 0 },
		{ "17 (", NULL, -EINVAL, 0 },
		{ "17 )(", NULL, -EINVAL, 0 },
		{ "17 (x)", NULL, -EINVAL, 0 },
		{ "17 (x) ", NULL, -EINVAL, 0 },
		{ "17 (x) S 4 7 7 0 -1 4194304 9 0 0 0 1 2 3 4 20 0 12 0", NULL, -EINVAL, 0 },
		{ "17 (x) S 4 7 7 0 -1 4194304 9 0 0 0 1 2 3 4 20 0 threads 0 8765", NULL, -EINVAL, 0 },
		{ "17 (x) S 4 7 7 0 -1 flags 9 0 0 0 1 2 3 4 20 0 12 0 8765", NULL, -EINVAL, 0 },
		{ "pid (x) S" TAIL, NULL, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct process_stat stat = { .pid = -7 };

		assert_row_int(cases[i].line, stat_parse(cases[i].line, &stat), cases[i].expected);
		assert_row_int(cases[i].line, stat.pid, cases[i].name ? 17 : -7);
		if (!cases[i].name)
			continue;
		assert_row_string(cases[i].line, stat.name, cases[i].name);
		assert_row_int(cases[i].line, stat.parent, 4);
		assert_row_int(cases[i].line, stat.start_time, 8765);
		assert_row_int(cases[i].line, stat.n_threads, 12);
		assert_row_int(cases[i].line, stat.state, cases[i].process_state);
		assert_false(stat.is_kernel_thread);
	}
}

static void test_stat_of_a_kernel_thread(void **state)
{
	struct process_stat stat;

	(void)state;
	assert_int_equal(stat_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 25 0 0 1\n", &stat), 0);
	assert_true(stat.is_kernel_thread);
	assert_int_equal(stat.start_time, 25);
}

static struct live_process parse_status(const char *text)
{
	struct live_process p = {
		.status.uid = FACT_UNKNOWN,
		.status.rss_anon = FACT_UNKNOWN,
		.status.hugetlb = FACT_UNKNOWN,
		.status.inner_pid = 4711,
		.status.n_threads = FACT_UNKNOWN,
		.status.capabilities_known = TRI_UNKNOWN,
		.status.thp = THP_PROCESS_UNKNOWN,
	};

	status_parse(&pool, text, &p.status);
	return p;
}

static void test_status(void **state)
{
	struct live_process p = parse_status(
		"Name:\tvllm\nUmask:\t0022\nUid:\t1000\t1001\t1000\t1000\nNStgid:\t4711\t12\t1\nThreads:\t181\n"
		"VmLck:\t      16 kB\nVmPin:\t      32 kB\nVmSwap:\t 8 kB\nRssAnon:\t  1024 kB\n"
		"RssFile:\t    2048 kB\nRssShmem:\t  4096 kB\nHugetlbPages:\t 1048576 kB\n"
		"CapInh:\t0\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nTHP_enabled:\t0\nCpus_allowed_list:\t0-3,8\nMems_allowed_list:\t1\n");

	(void)state;
	assert_int_equal(p.status.uid, 1000);
	assert_int_equal(p.status.inner_pid, 1);
	assert_int_equal(p.status.n_threads, 181);
	assert_int_equal(p.status.locked, 16384);
	assert_int_equal(p.status.pinned, 32768);
	assert_int_equal(p.status.swap, 8192);
	assert_int_equal(p.status.rss_anon, 1024 * 1024);
	assert_int_equal(p.status.rss_file, 2048 * 1024);
	assert_int_equal(p.status.rss_shmem, 4096 * 1024);
	assert_int_equal(p.status.hugetlb, INT64_C(1) << 30);
	assert_int_equal(p.status.capabilities_known, TRI_YES);
	assert_int_equal(p.status.effective, 0xa80425fb);
	assert_int_equal(p.status.thp, THP_PROCESS_DISABLED);
	assert_list_equal(&p.status.cpus, "0-3,8");
	assert_list_equal(&p.status.memory_nodes, "1");
}

/* A file that was cut off, a field that is garbage: unknown, never zero. */
static void test_status_in_halves(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"RssAnon:",
		"RssAnon:\n",
		"RssAnon:\t12",
		"RssAnon:\tmany kB\n",
		"RssAnon:\t-1 kB\n",
		"RssAnon:\t9223372036854775807 kB\n",
		"RssAnon:\t12 MB\n",
		"xRssAnon:\t12 kB\n",
	};
	struct live_process p;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		p = parse_status(texts[i]);
		assert_row_int(texts[i], p.status.rss_anon, FACT_UNKNOWN);
		assert_row_int(texts[i], p.status.capabilities_known, TRI_UNKNOWN);
		assert_row_int(texts[i], p.status.inner_pid, 4711);
	}
	p = parse_status("CapEff:\tzz\nTHP_enabled:\t7\nUid:\troot\nNStgid:\t\nCpus_allowed_list:\t3-1\n");
	assert_int_equal(p.status.capabilities_known, TRI_UNKNOWN);
	assert_int_equal(p.status.thp, THP_PROCESS_UNKNOWN);
	assert_int_equal(p.status.uid, FACT_UNKNOWN);
	assert_int_equal(p.status.inner_pid, 4711);
	assert_true(bitmap_is_empty(&p.status.cpus));
	/* The kernel escapes the newline of a name: it can make no field up. */
	p = parse_status("Name:\tx\\nRssAnon:\t1 kB\nRssAnon:\t12 kB\n");
	assert_int_equal(p.status.rss_anon, 12 * 1024);
}

static void test_auxv(void **state)
{
	static const struct {
		const char *name;
		Elf64_auxv_t entries[5];
		size_t size; /* 0 = all */
		int expected;
	} cases[] = {
		{ "usual",
		  { { AT_PHDR, { 0x400040 } }, { AT_PHENT, { 56 } }, { AT_PHNUM, { 13 } }, { AT_SECURE, { 1 } } },
		  0,
		  0 },
		{ "odd size", { { AT_PHDR, { 0x400040 } }, { AT_PHENT, { 32 } }, { AT_PHNUM, { 13 } } }, 0, -EINVAL },
		/* Words of half the size, two in one of ours. */
		{ "32-bit", { { AT_PHDR | 0x8048034ull << 32, { AT_PHENT | 32ull << 32 } } }, 0, -ENOEXEC },
		{ "no headers", { { AT_PHENT, { 56 } }, { AT_PHNUM, { 13 } } }, 0, -EINVAL },
		{ "too many", { { AT_PHDR, { 1 } }, { AT_PHENT, { 56 } }, { AT_PHNUM, { 60000 } } }, 0, -EINVAL },
		{ "cut off", { { AT_PHDR, { 0x400040 } }, { AT_PHENT, { 56 } } }, 31, -EINVAL },
		{ "empty", { { 0, { 0 } } }, 1, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t size = cases[i].size ? cases[i].size : sizeof cases[i].entries;
		/* Of the exact size, for the sanitizer, and at an odd address. */
		char *bytes = (char *)mem_alloc(&pool, size + 1) + 1;
		struct live_auxv auxv = { .phdr = 7 };

		memcpy(bytes, cases[i].entries, size);
		assert_row_int(cases[i].name, auxv_parse(bytes, size, &auxv), cases[i].expected);
		assert_row_int(cases[i].name, (long long)auxv.phdr, cases[i].expected ? 7 : 0x400040);
		assert_row_int(cases[i].name, (long long)auxv.secure, cases[i].expected ? 0 : 1);
	}
}

static void test_maps_lines(void **state)
{
	static const struct {
		const char *line, *path; /* path NULL: no such line */
		uint64_t start, end;
		bool is_deleted;
	} cases[] = {
		{ "7f00-7f10 r-xp 00000000 08:02 173521      /usr/lib/libc.so.6\n", "/usr/lib/libc.so.6", 0x7f00,
		  0x7f10, false },
		{ "7f00-7f10 rw-p 00000000 00:00 0 \nnext", "", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 rw-p 00000000 00:00 0", "", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 rw-p 00000000 00:00 0      [anon: a b ]\n", "[anon: a b ]", 0x7f00, 0x7f10, false },
		{ "ffffffffff600000-ffffffffff601000 --xp 0 00:00 0    [vsyscall]\n", "[vsyscall]", 0xffffffffff600000,
		  0xffffffffff601000, false },
		{ "7f00-7f10 r-xp 0 08:02 1 /a b/lib x.so (deleted)\n", "/a b/lib x.so", 0x7f00, 0x7f10, true },
		{ "7f00-7f10 r-xp 0 08:02 1 /a (deleted)/b\n", "/a (deleted)/b", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 r-xp 0 08:02 1 /a\\012b\\012\n", "/a\nb\n", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 r-xp 0 08:02 1 /a\\040b\\01\\\n", "/a\\040b\\01\\", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 r-xp 0 08:02 1 /\x1b[31m\xff\n", "/\x1b[31m\xff", 0x7f00, 0x7f10, false },
		{ "7f00-7f10 r-xp 0 08:02 1  (deleted)\n", "(deleted)", 0x7f00, 0x7f10, false },
		{ "", NULL, 0, 0, false },
		{ "7f10-7f00 r-xp 0 08:02 1 /a\n", NULL, 0, 0, false },
		{ "7f00", NULL, 0, 0, false },
		{ "7f00-", NULL, 0, 0, false },
		{ "-7f00 r", NULL, 0, 0, false },
		{ "7f00-7f10\n", NULL, 0, 0, false },
		{ "7f0000000000000000-7f0000000000000001 r-xp", NULL, 0, 0, false },
		{ "Size:                  4 kB\n", NULL, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *line = mem_strdup(&pool, cases[i].line);
		struct mapping mapping = { .start = 3 };
		bool is_deleted;
		int r = maps_parse_line(line, &mapping);

		assert_row_int(line, r, cases[i].path ? 0 : -EINVAL);
		assert_row_int(line, (long long)mapping.start, cases[i].path ? (long long)cases[i].start : 3);
		if (r < 0)
			continue;
		assert_row_int(line, (long long)mapping.end, (long long)cases[i].end);
		assert_row_string(line, maps_dup_path(&pool, &mapping, &is_deleted), cases[i].path);
		assert_row_int(line, is_deleted, cases[i].is_deleted);
	}
}

static const char small_maps[] = "1000-2000 r--p 00000000 08:02 11 /usr/bin/server\n"
				 "2000-3000 r-xp 00001000 08:02 11 /usr/bin/server\n"
				 "nonsense\n"
				 "5000-6000 rw-p 00000000 00:00 0 [heap]\n"
				 "7000-8000 r-xp 00000000 08:02 12 /lib/libc.so.6\n"
				 "8000-9000 r-xp 00000000 08:02 12 /lib/libc.so.6\n"
				 "9000-a000 r-xp 00000000 00:00 0 [vdso]\n"
				 "a000-b000 r--p 00000000 08:02 13 /models/weights.bin\n"
				 "b000-c000 r-xp 00000000 08:02 14 /lib/libgone.so (deleted)";

static void test_maps_find(void **state)
{
	static const struct {
		uint64_t address;
		const char *path;
	} cases[] = {
		{ 0x0fff, NULL }, { 0x1000, "/usr/bin/server" }, { 0x2fff, "/usr/bin/server" },
		{ 0x3000, NULL }, { 0x5800, "[heap]" },          { 0xbfff, "/lib/libgone.so" },
		{ 0xc000, NULL }, { UINT64_MAX, NULL },          { 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mapping mapping;
		bool is_deleted;
		int r = maps_find(small_maps, cases[i].address, &mapping);

		assert_int_equal(r, cases[i].path ? 0 : -ENOENT);
		if (r == 0)
			assert_string_equal(maps_dup_path(&pool, &mapping, &is_deleted), cases[i].path);
	}
	assert_int_equal(maps_find("", 0, &(struct mapping){ 0 }), -ENOENT);
}

static void test_maps_libraries(void **state)
{
	char **paths = maps_list_libraries(&pool, small_maps);
	char *many = mem_alloc(&pool, 100 * 9000 + 1);
	size_t at = 0, n = 0;

	(void)state;
	assert_string_equal(paths[0], "/usr/bin/server");
	assert_string_equal(paths[1], "/lib/libc.so.6");
	assert_string_equal(paths[2], "/lib/libgone.so");
	assert_null(paths[3]);
	assert_null(maps_list_libraries(&pool, "")[0]);
	assert_int_equal(maps_count(small_maps), 8);
	/* Two files in turns must not fill the memory of whoever looks. */
	for (int i = 0; i < 9000; i++)
		at += (size_t)sprintf(many + at, "1000-2000 r-xp 0 08:02 1 /lib/%s.so\n", i % 2 ? "a" : "b");
	for (paths = maps_list_libraries(&pool, many); paths[n]; n++)
		;
	assert_int_equal(n, MAPS_LIBRARIES_MAX);
}

/* vm.max_map_count is 65,530, and larger where somebody raised it. */
/* In two pieces, cut behind the line that `cut` bytes from the start is in. */
static int64_t sum_in_pieces(const char *text, size_t cut)
{
	struct smaps_sum sum = { "jemalloc", FACT_UNKNOWN, false };
	const char *end = strchr(text + cut, '\n');
	size_t n = end ? (size_t)(end + 1 - text) : strlen(text);

	smaps_add(&sum, mem_strndup(&pool, text, n));
	smaps_add(&sum, text + n);
	return sum.bytes;
}

static void test_maps_of_70000_lines(void **state)
{
	static const int lines = 70000;
	char *text = mem_alloc(&pool, (size_t)lines * 100 + 1);
	struct timespec before, after;
	struct mapping mapping;
	size_t at = 0;

	(void)state;
	for (int i = 0; i < lines; i++)
		at += (size_t)sprintf(text + at, "%x000-%x000 r-xp 00000000 08:02 1 /usr/lib/lib%05d.so\n", i + 16,
				      i + 17, i / 2);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(maps_count(text), lines);
	assert_int_equal(maps_find(text, (uint64_t)(lines + 15) << 12, &mapping), 0);
	assert_int_equal(mapping.end, (uint64_t)(lines + 16) << 12);
	assert_int_equal(sum_in_pieces(text, strlen(text)), FACT_UNKNOWN);
	maps_list_libraries(&pool, text);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	/* Some 20 ms without sanitizers. */
	assert_true(after.tv_sec - before.tv_sec < 3);
}

static void test_smaps(void **state)
{
	static const struct {
		const char *text;
		int64_t expected;
	} cases[] = {
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemalloc_pg]\nRss: 9 kB\nAnonymous:      4 kB\nVmFlags: rd\n"
		  "7f20-7f30 rw-p 0 00:00 0 \nAnonymous: 100 kB\n"
		  "7f30-7f40 rw-p 0 00:00 0 [anon:jemalloc_meta]\nAnonymous:\t8 kB\n",
		  12 * 1024 },
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemalloc_pg]\n", 0 },
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemalloc]\nAnonymous: 4 kB\n", 4096 },
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemall]\nAnonymous: 4 kB\n", FACT_UNKNOWN },
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:glibc: malloc]\nAnonymous: 4 kB\n", FACT_UNKNOWN },
		{ "7f00-7f10 rw-p 0 00:00 0 /tmp/[anon:jemalloc_pg]\nAnonymous: 4 kB\n", FACT_UNKNOWN },
		{ "Anonymous: 4 kB\n", FACT_UNKNOWN },
		{ "", FACT_UNKNOWN },
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemalloc_pg]\nAnonymous: -4 kB\nAnonymous: x\n", 0 },
		/* A sum that would overflow stays. */
		{ "7f00-7f10 rw-p 0 00:00 0 [anon:jemalloc_a]\nAnonymous: 9007199254740991 kB\n"
		  "7f10-7f20 rw-p 0 00:00 0 [anon:jemalloc_b]\nAnonymous: 9007199254740991 kB\n",
		  INT64_C(9007199254740991) * 1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++)
			assert_row_int(cases[i].text, sum_in_pieces(cases[i].text, cut), cases[i].expected);
	}
}

static void test_numa_policies(void **state)
{
	static const struct {
		const char *words;
		int64_t policy;
		const char *nodes;
	} cases[] = {
		{ "default", MPOL_DEFAULT, NULL },
		{ "local", MPOL_LOCAL, NULL },
		{ "bind:0-1", MPOL_BIND, "0-1" },
		{ "bind=static:0", MPOL_BIND, "0" },
		{ "bind=static|balancing:0,3", MPOL_BIND, "0,3" },
		{ "prefer:1", MPOL_PREFERRED, "1" },
		{ "prefer=relative:1", MPOL_PREFERRED, "1" },
		{ "prefer (many):0-1", MPOL_PREFERRED_MANY, "0-1" },
		{ "prefer (many)=static:2", MPOL_PREFERRED_MANY, "2" },
		{ "interleave:0-3", MPOL_INTERLEAVE, "0-3" },
		{ "weighted interleave:0-1", 6, "0-1" },
		{ "binding:0", FACT_UNKNOWN, NULL },
		{ "new policy:0", FACT_UNKNOWN, NULL },
		{ "", FACT_UNKNOWN, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct numa_maps maps;

		numa_maps_parse(&pool,
				mem_printf(&pool, "7f00 %s anon=3 dirty=3 N0=3 kernelpagesize_kB=4\n", cases[i].words),
				&maps);
		assert_row_int(cases[i].words, maps.policy, cases[i].policy);
		assert_row_string(cases[i].words, maps.policy_nodes, cases[i].nodes);
		assert_row_int(cases[i].words, maps.node_bytes[0], 3 * 4096);
		/* At the end of its line, which is where a mapping without pages has it. */
		numa_maps_parse(&pool, mem_printf(&pool, "7f00 %s\n", cases[i].words), &maps);
		assert_row_int(cases[i].words, maps.policy, cases[i].policy);
		assert_row_string(cases[i].words, maps.policy_nodes, cases[i].nodes);
	}
}

static void test_numa_nodes(void **state)
{
	static const struct {
		const char *name, *text;
		size_t n_nodes;
		int64_t first, last; /* bytes */
	} cases[] = {
		{ "two nodes", "7f00 default anon=7 N0=5 N1=2 kernelpagesize_kB=4\n", 2, 20480, 8192 },
		{ "sum", "1 default N0=1 N2=1 kernelpagesize_kB=4\n2 default N0=1 kernelpagesize_kB=4\n", 3, 8192,
		  4096 },
		{ "hugetlb",
		  "7f00 bind:0 file=/anon_hugepage\\040(deleted) huge anon=2 N0=2 kernelpagesize_kB=1048576\n", 1,
		  INT64_C(2) << 30, INT64_C(2) << 30 },
		{ "64 KiB pages", "7f00 default anon=1 N0=1 kernelpagesize_kB=64\n", 1, 65536, 65536 },
		{ "no end", "7f00 default N0=1 kernelpagesize_kB=4", 1, 4096, 4096 },
		{ "no size", "7f00 default N0=1\n", 1, 4096, 4096 },
		{ "odd size", "7f00 default N0=1 kernelpagesize_kB=-4\n", 1, 4096, 4096 },
		{ "overflow", "7f00 default N0=9223372036854775807 kernelpagesize_kB=4\n7f10 default N0=5\n", 1,
		  INT64_MAX, INT64_MAX },
		{ "not of the next line", "7f00 default\nN0=1 N1=1\n", 2, 4096, 4096 },
		{ "garbage", "7f00 default N=1 N-1=4 N0 N1= N2=x N99999=3 N3=-1 Nx=2\n\n \n", 0, 0, 0 },
		{ "empty", "", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct numa_maps maps;

		numa_maps_parse(&pool, cases[i].text, &maps);
		assert_row_int(cases[i].name, (long long)maps.n_nodes, (long long)cases[i].n_nodes);
		if (!maps.n_nodes)
			continue;
		assert_row_int(cases[i].name, maps.node_bytes[0], cases[i].first);
		assert_row_int(cases[i].name, maps.node_bytes[maps.n_nodes - 1], cases[i].last);
	}
}

/* The policy that counts is that of most bytes, not of most pages. */
static void test_numa_largest_mapping(void **state)
{
	struct numa_maps maps;

	(void)state;
	numa_maps_parse(&pool,
			"1 default file=/lib/libc.so.6 mapped=400 N0=400 kernelpagesize_kB=4\n"
			"2 bind:1 anon=300 N1=300 kernelpagesize_kB=4\n"
			"3 prefer:0 anon=2 huge N0=2 kernelpagesize_kB=2048\n"
			"4 interleave:0-1 anon=500 N0=500 kernelpagesize_kB=4\n",
			&maps);
	assert_int_equal(maps.policy, MPOL_PREFERRED);
	assert_string_equal(maps.policy_nodes, "0");
	assert_int_equal(maps.node_bytes[1], 300 * 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stat),
		TEST(test_stat_of_a_kernel_thread),
		TEST(test_status),
		TEST(test_status_in_halves),
		TEST(test_auxv),
		TEST(test_maps_lines),
		TEST(test_maps_find),
		TEST(test_maps_libraries),
		TEST(test_maps_of_70000_lines),
		TEST(test_smaps),
		TEST(test_numa_policies),
		TEST(test_numa_nodes),
		TEST(test_numa_largest_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
