/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries come and go while their blocks live on, also from several threads.
 *   dlopen_close PLUGIN */
#include "check.h"

#include <pthread.h>

static const char *path;

static void *run(void *arg)
{
	size_t (*works)(void);
	void *kept[200], *plugin;

	(void)arg;
	for (int i = 0; i < 200; i++) {
		plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		CHECK(plugin != NULL);
		works = (size_t(*)(void))dlsym(plugin, "plugin_works");
		CHECK(works && works() == 1000);
		kept[i] = malloc(1000);
		CHECK(kept[i] != NULL);
		CHECK(dlclose(plugin) == 0);
	}
	for (int i = 0; i < 200; i++)
		free(kept[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[4];

	check_served("malloc");
	CHECK(argc == 2);
	path = argv[1];
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, run, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);

	/* The allocator itself, opened and closed by its path as a probe would. */
	for (int i = 0; i < 10; i++) {
		void *self = dlopen(getenv("EXPECT_LIBRARY"), RTLD_NOW);
		CHECK(self != NULL);
		CHECK(dlclose(self) == 0);
	}
	free(malloc(100));
	puts("ok");
	return 0;
}
