/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of liballocpool for a shard on each node: on which nodes do its rows and fields lie, says
 * the kernel? Lines as probe's.
 *
 *   shards POLICY NODE...      bind or prefer: a pool for each; interleave: one over all
 *   shards hugetlb NODE MIB    so much on 2 MiB pages of NODE, or on others; hugetlb-only: or less
 *
 * shard-N-rows, shard-N-stamps: the nodes of its pages, with their number on each. Half of the rows are prepared,
 * half come with their first touch. got, huge: MiB that it got, and on reserved pages; refused: why no more;
 * free: reserved pages of the machine before, meanwhile, and after all was given back.
 */
#include "allocpool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES 64
#define ROWS 2048u
#define ROW_BYTES 1024u

static void fail(const char *what, long error)
{
	fprintf(stderr, "shards: %s: %s\n", what, strerror((int)-error));
	exit(70);
}

/* "0:512 1:512": each node, and how many pages it has of BYTES at AREA. */
static void print_nodes(const char *key, unsigned long shard, const void *area, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = (bytes + page - 1) / page;
	unsigned long pages[NODES] = { 0 };
	for (size_t i = 0; i < count; i++) {
		const void *at = (const char *)area + i * page;
		int node = -1;
		if (syscall(SYS_move_pages, 0, 1ul, &at, NULL, &node, 0) != 0 || node < 0 || node >= NODES)
			fail("move_pages", node < 0 ? node : -EINVAL);
		pages[node]++;
	}
	printf("shard-%lu-%s", shard, key);
	for (unsigned node = 0; node < NODES; node++)
		if (pages[node])
			printf(" %u:%lu", node, pages[node]);
	putchar('\n');
}

static void show_shard(uint32_t numa, uint64_t nodes, unsigned long shard)
{
	struct allocpool_config config = { .size = sizeof config,
					   .row_bytes = ROW_BYTES,
					   .max_rows = ROWS,
					   .fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP,
					   .numa = numa,
					   .nodes = nodes };
	struct allocpool *pool;
	uint32_t row;
	int error = allocpool_create(&config, &pool);
	if (!error)
		error = allocpool_prepare(pool, ROWS / 2);
	if (error)
		fail("the pool", error);
	const struct allocpool_view *view = allocpool_get_view(pool);
	for (uint32_t i = 0; i < ROWS; i++) {
		error = allocpool_alloc(pool, i, 1, &row);
		if (error)
			fail("alloc", error);
		memset(allocpool_pointer(view, row), 1, ROW_BYTES);
	}
	print_nodes("rows", shard, view->rows, (size_t)ROWS * ROW_BYTES);
	print_nodes("stamps", shard, view->stamps, ROWS * sizeof(uint32_t));
}

static long free_huge_pages(void)
{
	char line[128];
	long pages = -1;
	FILE *file = fopen("/proc/meminfo", "re");
	while (file && fgets(line, sizeof line, file) && sscanf(line, "HugePages_Free: %ld", &pages) != 1)
		;
	if (file)
		fclose(file);
	return pages;
}

static int show_huge(uint32_t pages, unsigned long node, unsigned long mib)
{
	struct allocpool_config config = { .size = sizeof config,
					   .row_bytes = 1u << 16,
					   .max_rows = (uint32_t)(mib * 16),
					   .pages = pages,
					   .numa = ALLOCPOOL_NUMA_BIND,
					   .nodes = 1ull << node };
	struct allocpool *pool;
	struct allocpool_stats stats;
	uint64_t bytes;
	uint32_t rows = 0, row = 0;
	long before = free_huge_pages();
	int error = allocpool_create(&config, &pool);
	if (error)
		fail("the pool", error);
	const struct allocpool_view *view = allocpool_get_view(pool);
	for (; rows < config.max_rows; rows++) {
		error = allocpool_alloc(pool, 0, 0, &row);
		if (error)
			break;
		memset(allocpool_pointer(view, row), 1, config.row_bytes);
	}
	allocpool_get_stats(pool, &stats);
	printf("got %u\nhuge %u\nrefused %s\n", rows / 16, (unsigned)(stats.hugetlb_bytes >> 20),
	       error ? strerror(-error) : "nothing");
	if (rows)
		print_nodes("rows", node, view->rows, rows * (size_t)config.row_bytes);
	long meanwhile = free_huge_pages();
	for (row = 0; row < rows; row++)
		if (allocpool_free(pool, row) != 0)
			fail("free", -EINVAL);
	error = allocpool_trim(pool, &bytes);
	if (error)
		fail("trim", error);
	printf("free %ld %ld %ld\n", before, meanwhile, free_huge_pages());
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strncmp(argv[1], "hugetlb", 7) == 0)
		return show_huge(argv[1][7] ? ALLOCPOOL_PAGES_HUGETLB_ONLY : ALLOCPOOL_PAGES_HUGETLB,
				 strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	uint64_t all = 0;
	uint32_t numa = argc < 3                           ? 0 :
			strcmp(argv[1], "bind") == 0       ? ALLOCPOOL_NUMA_BIND :
			strcmp(argv[1], "prefer") == 0     ? ALLOCPOOL_NUMA_PREFER :
			strcmp(argv[1], "interleave") == 0 ? ALLOCPOOL_NUMA_INTERLEAVE :
							     0;
	if (!numa) {
		fprintf(stderr, "usage: shards bind|prefer|interleave NODE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		unsigned long node = strtoul(argv[i], NULL, 10);
		all |= 1ull << node % NODES;
		if (numa != ALLOCPOOL_NUMA_INTERLEAVE)
			show_shard(numa, 1ull << node % NODES, node);
	}
	if (numa == ALLOCPOOL_NUMA_INTERLEAVE)
		show_shard(numa, all, 0);
	return 0;
}
