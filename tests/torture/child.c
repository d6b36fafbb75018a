/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command of a torture: says who it is and what serves it, a "key value" in each line, on standard
 * output; built as -shared it is a library that does nothing, to be preloaded beside ours.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Is there code of this file in our memory? */
static int child_has_mapped(const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[8192], *file;
	int is_there = 0;

	while (maps && fgets(line, sizeof line, maps)) {
		line[strcspn(line, "\n")] = '\0';
		file = strchr(line, '/');
		is_there |= file && strstr(line, " r-xp ") && strcmp(file, path) == 0;
	}
	if (maps)
		fclose(maps);
	return is_there;
}

/* All variables that tell a bundled allocator what to do. */
static void child_show_options(void)
{
	printf("options");
	for (char **e = environ; *e; e++) {
		if (strncmp(*e, "MALLOC_CONF=", 12) == 0 || strncmp(*e, "MIMALLOC_", 9) == 0 ||
		    strncmp(*e, "ALLOCRUN_PURGE=", 15) == 0)
			printf(" %s", *e);
	}
	printf("\n");
}

static void child_show_variable(const char *name)
{
	const char *value = getenv(name);

	printf("%s %s\n", name, value ? value : "");
}

int main(void)
{
	void *volatile block = malloc(100000);
	gid_t groups[64];
	uid_t uid[3];
	gid_t gid[3];
	Dl_info info = { .dli_fname = "" };
	int n = getgroups(64, groups);

	/* Who answers for malloc, and has he done so just now. */
	if (!block || !dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info))
		return 1;
	memset(block, 1, 100000);
	getresuid(&uid[0], &uid[1], &uid[2]);
	getresgid(&gid[0], &gid[1], &gid[2]);
	printf("pid %d\n", (int)getpid());
	printf("malloc %s\nmapped %d\n", info.dli_fname, child_has_mapped(info.dli_fname));
	printf("uid %u %u %u\ngid %u %u %u\ngroups", uid[0], uid[1], uid[2], gid[0], gid[1], gid[2]);
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\nno-new-privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	child_show_variable("LD_PRELOAD");
	child_show_options();
	child_show_variable("HOME");
	free(block);
	return fflush(stdout) == 0 ? 0 : 1;
}
