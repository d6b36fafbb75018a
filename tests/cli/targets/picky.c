/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload that lives with no malloc but the libc's, as libfaketime does. With
 * another one it hangs, crashes or ends the program, as PICKY says ("hang", "hang-unseen": with its
 * output closed, "crash", "exit", "flood": it writes without end). PICKY_NAME: only where the malloc's file has that in
 * its name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void picky_look(void)
{
	const char *way = getenv("PICKY"), *name = getenv("PICKY_NAME");
	Dl_info info;

	if (!dladdr((void *)malloc, &info) || strstr(info.dli_fname, "/libc.so"))
		return;
	if (!way || (name && !strstr(info.dli_fname, name)))
		return;
	if (strcmp(way, "hang-unseen") == 0) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
	}
	if (strncmp(way, "hang", 4) == 0)
		pause();
	while (strcmp(way, "flood") == 0)
		(void)!write(STDERR_FILENO, "no\n", 3);
	if (strcmp(way, "crash") == 0)
		abort();
	_exit(3);
}
