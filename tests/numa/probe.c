/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of this process: its CPUs, its memory policy, its THP switch, and
 * the nodes on which the memory lies that it touches. Started under allocrun in a guest;
 * a line "KEY VALUE" for each answer.
 *
 *   probe show                  the process alone
 *   probe touch MIB             maps and touches so much
 *   probe malloc MIB            the same through malloc, in blocks of 1 MiB
 *   probe hold MIB              as touch, then waits for the end of standard input
 *   probe fill NODE LEAVE_MIB   takes NODE's memory but for so much, then waits likewise
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define NODES 1024
#define CPUS 4096
#define WORD (8 * sizeof(unsigned long))

static const char *const modes[] = { "default",        "preferred",          "bind", "interleave", "local",
				     "preferred-many", "weighted-interleave" };

static void fail(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(70);
}

/* "0-2,5", as the kernel writes lists; "none" for an empty one. */
static void print_list(const unsigned long *words, unsigned int n)
{
	const char *separator = "";

	for (unsigned int i = 0; i < n; i++) {
		unsigned int first = i;

		if (!(words[i / WORD] >> i % WORD & 1))
			continue;
		while (i + 1 < n && (words[(i + 1) / WORD] >> (i + 1) % WORD & 1))
			i++;
		printf(first == i ? "%s%u" : "%s%u-%u", separator, first, i);
		separator = ",";
	}
	puts(*separator ? "" : "none");
}

static void print_field(const char *key, const char *field)
{
	char line[4096];
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		fail("/proc/self/status");
	while (fgets(line, sizeof line, file)) {
		if (strncmp(line, field, strlen(field)) == 0)
			printf("%s %s", key, line + strlen(field) + strspn(line + strlen(field), ":\t "));
	}
	fclose(file);
}

static void show_process(void)
{
	unsigned long cpus[CPUS / WORD] = { 0 }, nodes[NODES / WORD] = { 0 };
	int mode = -1;

	if (sched_getaffinity(0, sizeof cpus, (cpu_set_t *)cpus) < 0)
		fail("sched_getaffinity");
	printf("cpus ");
	print_list(cpus, CPUS);
	if (syscall(SYS_get_mempolicy, &mode, nodes, NODES + 1, NULL, 0) < 0)
		fail("get_mempolicy");
	printf("policy %s ", (size_t)mode < sizeof modes / sizeof *modes ? modes[mode] : "unknown");
	print_list(nodes, NODES);
	printf("thp %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	print_field("status-cpus", "Cpus_allowed_list");
	print_field("status-mems", "Mems_allowed_list");
	print_field("status-thp", "THP_enabled");
	printf("page-size %ld\n", sysconf(_SC_PAGESIZE));
	/* The scheduler had its say: a CPU outside of the list would be seen here. */
	printf("on-cpu %d\n", sched_getcpu());
}

/* The allocators that are mapped here, by the folders that their builds lie in. */
static void show_libraries(void)
{
	char line[4096], last[256] = "";
	FILE *file = fopen("/proc/self/maps", "re");

	if (!file)
		fail("/proc/self/maps");
	while (fgets(line, sizeof line, file)) {
		char *name = strstr(line, "/instead-of-libtcmalloc/"), *end;

		if (!name)
			continue;
		name += strlen("/instead-of-libtcmalloc/");
		end = strchr(name, '/');
		if (end && (size_t)(end - name) < sizeof last) {
			*end = '\0';
			if (strcmp(last, name) != 0)
				printf("loaded %s\n", strcpy(last, name));
		}
	}
	fclose(file);
}

/* What one line of numa_maps says: the KiB on each node, and how many of them huge. */
struct placement {
	long kib[NODES];
	long huge_kib;
	char policy[128];
};

static void add_line(struct placement *p, char *line)
{
	long on_node[NODES] = { 0 }, kib = 4;
	int is_huge = 0;

	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		char *end;
		long node;

		if (strncmp(word, "kernelpagesize_kB=", 18) == 0)
			kib = strtol(word + 18, NULL, 10);
		is_huge |= strcmp(word, "huge") == 0;
		if (*word != 'N')
			continue;
		node = strtol(word + 1, &end, 10);
		if (*end == '=' && node >= 0 && node < NODES)
			on_node[node] = strtol(end + 1, NULL, 10);
	}
	for (int i = 0; i < NODES; i++) {
		p->kib[i] += on_node[i] * kib;
		p->huge_kib += is_huge ? on_node[i] * kib : 0;
	}
}

