/* SPDX-License-Identifier: Apache-2.0 */
/* Holds memory that was allocated in functions with names of their own, and writes
 * heap profiles.
 *   prof_heap FILE      to FILE when asked (mallctl prof.dump), with prof_active as it
 *                       was until then turned on here
 *   prof_heap           at its end, if MALLOC_CONF says prof_final */
#include "check.h"

#include <stdbool.h>

typedef int (*mallctl_function)(const char *, void *, size_t *, void *, size_t);

static void *volatile held[4000];

static void __attribute__((noinline)) a_function_that_allocates_much(void)
{
	for (int i = 0; i < 4000; i++) {
		held[i] = malloc(40000);
		CHECK(held[i] != NULL);
	}
}

static void __attribute__((noinline)) a_function_that_frees_again(void)
{
	for (int i = 0; i < 4000; i++) {
		void *volatile p = malloc(40000);

		CHECK(p != NULL);
		free(p);
	}
}

int main(int argc, char **argv)
{
	mallctl_function mallctl = (mallctl_function)dlsym(RTLD_DEFAULT, "mallctl");
	const char *file = argc > 1 ? argv[1] : NULL;
	bool on = true;

	check_served("mallctl");
	if (file)
		CHECK(mallctl("prof.active", NULL, NULL, &on, sizeof(on)) == 0);
	a_function_that_frees_again();
	a_function_that_allocates_much();
	if (file)
		CHECK(mallctl("prof.dump", NULL, NULL, &file, sizeof(file)) == 0);
	puts("ok");
	return 0;
}
