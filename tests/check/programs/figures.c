/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mallctl(3) says of the heap, "allocated 1234" and so on, at rest: blocks of many sizes,
 * made by several threads and half of them freed. Says "done", and stays until it is killed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 20000

static int (*control)(const char *, void *, size_t *, void *, size_t);
static void *blocks[4][BLOCKS];

static void *work(void *of)
{
	void **mine = of;

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = i % 500 ? (i * 37) % 3000 + 1 : 200000 + i * 10;

		mine[i] = malloc(size);
		memset(mine[i], 1, size);
	}
	for (size_t i = 0; i < BLOCKS; i += 2)
		free(mine[i]);
	control("thread.tcache.flush", NULL, NULL, NULL, 0);
	return NULL;
}

static void show(int fd, const char *name)
{
	size_t value = 0, size = sizeof value;

	if (control(name, &value, &size, NULL, 0) == 0)
		dprintf(fd, "%s %zu\n", strrchr(name, '.') + 1, value);
}

static void show_all(int fd)
{
	uint64_t epoch = 1;

	control("epoch", NULL, NULL, &epoch, sizeof epoch);
	show(fd, "stats.allocated");
	show(fd, "stats.active");
	show(fd, "stats.metadata");
	show(fd, "stats.resident");
	show(fd, "stats.retained");
	show(fd, "stats.arenas.4096.pdirty");
	show(fd, "stats.arenas.4096.pmuzzy");
	show(fd, "stats.arenas.4096.bins.16.curregs");
	show(fd, "stats.arenas.4096.bins.16.curslabs");
}

int main(void)
{
	pthread_t threads[4];

	*(void **)&control = dlsym(RTLD_DEFAULT, "mallctl");
	if (!control)
		return 1;
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work, blocks[i]);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	control("thread.tcache.flush", NULL, NULL, NULL, 0);
	/* The first time it allocates what it asks with. */
	show_all(open("/dev/null", O_WRONLY));
	show_all(1);
	dprintf(1, "done\n");
	for (;;)
		pause();
}