/* The mapping at `start`, or with 0 all anonymous ones. */
static void read_numa_maps(uintptr_t start, struct placement *ret)
{
	char line[8192];
	FILE *file = fopen("/proc/self/numa_maps", "re");

	if (!file)
		fail("/proc/self/numa_maps");
	while (fgets(line, sizeof line, file)) {
		char *rest;
		uintptr_t address = strtoul(line, &rest, 16);

		if (start ? address != start : !strstr(line, " anon="))
			continue;
		if (!start && strstr(line, " stack"))
			continue;
		sscanf(rest, " %127s", ret->policy);
		/* The two names with a space: "prefer (many):0-1", "weighted interleave:0-1". */
		if (strcmp(ret->policy, "prefer") == 0 || strcmp(ret->policy, "weighted") == 0) {
			size_t length = strlen(ret->policy);

			ret->policy[length] = '-';
			sscanf(rest, " %*s %118s", ret->policy + length + 1);
		}
		add_line(ret, rest);
	}
	fclose(file);
}

static void show_memory(uintptr_t start)
{
	static struct placement p;

	read_numa_maps(start, &p);
	if (start)
		printf("maps-policy %s\n", p.policy);
	for (int i = 0; i < NODES; i++) {
		if (p.kib[i])
			printf("node%d %ld\n", i, p.kib[i]);
	}
	printf("huge %ld\n", p.huge_kib);
}

/* An address of its own, so that no neighbour is merged into the line of numa_maps. */
static char *map(size_t size)
{
	char *block = mmap(NULL, size + 2 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (block == MAP_FAILED)
		fail("mmap");
	block += MIB;
	if (mprotect(block, size, PROT_READ | PROT_WRITE) < 0)
		fail("mprotect");
	return block;
}

static void touch(char *block, size_t size)
{
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)block)[i] = 1;
}

static void wait_for_end(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void use_malloc(size_t mib)
{
	for (size_t i = 0; i < mib; i++) {
		char *block = malloc(MIB);

		if (!block)
			fail("malloc");
		touch(block, MIB);
	}
}

static size_t node_free_kib(int node)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *file;

	snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node);
	file = fopen(path, "re");
	if (!file)
		fail(path);
	while (fgets(line, sizeof line, file)) {
		if (strstr(line, "MemFree:"))
			kib = strtoul(strstr(line, "MemFree:") + 8, NULL, 10);
	}
	fclose(file);
	return kib;
}

/* Bound by mbind, which counts as no policy of the process: the OOM killer takes others. */
static void fill(int node, size_t leave_mib)
{
	unsigned long nodes[NODES / WORD] = { 0 };
	size_t most = node_free_kib(node) * 1024;
	char *block = map(most);

	nodes[(size_t)node / WORD] = 1UL << (size_t)node % WORD;
	if (syscall(SYS_mbind, block, most, 2 /* MPOL_BIND */, nodes, NODES + 1, 0) < 0)
		fail("mbind");
	for (size_t i = 0; i < most && node_free_kib(node) > leave_mib * 1024; i += MIB)
		touch(block + i, MIB);
	wait_for_end();
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const char *verb = argc > 1 ? argv[1] : "";
	char *block;

	/* What is said before it is killed is said. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	show_process();
	show_libraries();
	if (strcmp(verb, "fill") == 0 && argc > 3) {
		fill((int)size, strtoul(argv[3], NULL, 10));
	} else if (strcmp(verb, "malloc") == 0) {
		use_malloc(size);
		show_memory(0);
	} else if (strcmp(verb, "touch") == 0 || strcmp(verb, "hold") == 0) {
		block = map(size * MIB);
		touch(block, size * MIB);
		show_memory((uintptr_t)block);
		if (*verb == 'h')
			wait_for_end();
	} else if (strcmp(verb, "show") != 0) {
		errno = EINVAL;
		fail(verb);
	}
	return 0;
}
