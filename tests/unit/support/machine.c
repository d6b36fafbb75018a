/* SPDX-License-Identifier: Apache-2.0 */
/* Captured machines as the root of all reads. */
#include "support/support.h"
#include "detect/detect.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MACHINES_DIR
#define MACHINES_DIR "tests/machines" /* from the top of the repository */
#endif

/* The NAME=VALUE lines of a captured machine. */
static const char *const *machine_read_environment(const struct root *root, struct mem *m)
{
	const char **environment = NULL;
	size_t n = 0;
	char *text, *rest;

	if (root_read(root, m, "/environment", PATH_READ_MAX, &text, NULL) == 0) {
		for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			*MEM_PUSH(m, environment, n) = line;
	}
	*MEM_PUSH(m, environment, n) = NULL;
	return environment;
}

bool machine_is_thorough = true;

static void machine_detect(struct machine *machine)
{
	struct detect_request request = {
		.environment = machine->environment,
		.thorough = machine_is_thorough,
	};

	facts_detect(&machine->root, &machine->mem, &request, &machine->facts);
}

void machine_open_with(struct machine *ret, const char *name, const char *const *environment)
{
	char path[PATH_MAX];

	ret->mem = MEM_INIT;
	snprintf(path, sizeof path, "%s/%s", MACHINES_DIR, name);
	if (root_open(path, &ret->root) < 0)
		fail_msg("%s: cannot be opened as a root", path);
	ret->environment = environment ? environment : machine_read_environment(&ret->root, &ret->mem);
	machine_detect(ret);
}

void machine_open(struct machine *ret, const char *name)
{
	machine_open_with(ret, name, NULL);
}

void machine_close(struct machine *machine)
{
	root_close(&machine->root);
	mem_free_all(&machine->mem);
}

void assert_list_equal(const struct bitmap *b, const char *list)
{
	struct mem m = MEM_INIT;

	assert_string_equal(bitmap_format_list(&m, b), list);
	mem_free_all(&m);
}
