/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one kind: grow KIND MIB SPEED [FILE]
 *
 *   leak      blocks of malloc that nobody frees
 *   fragments blocks of malloc, of which seven of eight are freed at the end
 *   freed     blocks of malloc, of which the last seven eighths are freed at the end
 *   maps      anonymous memory that no allocator knows of
 *   shared    shared memory
 *   file      FILE, mapped and read; it is made, full of holes
 *
 * SPEED: so many MiB in a second, 0: all at once. Says "done" when all is there, and
 * stays until it is killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define BLOCK 1024
#define BLOCKS_IN_MIB (MIB / BLOCK)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void pace(long speed)
{
	struct timespec rest = { 0, speed ? 1000000000L / speed : 0 };

	if (speed)
		nanosleep(&rest, NULL);
}

/* Where `mib` can be mapped and touched later. */
static volatile char *map(const char *kind, size_t mib, const char *file)
{
	int fd = -1, flags = MAP_ANONYMOUS | (strcmp(kind, "maps") == 0 ? MAP_PRIVATE : MAP_SHARED);
	void *at;

	if (strcmp(kind, "file") == 0) {
		fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || ftruncate(fd, (off_t)(mib * MIB)) < 0)
			die(file);
		flags = MAP_SHARED;
	}
	at = mmap(NULL, mib * MIB, fd < 0 ? PROT_READ | PROT_WRITE : PROT_READ, flags, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void touch(volatile char *at, const char *kind)
{
	for (size_t i = 0; i < MIB; i += 4096) {
		if (strcmp(kind, "file") == 0)
			(void)at[i];
		else
			at[i] = 1;
	}
}

/* Returned, so that no compiler leaves them out. */
static void **allocate(size_t mib, long speed)
{
	void **blocks = malloc(mib * BLOCKS_IN_MIB * sizeof *blocks);

	for (size_t i = 0; blocks && i < mib * BLOCKS_IN_MIB; i++) {
		blocks[i] = malloc(BLOCK);
		if (!blocks[i])
			die("malloc");
		memset(blocks[i], 1, BLOCK);
		if (i % BLOCKS_IN_MIB == 0)
			pace(speed);
	}
	return blocks;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	long speed = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	if (!mib) {
		fprintf(stderr, "usage: grow leak|fragments|freed|maps|shared|file MIB SPEED [FILE]\n");
		return 2;
	}
	if (strcmp(argv[1], "leak") == 0 || strcmp(argv[1], "fragments") == 0 || strcmp(argv[1], "freed") == 0) {
		void **blocks = allocate(mib, speed);

		for (size_t i = 0; i < mib * BLOCKS_IN_MIB; i++) {
			if (strcmp(argv[1], "fragments") == 0 ?
				    i % 8 > 0 :
				    strcmp(argv[1], "freed") == 0 && i >= mib * BLOCKS_IN_MIB / 8)
				free(blocks[i]);
		}
	} else {
		volatile char *at = map(argv[1], mib, argc > 4 ? argv[4] : NULL);

		for (size_t i = 0; i < mib; i++) {
			touch(at + i * MIB, argv[1]);
			pace(speed);
		}
	}
	puts("done");
	fflush(stdout);
	for (;;)
		pause();
}
