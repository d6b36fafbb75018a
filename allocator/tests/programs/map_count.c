/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has used up its vm.max_map_count: allocation succeeds from what the
 * allocator has, or fails with ENOMEM; free never fails; and when mappings can be had
 * again, so can memory. */
#include "check.h"

#include <sys/mman.h>

enum { BLOCKS = 4000 };

static unsigned char *blocks[BLOCKS];

static size_t size_of(int i)
{
	return i % 50 == 0 ? 3000000 : i % 5 == 0 ? 70000 : 700;
}

/* Fills every other free slot of BLOCKS; says how many could not be had. */
static int allocate(void)
{
	int failed = 0;

	for (int i = 0; i < BLOCKS; i++) {
		if (blocks[i])
			continue;
		errno = 0;
		blocks[i] = malloc(size_of(i));
		if (!blocks[i]) {
			CHECK(errno == ENOMEM);
			failed++;
			continue;
		}
		memset(blocks[i], i, size_of(i));
	}
	return failed;
}

static void release(int step)
{
	for (int i = 0; i < BLOCKS; i += step) {
		if (!blocks[i])
			continue;
		CHECK(blocks[i][0] == (unsigned char)i && blocks[i][size_of(i) - 1] == (unsigned char)i);
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

/* Every other page of one mapping gets other rights, so that each becomes a mapping of
 * its own, until the kernel says no. */
static size_t exhaust(unsigned char *area, size_t pages, size_t page)
{
	size_t i;

	for (i = 0; i < pages; i++)
		if (mprotect(area + 2 * i * page, page, PROT_READ) != 0)
			break;
	CHECK(i < pages && errno == ENOMEM);
	return i;
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 0, split;
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	unsigned char *area;
	int failed = 0;

	check_served("malloc");
	CHECK(file && fscanf(file, "%zu", &pages) == 1);
	fclose(file);
	CHECK(allocate() == 0);

	area = mmap(NULL, 2 * pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
	split = exhaust(area, pages, page);
	for (int round = 1; round <= 20; round++) {
		release(round % 7 + 1);
		failed += allocate();
	}
	release(2);
	CHECK(munmap(area, 2 * pages * page) == 0);

	CHECK(allocate() == 0);
	release(1);
	fprintf(stderr, "%zu mappings split off; %d allocations failed\n", split, failed);
	puts("ok");
	return 0;
}
